//! `sextant scan PATH`: what is wrong with a tree or a file: its Dockerfiles, secrets that lie in it, and
//! known vulnerabilities of what it locks. Nothing is executed, no link is followed, and no secret is shown.
//!
//! Each scanner answers findings of one shape, by file; what is accepted, shown and failed on is the same for all.

mod baseline;
mod dockerfile;
mod finding;
mod secrets;
mod show;
mod vulnerabilities;

use super::output::Output;
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::{Args, ValueEnum};
pub use dockerfile::{read, settings, surroundings, text};
use finding::Scanned;
use inspect::docker::Severity;
use std::fs;
use std::path::PathBuf;

const AFTER: &str = "\
Exit codes: 0 no finding as bad as --fail-on; 1 there is one; 2 the path, the baseline or a flag can't be used.
A finding of a secret shows its line with the secret hidden. `sextant:allow` in a line accepts it, as `gitleaks:allow`
and the usual scanners' comments do; a live key that one accepts is still told, as information. `# hadolint ignore=RULE`
stands above an instruction of a Dockerfile. Secrets that only their name and shape tell are warnings, known forms errors.";

/// Which files and scanners, how findings are shown, and which end in failure.
#[derive(Args)]
#[command(after_help = AFTER)]
pub struct Scan {
    /// A file, or a folder.
    pub path: PathBuf,
    /// Only these scanners; all of them otherwise.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCANNER")]
    pub only: Vec<Scanner>,
    /// Look locked dependencies up in this export of OSV: a folder, a JSON file, JSON lines, an ecosystem's all.zip.
    #[arg(long, value_name = "EXPORT")]
    pub osv: Option<PathBuf>,
    /// Findings that this file lists are accepted.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write a file that accepts all that is found now, and end well.
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub write_baseline: Option<PathBuf>,
    /// How findings are shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The exit code is 1 if there is a finding as bad as this.
    #[arg(long, value_enum, default_value_t = Level::Error)]
    pub fail_on: Level,
    /// Correct what is safe to correct in Dockerfiles, in place.
    #[arg(long)]
    pub fix: bool,
}

/// What looks for findings.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scanner {
    /// Mistakes in Dockerfiles.
    Dockerfile,
    /// Secrets in any file.
    Secrets,
    /// Known vulnerabilities of locked dependencies; needs --osv.
    Vulnerabilities,
}

/// How findings are shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: a finding, why it matters and what to do.
    Text,
    /// A list of files with their findings.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// From where on a finding is a failure.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// An error, nothing less.
    Error,
    /// A warning, or worse.
    Warning,
    /// Any finding, information too.
    Info,
    /// No finding: the exit code is 0 whatever is found.
    None,
}

impl Level {
    fn reached(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity >= Severity::Error,
            Self::Warning => severity >= Severity::Warning,
            Self::Info => true,
            Self::None => false,
        }
    }
}

impl Scan {
    /// Scans, corrects Dockerfiles if asked to, and says what is wrong.
    pub fn run(self, output: Output) -> Result<Ended> {
        let problem = |error| {
            Stop::Usage(format!("{} can't be read ({error}): name a file or a folder", self.path.display()))
        };
        fs::metadata(&self.path).map_err(problem)?;
        let baseline =
            self.baseline.as_deref().map(baseline::Baseline::read).transpose()?.unwrap_or_default();
        let mut scanners = vec![Scanner::Dockerfile, Scanner::Secrets];
        if self.osv.is_some() || self.only.contains(&Scanner::Vulnerabilities) {
            scanners.push(Scanner::Vulnerabilities);
        }
        let asked = scanners.into_iter().filter(|one| self.only.is_empty() || self.only.contains(one));
        let lists: Vec<_> = asked.map(|one| self.with(one, output)).collect::<Result<_>>()?;
        let mut files = finding::merged(lists);
        if let Some(file) = &self.write_baseline {
            let count = baseline::write(file, &files)?;
            output.note(&format!("{count} findings are accepted by {}", file.display()));
            return Ok(Ended::Done);
        }
        let accepted = baseline.accept(&mut files);
        if accepted > 0 {
            output.note(&format!("{accepted} findings were accepted before"));
        }
        self.show(&files, output);
        let mut found = files.iter().flat_map(|file| &file.findings);
        let failed = found.any(|finding| self.fail_on.reached(finding.severity));
        Ok(if failed { Ended::Failed } else { Ended::Done })
    }

    fn show(&self, files: &[Scanned], output: Output) {
        let format = if output.is_json() && self.format == Format::Text { Format::Json } else { self.format };
        match format {
            Format::Text => output.text(&show::text(files)),
            Format::Json => output.json(files),
            Format::Sarif => output.json(&show::sarif(files)),
        }
    }

    /// What one scanner finds.
    fn with(&self, scanner: Scanner, output: Output) -> Result<Vec<Scanned>> {
        match scanner {
            Scanner::Secrets => Ok(secrets::scan(&self.path)),
            Scanner::Vulnerabilities => {
                let none = || {
                    Stop::Usage("vulnerabilities are looked up in an export of OSV: give --osv EXPORT".into())
                };
                vulnerabilities::scan(&self.path, self.osv.as_deref().ok_or_else(none)?, output)
            }
            Scanner::Dockerfile => {
                let told = self.only == [Scanner::Dockerfile];
                dockerfile::scan(&self.path, (told, self.fix), output)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn scan(path: &Path, fail_on: Level, fix: bool) -> Ended {
        let path = path.to_owned();
        let (only, osv, baseline, write_baseline) = (Vec::new(), None, None, None);
        let scan = Scan { path, only, osv, baseline, write_baseline, format: Format::Text, fail_on, fix };
        scan.run(Output::plain()).unwrap()
    }

    #[test]
    fn sarif_names_rule_line_and_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("my app")).unwrap();
        let text = "FROM a:1\nRUN sudo \\\n x\nUSER 1\n";
        fs::write(folder.path().join("my app/Dockerfile"), text).unwrap();
        let log = show::sarif(&dockerfile::scan(folder.path(), (false, false), Output::plain()).unwrap());
        assert_eq!(log["version"], "2.1.0");
        let result = &log["runs"][0]["results"][0];
        assert_eq!((&result["ruleId"], &result["level"]), (&"sudo".into(), &"error".into()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20app/Dockerfile");
        assert_eq!((&place["region"]["startLine"], &place["region"]["endLine"]), (&2.into(), &3.into()));
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], "sudo");
    }

    #[test]
    fn the_exit_code_follows_the_level() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("web")).unwrap();
        let file = folder.path().join("web/Dockerfile.prod");
        fs::write(&file, "FROM a\nUSER 1000\nCMD [\"x\"]\n").unwrap();
        assert_eq!(scan(folder.path(), Level::Error, false), Ended::Done);
        assert_eq!(scan(folder.path(), Level::Warning, false), Ended::Failed);
        assert_eq!(scan(&file, Level::None, false), Ended::Done);
    }

    #[test]
    fn fixing_writes_the_file_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Dockerfile");
        fs::write(&file, "FROM a:1\nADD x /y\nUSER 1000\n").unwrap();
        assert_eq!(scan(folder.path(), Level::Error, false), Ended::Failed);
        assert!(fs::read_to_string(&file).unwrap().contains("ADD"));
        assert_eq!(scan(folder.path(), Level::Error, true), Ended::Done);
        assert_eq!(fs::read_to_string(&file).unwrap(), "FROM a:1\nCOPY x /y\nUSER 1000\n");
    }

    #[test]
    fn a_configuration_above_the_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("web/deep")).unwrap();
        let file = folder.path().join("web/deep/Dockerfile");
        fs::write(&file, "FROM a:1\nADD x /y\nUSER 1000\n").unwrap();
        fs::write(folder.path().join(".hadolint.yaml"), "ignored: [DL3020]\n").unwrap();
        assert_eq!(scan(folder.path(), Level::Info, true), Ended::Done);
        assert!(fs::read_to_string(&file).unwrap().contains("ADD"));
        // Named alone, the file has what its repository says, and nothing from beyond.
        fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(scan(&file, Level::Error, false), Ended::Done);
        fs::create_dir(folder.path().join("web/.git")).unwrap();
        assert_eq!(scan(&file, Level::Error, false), Ended::Failed);
        assert_eq!(scan(&folder.path().join("web"), Level::Error, false), Ended::Failed);
    }
}
