//! `sextant scan PATH`: what is wrong with the Dockerfiles of a tree, or of one file. Nothing is executed.

use super::output::Output;
use crate::failure::{Ended, Stop};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use inspect::docker::{self, Finding, Severity, Surroundings};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Larger files are no Dockerfiles.
const BYTES: u64 = 1 << 20;
/// Entries of folders that are looked at.
const ENTRIES: usize = 50_000;
/// Folders that hold what tools fetched.
const SKIPPED: [&str; 6] = [".git", "node_modules", "vendor", "target", ".venv", "venv"];

/// Which files, how findings are shown, and which end in failure.
#[derive(Args)]
pub struct Scan {
    /// A Dockerfile, or a folder with some in it.
    pub path: PathBuf,
    /// How findings are shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The exit code is 1 if there is a finding as bad as this.
    #[arg(long, value_enum, default_value_t = Level::Error)]
    pub fail_on: Level,
    /// Correct what is safe to correct, in place.
    #[arg(long)]
    pub fix: bool,
}

/// How findings are shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// A list of files with their findings.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// From where on a finding is a failure.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// An error.
    Error,
    /// A warning, or worse.
    Warning,
    /// Any finding.
    Info,
    /// No finding.
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
    /// Reads the files, corrects them if asked to, and says what is wrong.
    pub fn run(self, output: Output) -> Result<Ended> {
        let files = dockerfiles(&self.path)?;
        if files.is_empty() {
            let detail = "name a Dockerfile, or write one with `sextant dockerfile PATH --write`";
            return Err(Stop::Usage(format!("no Dockerfile in {}: {detail}", self.path.display())).into());
        }
        let mut found = Vec::new();
        for file in files {
            let shown = shown(&self.path, &file);
            found.push((shown, self.one(&file, output)?));
        }
        let format = if output.is_json() && self.format == Format::Text { Format::Json } else { self.format };
        match format {
            Format::Text => output.text(&text(&found)),
            Format::Json => output.json(&json(&found)),
            Format::Sarif => output.json(&docker::sarif(&found)),
        }
        let failed = found
            .iter()
            .flat_map(|(_, findings)| findings)
            .any(|finding| self.fail_on.reached(finding.severity));
        Ok(if failed { Ended::Failed } else { Ended::Done })
    }

    fn one(&self, file: &Path, output: Output) -> Result<Vec<Finding>> {
        let text = read(file)?;
        let around = surroundings(file);
        if !self.fix {
            return Ok(docker::scan(&text, around));
        }
        let (fixed, gone) = docker::fix(&text, around);
        if fixed != text {
            fs::write(file, &fixed).with_context(|| format!("{} can't be written", file.display()))?;
            output.note(&format!("{}: {} corrected", file.display(), gone.len()));
        }
        Ok(docker::scan(&fixed, around))
    }
}

/// Reads a Dockerfile; bytes that are not UTF-8 are replaced, so that they can't be written back.
pub fn read(file: &Path) -> Result<String> {
    let size = fs::metadata(file).with_context(|| format!("{} can't be read", file.display()))?;
    if !size.is_file() || size.len() > BYTES {
        return Err(Stop::Usage(format!(
            "{} is no file of at most 1 MiB: name a Dockerfile",
            file.display()
        ))
        .into());
    }
    let bytes = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8: save it as UTF-8", file.display()))
}

/// What lies beside a Dockerfile; `NAME.dockerignore` counts for `NAME`.
pub fn surroundings(file: &Path) -> Surroundings {
    let own = file
        .with_file_name(format!("{}.dockerignore", file.file_name().unwrap_or_default().to_string_lossy()));
    let ignore = file.with_file_name(".dockerignore").exists() || own.exists();
    Surroundings { dockerignore: Some(ignore), report_ignores: false }
}

/// `Dockerfile`, `Dockerfile.prod`, `web.Dockerfile`, `Containerfile`.
fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let named = |kind: &str| {
        lower == kind || lower.starts_with(&format!("{kind}.")) || lower.ends_with(&format!(".{kind}"))
    };
    (named("dockerfile") || named("containerfile")) && !lower.ends_with("ignore")
}

fn dockerfiles(path: &Path) -> Result<Vec<PathBuf>> {
    let kind = fs::metadata(path).with_context(|| format!("{} can't be read", path.display()))?;
    if !kind.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([path.to_owned()]);
    let mut seen = 0;
    while let Some(folder) = waiting.pop_front() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > ENTRIES {
                break;
            }
            // The kind of the entry itself: links are not followed, pipes and devices not opened.
            let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                waiting.push_back(entry.path());
            } else if kind.is_file() && is_dockerfile(&name) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn shown(root: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(root).ok().filter(|inside| !inside.as_os_str().is_empty());
    inside.unwrap_or(file).to_string_lossy().replace('\\', "/")
}

fn json(found: &[(String, Vec<Finding>)]) -> Vec<serde_json::Value> {
    found.iter().map(|(file, findings)| serde_json::json!({ "file": file, "findings": findings })).collect()
}

/// Findings for people, and how many there are.
pub fn text(found: &[(String, Vec<Finding>)]) -> String {
    let mut out = String::new();
    let mut counts = [0_usize; 3];
    for (file, findings) in found {
        for finding in findings {
            counts[finding.severity as usize] += 1;
            let peers = if finding.peers.is_empty() {
                String::new()
            } else {
                format!(" ({})", finding.peers.join(", "))
            };
            let _ = writeln!(
                out,
                "{file}:{}: {}: {} [{}{peers}]\n    {} {}",
                finding.line,
                finding.severity.name(),
                finding.message,
                finding.rule,
                finding.why,
                finding.fix
            );
        }
    }
    let [info, warnings, errors] = counts;
    let _ = write!(out, "{} files, {errors} errors, {warnings} warnings, {info} notes", found.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(path: &Path, fail_on: Level, fix: bool) -> Ended {
        Scan { path: path.to_owned(), format: Format::Text, fail_on, fix }.run(Output::plain()).unwrap()
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
    fn names_of_dockerfiles() {
        for name in ["Dockerfile", "dockerfile", "Dockerfile.prod", "web.Dockerfile", "Containerfile"] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in [".dockerignore", "Dockerfile.dockerignore", "docker-compose.yml", "Dockerfiles"] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
