//! Folders of this machine as sources: which may be deployed, and packing them.

use super::{Limits, cache::Staged};
use crate::target::files;
use archive::{Contents, Rules, git::Git};
use model::port::{PortError, source::Manifest, source::Origin};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// A folder that a user named, where it may be deployed: never the data folder, what is in it, or what it is in.
pub(super) fn checked(path: &str, data: &Path) -> Result<PathBuf, PortError> {
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(PortError::Permanent(format!(
            "`{path}` is not an absolute path; give the folder's whole path"
        )));
    }
    let found = given.canonicalize().map_err(|error| {
        PortError::Permanent(format!("the folder {path} can't be read: {error}; check its path"))
    })?;
    if !found.is_dir() {
        return Err(PortError::Permanent(format!(
            "{path} is a file, not a folder; give the folder that the app is in"
        )));
    }
    apart(&found, data)?;
    Ok(found)
}

/// Whether a folder has nothing to do with the data folder.
pub(super) fn apart(found: &Path, data: &Path) -> Result<(), PortError> {
    let how = if found == data {
        "is"
    } else if found.starts_with(data) {
        "lies in"
    } else if data.starts_with(found) {
        "holds"
    } else {
        return Ok(());
    };
    Err(PortError::Permanent(format!(
        "{} {how} Sextant's own data folder, with its keys and everybody's secrets, and is never deployed; \
         deploy the app's own folder, or move the data folder with --data",
        found.display()
    )))
}

/// Packs a folder into a file. What Git says of it is asked only where nobody has said it.
pub(super) async fn pack(
    folder: PathBuf,
    to: PathBuf,
    limits: Limits,
    path: String,
    origin: Option<Origin>,
) -> Result<(Manifest, Staged), PortError> {
    files::blocking(move || {
        let staged = Staged(to);
        let git = Git::of(&folder, Some(&path));
        let tracked = git.as_ref().and_then(Git::tracked);
        let origin = origin.or_else(|| git.as_ref().map(Git::origin)).unwrap_or_default();
        let tree =
            archive::walk(&folder, &Rules { tracked, limits }).map_err(|error| named(&folder, error))?;
        let file = File::create(&staged.0).map_err(|e| files::failed("create", &staged.0, &e))?;
        let packed: Result<Contents, _> =
            archive::pack(&tree, std::io::BufWriter::new(file), limits, &mut |_| {});
        let contents = packed.map_err(|error| named(&folder, error))?;
        Ok((contents.manifest(origin), staged))
    })
    .await
}

/// The same with the folder's name.
fn named(folder: &Path, error: archive::Error) -> PortError {
    let text = format!("{} can't be packed: {error}", folder.display());
    if error.is_transient() { PortError::Transient(text) } else { PortError::Permanent(text) }
}
