//! Mistakes in Dockerfiles: which files are some, what is wrong in them, and what is safely corrected.

use super::finding::{Finding, Scanned};
use super::{Output, show};
use crate::failure::Stop;
use anyhow::{Context as _, Result};
use inspect::docker::{self, Settings, Surroundings};
use std::collections::VecDeque;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Larger files are no Dockerfiles.
const BYTES: u64 = 1 << 20;
/// Entries of folders that are looked at.
const ENTRIES: usize = 50_000;
/// Folders that hold what tools fetched.
const SKIPPED: [&str; 6] = [".git", "node_modules", "vendor", "target", ".venv", "venv"];

/// The Dockerfiles of a folder, or the one that was named: it is one by its name, by its text, or by being told to be.
pub fn scan(path: &Path, (told, fix): (bool, bool), output: Output) -> Result<Vec<Scanned>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = || {
        let mut head = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(64 << 10).read_to_end(&mut head));
        read.is_ok() && begins_image(&head)
    };
    if path.is_file() && !told && !fix && !docker::is_named(&name) && !text() {
        return Ok(Vec::new());
    }
    let mut scanned = Vec::new();
    for file in dockerfiles(path)? {
        match one(&file, path, fix, output) {
            Ok(findings) => scanned.push(named(&shown(path, &file), findings)),
            // One of many that can't be read hides nothing about the others.
            Err(error) if path.is_dir() => {
                output.note(&format!("passed over: {}", crate::failure::text(&error)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(scanned)
}

fn one(file: &Path, root: &Path, fix: bool, output: Output) -> Result<Vec<docker::Finding>> {
    let text = read(file)?;
    let (around, settings) = (surroundings(file), settings(file, root)?);
    if !fix {
        return Ok(docker::scan_file(&docker::parse(&text), around, &settings));
    }
    let (fixed, gone) = docker::fix_with(&text, around, &settings);
    if fixed != text {
        fs::write(file, &fixed).with_context(|| format!("{} can't be written", file.display()))?;
        output.note(&format!("{}: {} corrected", file.display(), gone.len()));
    }
    Ok(docker::scan_file(&docker::parse(&fixed), around, &settings))
}

/// The `.hadolint.yaml` beside a Dockerfile, or in the nearest folder above it that is still within what was named: the
/// folder `root`, or the repository of the file `root`. Nothing beyond is read, and no link is followed.
pub fn settings(file: &Path, root: &Path) -> Result<Settings> {
    let plain = |file: &PathBuf| fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
    let repository = || root.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    let root = if root.is_dir() { Some(root) } else { repository() };
    for (above, folder) in file.ancestors().skip(1).enumerate() {
        if above > 0 && !root.is_some_and(|root| folder.starts_with(root)) {
            break;
        }
        if let Some(found) = Settings::FILES.iter().map(|name| folder.join(name)).find(plain) {
            return Ok(Settings::read(&read(&found)?));
        }
    }
    Ok(Settings::default())
}

/// Whether a text has an image that it is built from, as every Dockerfile has.
fn begins_image(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let instruction = |line: &str| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("from "));
    let mut lines =
        text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .find(|line| !line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("arg ")))
        .is_some_and(instruction)
}

/// Findings of a Dockerfile, in the shape that all scanners share.
fn named(file: &str, findings: Vec<docker::Finding>) -> Scanned {
    let finding = |found: docker::Finding| Finding {
        scanner: "dockerfile",
        rule: found.rule.to_owned(),
        severity: found.severity,
        path: file.to_owned(),
        line: found.line,
        end_line: found.end_line,
        column: None,
        fingerprint: format!(
            "dockerfile\t{}\t{file}\t{}",
            found.rule,
            found.message.replace(['\n', '\r'], " ")
        ),
        message: found.message,
        why: found.why.to_owned(),
        fix: found.fix.to_owned(),
        peers: found.peers.iter().map(|peer| (*peer).to_owned()).collect(),
    };
    Scanned { file: file.to_owned(), findings: findings.into_iter().map(finding).collect() }
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
            } else if kind.is_file() && docker::is_named(&name) {
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

/// Findings of Dockerfiles for people.
pub fn text(found: &[(String, Vec<docker::Finding>)]) -> String {
    let files: Vec<Scanned> = found.iter().map(|(file, findings)| named(file, findings.clone())).collect();
    show::text(&files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dockerfiles() {
        for name in ["Dockerfile", "dockerfile", "Dockerfile.prod", "web.Dockerfile", "Containerfile"] {
            assert!(docker::is_named(name), "{name}");
        }
        for name in [".dockerignore", "Dockerfile.dockerignore", "docker-compose.yml", "Dockerfiles"] {
            assert!(!docker::is_named(name), "{name}");
        }
    }
}
