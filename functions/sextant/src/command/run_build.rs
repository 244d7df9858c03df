//! `sextant run-build FOLDER`: carries out one build; the machine target starts it.

use crate::place::machine::Redactors;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// The folder of the build that is run.
#[derive(Args)]
pub struct RunBuild {
    /// The build's folder, with its order.
    pub folder: PathBuf,
}

impl RunBuild {
    /// Runs it to its end.
    pub fn run(&self) -> ExitCode {
        // Without a subscriber the runner's own failures would be lost.
        let _ = host::telemetry::init(host::telemetry::Format::Human, "warn");
        machine::target::runner::main(&self.folder, &Redactors)
    }
}
