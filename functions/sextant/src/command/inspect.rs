//! `sextant inspect PATH`: what a source tree is, and how it would be built and run. Nothing of it is executed.

mod text;

use super::output::Output;
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Which tree, and what is known better than it says. Each flag wins over whatever is found or configured.
#[derive(Args)]
pub struct Inspect {
    /// The folder that is read.
    pub path: PathBuf,
    /// The app of a monorepo: its folder or its name.
    #[arg(long)]
    pub app: Option<String>,
    /// Read the tree as this provider: node, python, …
    #[arg(long)]
    pub provider: Option<inspect::Provider>,
    /// The framework: next, fastapi, …
    #[arg(long)]
    pub framework: Option<String>,
    /// The package manager: npm, uv, …
    #[arg(long)]
    pub package_manager: Option<String>,
    /// The version of the language.
    #[arg(long)]
    pub runtime_version: Option<String>,
    /// The command that installs dependencies.
    #[arg(long)]
    pub install_command: Option<String>,
    /// The command that builds.
    #[arg(long)]
    pub build_command: Option<String>,
    /// The command that starts the app.
    #[arg(long)]
    pub start_command: Option<String>,
    /// The port it listens on when $PORT is not set.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// The path that answers when the app is well.
    #[arg(long)]
    pub health_path: Option<String>,
    /// Only the files of this folder are served.
    #[arg(long)]
    pub static_dir: Option<String>,
}

impl Inspect {
    /// Reads the tree and says what it is.
    pub fn run(self, output: Output) -> Result<Ended> {
        let options = inspect::Options {
            app: self.app,
            provider: self.provider,
            framework: self.framework,
            package_manager: self.package_manager,
            runtime_version: self.runtime_version,
            install_command: self.install_command,
            build_command: self.build_command,
            start_command: self.start_command,
            port: self.port,
            health_path: self.health_path,
            static_dir: self.static_dir,
            limits: inspect::Limits::default(),
        };
        let report = inspect::read(&self.path, &options)?;
        output.data(&report, || text::of(&report));
        Ok(Ended::Done)
    }
}
