//! Why a tree could not be inspected. A tree that is merely not recognised is a report, not an error.

use std::path::PathBuf;

/// Why a tree could not be inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing at the path.
    #[error("there is nothing at {}; give the path of an existing folder", .0.display())]
    NotFound(PathBuf),
    /// The path is a file, a pipe or a device.
    #[error("{} is not a folder; give the folder that holds the app's source", .0.display())]
    NotAFolder(PathBuf),
    /// The folder itself could not be listed.
    #[error("{} could not be read ({source}); check its permissions", .path.display())]
    Unreadable {
        /// The folder that was to be read.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The app that was asked for is not in the tree.
    #[error("no app `{app}` in this tree; {}", known_apps(.known))]
    NoSuchApp {
        /// The folder that was asked for.
        app: String,
        /// The folders that hold an app.
        known: Vec<String>,
    },
}

fn known_apps(known: &[String]) -> String {
    if known.is_empty() {
        return "no folder of it looks like an app: leave the app away to inspect the root".into();
    }
    format!("it has {}: name one of these", known.join(", "))
}
