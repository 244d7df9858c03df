//! What the caller knows better than the tree, and how far to look.

use crate::Provider;

/// What the caller knows better than the tree. Whatever is given here wins over anything found.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The app's folder in a monorepo, relative to the root, with `/` between its parts.
    pub app: Option<String>,
    /// Read the tree as this provider.
    pub provider: Option<Provider>,
    /// The framework: `next`, `fastapi`, …
    pub framework: Option<String>,
    /// The package manager: `npm`, `uv`, … It installs and runs scripts where it is one of the language's.
    pub package_manager: Option<String>,
    /// The version of the language.
    pub runtime_version: Option<String>,
    /// The command that starts the app.
    pub start_command: Option<String>,
    /// The command that builds the app.
    pub build_command: Option<String>,
    /// The command that installs dependencies.
    pub install_command: Option<String>,
    /// The port the app listens on when `$PORT` is not set.
    pub port: Option<u16>,
    /// The path that answers when the app is well.
    pub health_path: Option<String>,
    /// Only the files of this folder, relative to the app's, are served.
    pub static_dir: Option<String>,
    /// How far to look.
    pub limits: Limits,
}

/// How far to look. Reaching a limit is said in the report's evidence; it is not an error.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries of folders that are looked at.
    pub entries: usize,
    /// Folders below folders.
    pub depth: usize,
    /// Bytes of one file that are read; a larger file counts as present and is not read.
    pub file_bytes: u64,
    /// Bytes of all files together that are read.
    pub total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, depth: 12, file_bytes: 1 << 20, total_bytes: 32 << 20 }
    }
}
