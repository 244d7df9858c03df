//! The app that the demo deploys: a small server that this binary carries, as source and as itself.

use anyhow::{Context as _, Result};
use std::{fs, path::Path, process::ExitCode};

#[path = "../../../../../tests/apps/rust-http/src/main.rs"]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program of its own, which speaks to its log and is told by its environment"
)]
mod server;

/// Its source, which is what is deployed; it is not compiled again.
const SOURCE: &str = include_str!("../../../../../tests/apps/rust-http/src/main.rs");

/// `sextant demo-app`: runs as that server.
pub fn run() -> ExitCode {
    match server::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes the app into a folder: its source, and a Procfile that has this binary stand in for its build.
pub fn write(folder: &Path) -> Result<()> {
    let exe = std::env::current_exe().context("this program can't find its own file")?;
    let exe = exe.to_str().context("the path of this program is not UTF-8; move it to one that is")?;
    let quoted = exe.replace('\'', r"'\''");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/main.rs"), SOURCE)?;
    fs::write(folder.join("Procfile"), format!("web: '{quoted}' demo-app\n"))?;
    Ok(())
}
