//! `sextant canary FILE`: judges recorded minutes as the live canary would have.

use super::output::{Output, evidence, table};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::Args;
use forecast::canary::{Dispersion, Options, Report, Verdict, parse_csv, report};
use std::{fs, io::Read as _, path::PathBuf};

/// Which record, and by which policy.
#[derive(Args)]
pub struct Canary {
    /// CSV with a minute per row: canary_requests,stable_requests,canary_bad,stable_bad; `-` for standard input.
    pub file: PathBuf,
    /// How errors cluster: `1` (each its own event), another number, or `estimated` from the stable side.
    #[arg(long, default_value = "1", value_parser = dispersion)]
    pub dispersion: Dispersion,
    /// Chance of failing a healthy release.
    #[arg(long, default_value_t = 0.01)]
    pub alpha: f64,
    /// Minutes before it can pass.
    #[arg(long, default_value_t = 5)]
    pub bake: u32,
    /// Canary requests before it can pass.
    #[arg(long, default_value_t = 59)]
    pub min_requests: u64,
    /// Exit with 1 when the verdict is fail, for scripts that gate on it.
    #[arg(long)]
    pub gate: bool,
}

impl Canary {
    /// Judges.
    pub fn run(self, output: Output) -> Result<Ended> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(Stop::Usage(format!(
                "--alpha {} is no chance; give a number between 0 and 1",
                self.alpha
            ))
            .into());
        }
        let text = self.read()?;
        let windows = parse_csv(&text).map_err(|e| Stop::Usage(format!("`{}`: {e}", self.file.display())))?;
        let options = Options {
            alpha: self.alpha,
            bake_windows: self.bake,
            minimum_requests: self.min_requests,
            dispersion: self.dispersion,
            ..Options::default()
        };
        let report = report(&windows, &options);
        output.data(&report, || words(&report));
        Ok(if self.gate && report.verdict == Verdict::Fail { Ended::Failed } else { Ended::Done })
    }

    fn read(&self) -> Result<String> {
        let read = if self.file.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(&self.file)
        };
        read.map_err(|error| {
            Stop::Usage(format!(
                "`{}` can't be read ({error}); give an existing CSV file",
                self.file.display()
            ))
            .into()
        })
    }
}

fn dispersion(text: &str) -> Result<Dispersion, String> {
    match text.parse::<f64>() {
        Ok(phi) if (1.0..=1e6).contains(&phi) => {
            Ok(if phi > 1.0 { Dispersion::Fixed(phi) } else { Dispersion::Independent })
        }
        Err(_) if text == "estimated" => Ok(Dispersion::Estimated),
        _ => Err("give a number of at least 1, or `estimated`".to_owned()),
    }
}

fn words(report: &Report) -> String {
    let mut table = table(&["MINUTE", "CANARY", "BAD", "STABLE", "BAD", "E", "P", "VERDICT"]);
    for minute in &report.per_minute {
        table.add_row([
            minute.minute.to_string(),
            minute.canary_requests.to_string(),
            minute.canary_bad.to_string(),
            minute.stable_requests.to_string(),
            minute.stable_bad.to_string(),
            evidence(minute.e_value),
            evidence(minute.p_value),
            minute.verdict.to_string(),
        ]);
    }
    format!("{}\n{}: {}", table.trim_fmt(), report.verdict, report.reason)
}
