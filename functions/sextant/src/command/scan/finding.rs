//! What every scanner answers: findings of one shape, by file.

use inspect::docker::Severity;
use serde::Serialize;

/// Something that is wrong in a file, whichever scanner found it. Nothing in it tells a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which scanner found it.
    pub scanner: &'static str,
    /// The rule's id: `root-user`, `github-token`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to what was scanned, with `/`.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// The last line that belongs to it.
    pub end_line: usize,
    /// From 1, in bytes; where the line alone says it, nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What was found.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Ids that others give it.
    pub peers: Vec<String>,
    /// What a baseline knows it by: not the line's number, and nothing of a secret.
    pub fingerprint: String,
}

/// A file that was looked at, with what is wrong in it.
#[derive(Debug, Clone, Serialize)]
pub struct Scanned {
    /// Relative to what was scanned, with `/`.
    pub file: String,
    /// In the order of their lines.
    pub findings: Vec<Finding>,
}

/// One list of files out of those of several scanners, in the order of their names.
pub fn merged(lists: Vec<Vec<Scanned>>) -> Vec<Scanned> {
    let mut files: std::collections::BTreeMap<String, Vec<Finding>> = std::collections::BTreeMap::new();
    for scanned in lists.into_iter().flatten() {
        files.entry(scanned.file).or_default().extend(scanned.findings);
    }
    let sorted = |(file, mut findings): (String, Vec<Finding>)| {
        findings.sort_by_key(|finding| (finding.line, finding.column));
        Scanned { file, findings }
    };
    files.into_iter().map(sorted).collect()
}
