//! `sextant canary FILE`: judges recorded minutes as the live canary would have: counts of requests, a number for each
//! side, or histograms of latency.

use super::output::{Output, evidence, table};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::Args;
use forecast::canary::{
    Dispersion, NumericOptions, NumericReport, Options, Record, Report, Verdict, Window, Worse, numeric,
    parse_record, report,
};
use std::{fs, io::Read as _, path::PathBuf};

/// Which record, and by which policy.
#[derive(Args)]
pub struct Canary {
    /// CSV with a minute per row: canary_requests,stable_requests,canary_bad,stable_bad; or a number for each side:
    /// canary,stable; or a bucket per row: window,side,upper,count. `-` for standard input.
    pub file: PathBuf,
    /// How errors cluster: `1` (each its own event), another number, or `estimated` from the stable side.
    #[arg(long, default_value = "1", value_parser = dispersion)]
    pub dispersion: Dispersion,
    /// Chance of failing a healthy release; 0.01 if not given, 0.005 for histograms.
    #[arg(long)]
    pub alpha: Option<f64>,
    /// For a number for each side: which way is worse.
    #[arg(long, value_parser = worse, default_value = "higher", value_name = "higher|lower")]
    pub worse: Worse,
    /// For a number for each side: how many times worse it must be on average, at least, to fail.
    #[arg(long, default_value_t = 1.2)]
    pub ratio: f64,
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
    /// Reads the rows, judges them window by window, and prints the report.
    pub fn run(self, output: Output) -> Result<Ended> {
        let alpha = self.alpha.unwrap_or(0.01);
        if !(alpha > 0.0 && alpha < 1.0) {
            let why = format!("--alpha {alpha} is no chance; give a number between 0 and 1");
            return Err(Stop::Usage(why).into());
        }
        if !(1.0..=1e6).contains(&self.ratio) {
            let why = format!("--ratio {} is no worse; give a number of at least 1", self.ratio);
            return Err(Stop::Usage(why).into());
        }
        let text = self.read()?;
        let record =
            parse_record(&text).map_err(|e| Stop::Usage(format!("`{}`: {e}", self.file.display())))?;
        let verdict = match record {
            Record::Counts(windows) => self.counts(&windows, alpha, output),
            Record::Slow(windows) => self.counts(&windows, self.alpha.unwrap_or(0.005), output),
            Record::Numbers(pairs) => self.numbers(&pairs, alpha, output),
        };
        Ok(if self.gate && verdict == Verdict::Fail { Ended::Failed } else { Ended::Done })
    }

    fn counts(&self, windows: &[Window], alpha: f64, output: Output) -> Verdict {
        let options = Options {
            alpha,
            bake_windows: self.bake,
            minimum_requests: self.min_requests,
            dispersion: self.dispersion,
            ..Options::default()
        };
        let report = report(windows, &options);
        output.data(&report, || words(&report));
        report.verdict
    }

    fn numbers(&self, pairs: &[(f64, f64)], alpha: f64, output: Output) -> Verdict {
        let options =
            NumericOptions { alpha, bake_windows: self.bake, ratio_floor: self.ratio, worse: self.worse };
        let report = numeric(pairs, &options);
        output.data(&report, || numeric_words(&report));
        report.verdict
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

fn worse(text: &str) -> Result<Worse, String> {
    match text {
        "higher" => Ok(Worse::Higher),
        "lower" => Ok(Worse::Lower),
        _ => Err("use `higher` or `lower`".to_owned()),
    }
}

fn numeric_words(report: &NumericReport) -> String {
    let mut table = table(&["MINUTE", "CANARY", "STABLE", "E", "P", "VERDICT"]);
    for minute in &report.per_minute {
        table.add_row([
            minute.minute.to_string(),
            minute.canary.to_string(),
            minute.stable.to_string(),
            evidence(minute.e_value),
            evidence(minute.p_value),
            minute.verdict.to_string(),
        ]);
    }
    format!("{}\n{}: {}", table.trim_fmt(), report.verdict, report.reason)
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
