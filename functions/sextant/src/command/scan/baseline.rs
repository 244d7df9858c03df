//! Findings that were accepted: a file of fingerprints, so that a scan fails on new ones only.
//!
//! Of several findings that read alike as many are accepted as there were, and the next one is reported. A secret
//! that was replaced by another in the same place reads alike too: nothing is kept that could tell.

use super::finding::Scanned;
use crate::failure::Stop;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::Path;

const HEAD: &str =
    "# Findings that `sextant scan --baseline` accepts: how often, scanner, rule, file, text.\n";

/// How often each fingerprint is accepted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeMap<String, usize>);

impl Baseline {
    /// Reads a file that [`write`] wrote.
    pub fn read(file: &Path) -> Result<Self> {
        let problem =
            |what: &str| Stop::Usage(format!("{} {what}: write one with --write-baseline", file.display()));
        let text =
            std::fs::read_to_string(file).map_err(|error| problem(&format!("can't be read ({error})")))?;
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry = |line: &str| {
            let (count, fingerprint) = line.split_once('\t')?;
            Some((fingerprint.to_owned(), count.parse().ok()?))
        };
        let entries = lines.map(|line| entry(line).ok_or_else(|| problem("is no baseline").into()));
        entries.collect::<Result<_>>().map(Self)
    }

    /// Takes out what is accepted, and answers how much that was.
    pub fn accept(mut self, files: &mut [Scanned]) -> usize {
        let mut accepted = 0;
        for file in files {
            file.findings.retain(|finding| {
                let left = self.0.get_mut(&finding.fingerprint).filter(|left| **left > 0);
                let known = left.map(|left| *left -= 1).is_some();
                accepted += usize::from(known);
                !known
            });
        }
        accepted
    }
}

/// Writes a file that accepts all of these.
pub fn write(file: &Path, files: &[Scanned]) -> Result<usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in files.iter().flat_map(|file| &file.findings) {
        *counts.entry(&finding.fingerprint).or_default() += 1;
    }
    let lines = counts
        .iter()
        .fold(String::new(), |text, (fingerprint, count)| text + &format!("{count}\t{fingerprint}\n"));
    std::fs::write(file, HEAD.to_owned() + &lines).with_context(|| {
        format!("{} can't be written: name a file in a folder that is there", file.display())
    })?;
    Ok(counts.values().sum())
}
