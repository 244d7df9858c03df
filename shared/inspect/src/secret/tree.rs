//! Scans text and trees of files for secrets. Nothing found is kept or shown: a finding has the redacted line.
//!
//! Invariant: no link is followed, nothing but regular files is opened, and what is read is bounded.

use std::{fs, io::Read as _, path::Path};

use super::judge::{Hit, Until, end_mark, has_body, is_key_header};
use super::{Suspects, checksum, hits, live};
use crate::redact::Redactor;

/// What bounds a scan, and what it passes over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Bytes of a file that are read.
    pub file_bytes: u64,
    /// Files that are read.
    pub files: usize,
    /// Folders within folders.
    pub depth: usize,
    /// Findings that were accepted before.
    pub baseline: Baseline,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { file_bytes: 8 << 20, files: 200_000, depth: 64, baseline: Baseline::default() }
    }
}

/// A secret in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Relative to the folder that was scanned, with `/`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in bytes: where the hidden part begins.
    pub column: usize,
    /// What it is, with its article: `a GitHub token`.
    pub kind: String,
    /// Whether the issuer's checksum holds, where there is one.
    pub checksum: Option<bool>,
    /// Whether it has the structure or the checksum of a key that its issuer takes.
    pub live: bool,
    /// The comment in its line that allows it. Only of a live one it is told: others that a comment allows are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<&'static str>,
    /// The line with everything secret hidden, at most 200 characters of it.
    pub shown: String,
}

impl Finding {
    /// What a baseline knows it by: the file, the kind and the redacted line, so that moved lines stay known and a
    /// baseline tells nothing about a secret.
    pub fn fingerprint(&self) -> String {
        format!("{}\t{}\t{}", self.file, self.kind, self.shown.trim())
    }
}

/// Findings that were accepted, one fingerprint a line.
#[derive(Debug, Clone, Default)]
pub struct Baseline(std::collections::BTreeSet<String>);

impl Baseline {
    /// Reads a baseline; lines that begin with `#` are comments.
    pub fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The text of a baseline that accepts these findings.
    pub fn text(findings: &[Finding]) -> String {
        let lines: std::collections::BTreeSet<String> = findings.iter().map(Finding::fingerprint).collect();
        lines.into_iter().fold(String::new(), |text, line| text + &line + "\n")
    }
}

/// Comments that allow what stands in their line: ours and those of the usual scanners.
const ALLOW: [&str; 6] = [
    "sextant:allow",
    "gitleaks:allow",
    "kingfisher:ignore",
    "pragma: allowlist secret",
    "trufflehog:ignore",
    "ggignore",
];

/// Hits of a line that are looked at for one that holds something: each may go to the line's end.
const HELD: usize = 32;

/// Folders that hold what others made.
const SKIPPED: [&str; 8] = [".git", "node_modules", "target", ".venv", "venv", "__pycache__", ".hg", ".svn"];

/// Scans one text; `file` is only for the findings.
pub fn scan_text(file: &str, text: &[u8]) -> Vec<Finding> {
    let mut suspects = Suspects::new(text);
    let mut findings = Vec::new();
    let (mut at, mut counted, mut number) = (0, 0, 1);
    let mut found = Vec::new();
    while let Some(start) = suspects.next(at) {
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |length| start + length);
        number += memchr::memchr_iter(b'\n', &text[counted..start]).count();
        counted = start;
        at = text.len().min(end + 1);
        let line = text[start..end].strip_suffix(b"\r").unwrap_or(&text[start..end]);
        found.clear();
        hits(line, 0, line.len(), &mut found);
        if let Some(name) = super::judge::dangling(line) {
            lone(file, text, at, number, name, &mut findings);
        }
        // Of several that begin together the one whose candidate is nearest knows best what it is.
        found.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.at)));
        let live = live::live(line, &found);
        let holding = || found.iter().take(HELD).find(|hit| holds(hit, line, &text[at..]));
        let lesser = if live.is_empty() { holding() } else { None };
        for hit in live.iter().copied().chain(lesser) {
            // Of a key that begins in the next line the mark is shown.
            let column = 1 + if hit.start < line.len() { hit.start } else { hit.at };
            let (live, allowed) = (!live.is_empty(), allowance(line));
            if live || allowed.is_none() {
                let checksum = checksum::github(&line[hit.at..]);
                let (file, kind, shown) = (file.to_owned(), hit.kind.to_owned(), redacted(line));
                findings.push(Finding { file, line: number, column, kind, checksum, live, allowed, shown });
            }
        }
    }
    findings
}

/// Bytes of a file that are looked at together, where a file comes in pieces.
pub(crate) const WINDOW: usize = 1 << 20;
/// Bytes at a piece's end that are looked at again with the next one: what is in them may go on there.
const OVERLAP: usize = 8 << 10;

/// Scans a piece of a text, which begins behind `lines` others: the findings, and how many of its bytes and lines are
/// done with. The rest of it belongs to the next piece, unless it is the `last` one.
pub(crate) fn scan_window(file: &str, text: &[u8], lines: usize, last: bool) -> (Vec<Finding>, usize, usize) {
    let mut findings = scan_text(file, text);
    let done = if last { text.len() } else { done_with(text) };
    let passed = memchr::memchr_iter(b'\n', &text[..done]).count();
    // A piece of one long line is all the same line.
    findings.retain(|finding| last || finding.line <= passed.max(1));
    for finding in &mut findings {
        finding.line += lines;
    }
    (findings, done, passed)
}

/// The last line that ends well before the piece does; without one, whatever is well before its end.
fn done_with(text: &[u8]) -> usize {
    let well = text.len().saturating_sub(OVERLAP);
    memchr::memrchr(b'\n', &text[..well]).map_or(well, |end| end + 1)
}

/// Whether something is there to be hidden: the mark of a key whose text is gone is none.
fn holds(hit: &Hit, line: &[u8], behind: &[u8]) -> bool {
    let (end, decided) = hit.until.end(line, hit.start);
    if hit.until == Until::KeyEnd && decided < line.len() {
        return has_body(&line[hit.start..end]);
    }
    end > hit.start || (hit.until == Until::KeyEnd && decided == line.len() && is_key(behind))
}

/// Whether lines begin with the text of a key, behind its headers. A line in which another key begins is judged by
/// itself.
fn is_key(lines: &[u8]) -> bool {
    let mut lines = lines.split(|byte| *byte == b'\n').take(6).map(<[u8]>::trim_ascii_end);
    let first = lines.find(|line| !line.is_empty() && !is_key_header(line)).unwrap_or_default();
    let key = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let marked = end_mark(first).is_some() || memchr::memmem::find(first, b"-----BEGIN").is_some();
    !marked && first.iter().rev().take_while(key).count() >= 16
}

/// A value in the line behind its name.
fn lone(file: &str, text: &[u8], at: usize, number: usize, name: &'static str, findings: &mut Vec<Finding>) {
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
    let line = text[at..end].strip_suffix(b"\r").unwrap_or(&text[at..end]);
    let mut others = Vec::new();
    hits(line, 0, line.len(), &mut others);
    let Some(hit) = super::judge::lone_value(line, name).filter(|_| others.is_empty()) else { return };
    if allowance(line).is_none() {
        let shown = "***".to_owned();
        let (file, kind) = (file.to_owned(), hit.kind.to_owned());
        let (line, column) = (number + 1, hit.start + 1);
        findings.push(Finding {
            file,
            line,
            column,
            kind,
            checksum: None,
            live: false,
            allowed: None,
            shown,
        });
    }
}

/// The comment that allows what stands in a line.
fn allowance(line: &[u8]) -> Option<&'static str> {
    ALLOW.into_iter().find(|allow| memchr::memmem::find(line, allow.as_bytes()).is_some())
}

/// At most 200 characters of a line, without its secrets.
fn redacted(line: &[u8]) -> String {
    Redactor::new(&[]).line(&String::from_utf8_lossy(line)).chars().take(200).collect()
}

/// Scans a file, or every file below a folder, in the order of their names. What can't be read is passed over.
pub fn scan_tree(path: &Path, options: &ScanOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut left = options.files;
    walk(path, "", options.depth, options, &mut left, &mut findings);
    findings.retain(|finding| !options.baseline.0.contains(&finding.fingerprint()));
    findings
}

fn walk(
    path: &Path,
    name: &str,
    depth: usize,
    options: &ScanOptions,
    left: &mut usize,
    findings: &mut Vec<Finding>,
) {
    let Ok(kind) = fs::symlink_metadata(path).map(|metadata| metadata.file_type()) else { return };
    if kind.is_file() && *left > 0 {
        *left -= 1;
        let shown = if name.is_empty() {
            path.file_name().unwrap_or_default().to_string_lossy()
        } else {
            name.into()
        };
        if let Some(text) = read(path, options.file_bytes) {
            findings.extend(scan_text(&shown, &text));
        }
    }
    if !kind.is_dir() || depth == 0 {
        return;
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for entry in names.iter().filter(|entry| !SKIPPED.iter().any(|skipped| entry.as_os_str() == *skipped)) {
        let text = entry.to_string_lossy();
        let below = if name.is_empty() { text.into_owned() } else { format!("{name}/{text}") };
        walk(&path.join(entry), &below, depth - 1, options, left, findings);
    }
}

/// The beginning of a file, unless it isn't text.
fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(most).read_to_end(&mut text).ok()?;
    let binary = memchr::memchr(0, &text[..text.len().min(8 << 10)]).is_some();
    (!binary).then_some(text)
}
