//! `sextant run-log FOLDER`: keeps what one app writes; the machine target starts it.

use crate::place::machine::Redactors;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Which revision's log.
#[derive(Args)]
pub struct RunLog {
    /// The revision's folder.
    pub folder: PathBuf,
}

impl RunLog {
    /// Runs until the app is gone.
    pub fn run(&self) -> ExitCode {
        machine::target::logger::main(&self.folder, &Redactors)
    }
}
