//! `sextant inspect PATH`: what a source tree is, and how it would be built and run. Nothing of it is executed.

use super::output::{Output, pairs};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Which tree, and what is known better than it says.
#[derive(Args)]
pub struct Inspect {
    /// The folder.
    pub path: PathBuf,
    /// The app's folder in a monorepo.
    #[arg(long)]
    pub app: Option<String>,
    /// Read the tree as this provider: node, python, …
    #[arg(long)]
    pub provider: Option<inspect::Provider>,
}

impl Inspect {
    /// Reads the tree and says what it is.
    pub fn run(self, output: Output) -> Result<Ended> {
        let options =
            inspect::Options { app: self.app, provider: self.provider, ..inspect::Options::default() };
        let report = inspect::read(&self.path, &options)?;
        output.data(&report, || text(&report));
        Ok(Ended::Done)
    }
}

fn text(report: &inspect::Report) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_default();
    let evidence: Vec<String> = report
        .evidence
        .iter()
        .map(|evidence| {
            let line = evidence.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{} ({}{line}, {:.0} %)", evidence.claim, evidence.file, evidence.confidence * 100.0)
        })
        .collect();
    let alternatives: Vec<String> = report
        .alternatives
        .iter()
        .map(|other| format!("{}: {} ({})", other.field, other.value, other.file))
        .collect();
    let port =
        report.port.map(|port| if report.port_fixed { format!("{port}, fixed") } else { port.to_string() });
    let rows = [
        ("Provider", report.provider.map_or_else(|| "not recognised".to_owned(), |p| p.to_string())),
        ("Framework", shown(&report.framework)),
        ("Packages", shown(&report.package_manager)),
        ("Runtime", shown(&report.runtime_version)),
        ("Install", shown(&report.install_command)),
        ("Build", shown(&report.build_command)),
        ("Start", shown(&report.start_command)),
        ("Serves", if report.static_site { shown(&report.static_dir) } else { String::new() }),
        ("Port", port.unwrap_or_default()),
        ("Health", shown(&report.health_path)),
        ("Needs", report.env_required.join(", ")),
        ("Monorepo", if report.monorepo { "yes".to_owned() } else { String::new() }),
        ("Because", evidence.join("\n")),
        ("Otherwise", alternatives.join("\n")),
        ("Missing", report.missing().unwrap_or_default()),
    ];
    pairs(&rows)
}
