//! Writes the Dockerfile that would be generated for each folder: `generate-dockerfiles OUT FOLDER…`, one file
//! `OUT/NAME.Dockerfile` each, so that other linters can be run over them. Prints what was not recognised.

#![expect(clippy::print_stdout, reason = "a tool for measuring prints")]

use inspect::docker::{Severity, Surroundings, generate, scan};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let out = args.next().unwrap_or_else(|| ".".to_owned());
    for folder in args {
        let Ok(report) = inspect::read(Path::new(&folder), &inspect::Options::default()) else { continue };
        let name = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let generated = generate(&report);
        if generated.dockerfile.is_empty() {
            println!("{name}: nothing to generate: {}", generated.because.join("; "));
            continue;
        }
        let around = Surroundings { dockerignore: Some(true), ..Surroundings::default() };
        for finding in scan(&generated.dockerfile, around) {
            if finding.severity > Severity::Info {
                println!("{name}:{}: {} {}", finding.line, finding.rule, finding.message);
            }
        }
        std::fs::write(format!("{out}/{name}.Dockerfile"), generated.dockerfile)?;
    }
    Ok(())
}
