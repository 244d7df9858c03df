//! Finds secrets: one table of forms, names and shapes for the detector, the redactor and the check of variables.
//!
//! Invariants: what is found in a line depends on that line alone, save for a value whose name ended the line
//! before it and for the lines of a private key; time is linear; nothing of a secret is kept or shown.

pub(crate) mod candidates;
mod checksum;
pub(crate) mod judge;
mod live;
mod name;
mod random;
pub(crate) mod rules;
pub(crate) mod shape;
mod tree;
mod words;

use candidates::{Candidates, Lead};
use judge::Hit;

pub use tree::{Baseline, Finding, ScanOptions, scan_text, scan_tree};
pub(crate) use tree::{WINDOW, scan_window};

/// Everything in a part of a line: candidates that begin in `from..to`.
pub(crate) fn hits(line: &[u8], from: usize, to: usize, hits: &mut Vec<Hit>) {
    let mut candidates = Candidates::new(line, from.saturating_sub(judge::BEHIND));
    while let Some((at, lead)) = candidates.next() {
        if at >= to {
            break;
        }
        judge::judge(line, at, lead, hits);
    }
    hits.retain(|hit| hit.at >= from && hit.at < to);
}

/// Goes over whole lines and stops only at those that hold something.
pub(crate) struct Suspects<'t> {
    text: &'t [u8],
    candidates: Candidates<'t>,
    hits: Vec<Hit>,
}

impl<'t> Suspects<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, candidates: Candidates::new(text, 0), hits: Vec::new() }
    }

    /// Where the next line begins, from the line at `from` on, that holds something.
    pub(crate) fn next(&mut self, from: usize) -> Option<usize> {
        self.candidates.skip_to(from);
        let mut line = from..from;
        while let Some((at, lead)) = self.candidates.next() {
            if at >= line.end {
                line = line_around(self.text, line.end, at);
            }
            if self.holds(&self.text[line.clone()], at - line.start, lead, line.start) {
                return Some(line.start);
            }
        }
        None
    }

    fn holds(&mut self, line: &[u8], at: usize, lead: Lead, start: usize) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let lead = if let Lead::Run(end) = lead { Lead::Run(end - start) } else { lead };
        judge::judge(line, at, lead, &mut self.hits);
        let dangles =
            lead == Lead::Name && line.len() - at < 2 * name::NAME && judge::dangling(line).is_some();
        let holds = !self.hits.is_empty() || dangles;
        self.hits.clear();
        holds
    }
}

fn line_around(text: &[u8], from: usize, at: usize) -> std::ops::Range<usize> {
    let start = memchr::memrchr(b'\n', &text[from..at]).map_or(from, |last| from + last + 1);
    start..memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length)
}

/// The kind of secret a value is by its form alone, for people: `a GitHub token`.
pub(crate) fn kind_of(value: &str) -> Option<&'static str> {
    let line = value.trim().as_bytes();
    let mut found = Vec::new();
    hits(line.get(..line.len().min(4 * judge::JUDGED))?, 0, line.len(), &mut found);
    // A URL's password stands behind its user; everything else has to begin where the value begins.
    found.iter().find(|hit| hit.at <= 2 || matches!(hit.until, judge::Until::Fixed(_))).map(|hit| hit.kind)
}

/// The rule that a kind is named by: `a GitHub token` as `github-token`.
pub fn rule(kind: &str) -> String {
    let bare = kind.strip_prefix("an ").or_else(|| kind.strip_prefix("a ")).unwrap_or(kind);
    let words = bare.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Whether a name and a shape are all that speaks for this kind.
pub fn is_guess(kind: &str) -> bool {
    matches!(kind, "a password" | "a secret" | "a token" | "a key" | "a key or credential" | "a test key")
}

#[cfg(test)]
mod looks;
#[cfg(test)]
mod tests;
