//! A finding, and the comments that silence it.

use super::rule::{RULES, Rule, Severity};
use super::syntax::File;
use serde::Serialize;
use std::collections::BTreeMap;

/// A rule that a file breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is here.
    pub severity: Severity,
    /// The instruction's first line, from 1.
    pub line: usize,
    /// Its last line.
    pub end_line: usize,
    /// What was found.
    pub message: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Ids that others give it.
    pub peers: &'static [&'static str],
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, lines: (usize, usize), message: String) -> Self {
        let Rule { id, severity, peers, why, fix } = rule;
        Self { rule: id, severity: *severity, line: lines.0, end_line: lines.1, message, why, fix, peers }
    }
}

/// What ignore comments name: with the line they are for, or for the whole file.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    lines: BTreeMap<usize, Vec<String>>,
    everywhere: Vec<String>,
}

impl Ignored {
    /// `# hadolint ignore=DL3008,DL3009`, `# sextant ignore=apt-pin`, `# hadolint global ignore=…`,
    /// `#trivy:ignore:DS-0002`, `# check=skip=…`. A comment counts for the instruction below it.
    pub(crate) fn read(file: &File) -> Self {
        let mut ignored = Self::default();
        for (line, comment) in &file.comments {
            let Some((global, ids)) = pragma(comment) else { continue };
            if global {
                ignored.everywhere.extend(ids);
            } else {
                // Other comments may stand between.
                let below = file.instructions.partition_point(|instruction| instruction.end_line <= *line);
                if let Some(below) = file.instructions.get(below) {
                    ignored.lines.entry(below.line).or_default().extend(ids);
                }
            }
        }
        for (_, value) in file.directives.iter().filter(|(key, _)| key == "check") {
            let skipped = value.split(';').filter_map(|part| part.trim().strip_prefix("skip="));
            let skipped = skipped.flat_map(|ids| ids.split(','));
            ignored.everywhere.extend(skipped.map(|id| id.trim().to_owned()).filter(|id| id != "all"));
        }
        // What no rule answers to is not looked at again for each finding.
        ignored.everywhere.sort_unstable();
        ignored.everywhere.dedup();
        ignored.everywhere.retain(|id| RULES.iter().any(|rule| rule.answers_to(id)));
        ignored
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.everywhere.is_empty()
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = usize> {
        self.lines.keys().copied()
    }

    pub(crate) fn hides(&self, rule: &Rule, line: usize) -> bool {
        let named = |ids: &[String]| ids.iter().any(|id| rule.answers_to(id));
        named(&self.everywhere) || self.lines.get(&line).is_some_and(|ids| named(ids))
    }
}

fn pragma(comment: &str) -> Option<(bool, Vec<String>)> {
    let ids = |text: &str| {
        text.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
    };
    if let Some(rest) = comment.strip_prefix("trivy:ignore:") {
        return Some((false, ids(rest)));
    }
    let rest = comment
        .strip_prefix("hadolint")
        .or_else(|| comment.strip_prefix("sextant"))?
        .trim_start_matches([' ', ':', '\t']);
    let (rest, global) = rest.strip_prefix("global").map_or((rest, false), |rest| (rest.trim_start(), true));
    let rest = rest.strip_prefix("ignore")?.trim_start().strip_prefix('=')?;
    Some((global, ids(rest)))
}
