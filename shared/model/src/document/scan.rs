//! What validate found in a deployment's source, and what its owner lets through all the same.
//!
//! Invariant: nothing of a secret is in it, and it stays small: the deployment's document is written often.

use crate::port::source::Digest;
use serde::{Deserialize, Serialize};

/// How much a finding counts, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScanSeverity {
    /// Good to know.
    Info,
    /// Works, and will hurt; or looks like a secret by its name and shape alone.
    Warning,
    /// Broken, or dangerous.
    Error,
    /// It has the structure or the checksum of an issuer's live key.
    Live,
}

impl ScanSeverity {
    /// As it is written: `live`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Live => "live",
        }
    }
}

/// Something that was found in a file of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScanFinding {
    /// What it is allowed by: `RULE:FILE:LINE`, such as `github-token:src/config.js:12`.
    pub id: String,
    /// How much it counts.
    pub severity: ScanSeverity,
    /// What it is: `a GitHub token`, or what a Dockerfile does.
    pub what: String,
    /// The file, relative to the source's root; control characters are written out.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// Whether it stops a deployment that doesn't allow it.
    pub stops: bool,
    /// Why it was let through, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// Whether a comment in its line let it through, and not whoever asked for the deployment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_comment: bool,
}

impl ScanFinding {
    /// Who let it through: a person, or the source itself.
    pub fn allowed_by<'a>(&self, person: &'a str) -> &'a str {
        if self.by_comment { "a comment in the source" } else { person }
    }
}

/// What a scan of a source came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scan {
    /// Files that were looked at.
    pub files: u64,
    /// Files of which nothing was looked at, since they hold no text or can't be read.
    pub passed_over: u64,
    /// Findings of every kind.
    pub found: u64,
    /// Those among them that stop the deployment.
    pub stopping: u64,
    /// Those among them that would have stopped it and were allowed.
    pub allowed: u64,
    /// Those that count most, at most 20.
    pub findings: Vec<ScanFinding>,
}

impl Scan {
    /// Findings that are kept one by one; the others are counted.
    pub const SHOWN: usize = 20;

    /// Adds one; of more than are kept those go that count least.
    pub fn add(&mut self, finding: ScanFinding) {
        self.found += 1;
        match (finding.stops, &finding.allowed) {
            (true, None) => self.stopping += 1,
            (true, Some(_)) => self.allowed += 1,
            (false, _) => {}
        }
        let rank = |one: &ScanFinding| (!one.stops, one.allowed.is_some(), std::cmp::Reverse(one.severity));
        let at = self.findings.partition_point(|known| rank(known) <= rank(&finding));
        if at < Self::SHOWN {
            self.findings.insert(at, finding);
            self.findings.truncate(Self::SHOWN);
        }
    }

    /// One sentence without its full stop.
    pub fn summary(&self) -> String {
        let files = plural(self.files, "file", "files");
        let allowed = match self.allowed {
            0 => String::new(),
            n => format!(", {n} of them allowed though a live key"),
        };
        match (self.found, self.stopping) {
            (0, _) => format!("scanned {files}, nothing found"),
            (n, 0) => format!("scanned {files}, {}{allowed}", plural(n, "finding", "findings")),
            (n, stopping) => {
                format!(
                    "scanned {files}, {}{allowed}, {stopping} of them not allowed",
                    plural(n, "finding", "findings")
                )
            }
        }
    }
}

fn plural(n: u64, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

/// How far the scan of a source has come: a large one is looked at in stretches, each of which ends well before a lease
/// does, so that whoever comes next goes on from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanning {
    /// The archive that is looked at; of another one it says nothing.
    pub digest: Digest,
    /// What was found so far; its files are those that are done with, in the order of the survey.
    pub scan: Scan,
    /// Bytes of the next file that are done with.
    pub offset: u64,
    /// Lines of the next file that end before that.
    pub lines: u64,
    /// Bytes that were looked at, in all files together.
    pub bytes: u64,
    /// The line of the last secret, which may go on.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub line: ScanLine,
}

/// A line with secrets: the first one of a rule is named by its line alone, the others by their column, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanLine {
    /// The file, relative to the source's root.
    pub file: String,
    /// From 1; 0 where there is none.
    pub line: u64,
    /// Rules that found something on it, each once.
    pub rules: Vec<String>,
}

impl Scanning {
    /// At the beginning of an archive.
    pub fn begin(digest: Digest) -> Self {
        let (scan, line) = (Scan::default(), ScanLine::default());
        Self { digest, scan, offset: 0, lines: 0, bytes: 0, line }
    }

    /// Whether it has come further than `other` in the same archive; of two that look at different ones each has.
    pub fn beyond(&self, other: &Self) -> bool {
        self.digest != other.digest || (self.scan.files, self.offset) > (other.scan.files, other.offset)
    }
}

/// A finding that a person lets through, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Allowance {
    /// The finding's id, as the refusal named it.
    #[schema(min_length = 1, max_length = 600)]
    pub finding: String,
    /// Why it may stay; kept with the deployment.
    #[schema(min_length = 1, max_length = 500)]
    pub why: String,
}

/// What beside live keys stops a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ScanPolicy {
    /// Findings in Dockerfiles that count so much or more; none if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<ScanSeverity>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: u64, severity: ScanSeverity, stops: bool) -> ScanFinding {
        let (id, what, file) = (format!("x:a:{line}"), "x".to_owned(), "a".to_owned());
        ScanFinding { id, severity, what, file, line, stops, allowed: None, by_comment: false }
    }

    #[test]
    fn what_counts_most_is_kept_and_everything_counted() {
        let mut scan = Scan::default();
        for line in 0..100 {
            scan.add(finding(line, ScanSeverity::Warning, false));
        }
        scan.add(finding(100, ScanSeverity::Live, true));
        let why = Some("a test's own".to_owned());
        scan.add(ScanFinding { allowed: why, ..finding(101, ScanSeverity::Live, true) });
        scan.add(finding(102, ScanSeverity::Live, true));
        assert_eq!((scan.found, scan.stopping, scan.allowed), (103, 2, 1));
        let lines: Vec<u64> = scan.findings.iter().map(|finding| finding.line).collect();
        assert_eq!((lines.len(), &lines[..5]), (Scan::SHOWN, &[100, 102, 101, 0, 1][..]));
        assert!(scan.summary().ends_with("2 of them not allowed"), "{}", scan.summary());
    }
}
