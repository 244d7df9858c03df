//! What rules share while a file is read: its stages, what each rule remembers, and the findings.

use super::finding::{Finding, Ignored};
use super::rule::{Rule, Severity};
use super::settings::Settings;
use super::syntax::{File, Instruction};
use super::word;
use std::collections::{BTreeMap, BTreeSet};

/// What is known beside the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// Whether a `.dockerignore` lies beside it; `None` when nobody looked.
    pub dockerignore: Option<bool>,
    /// Whether ignore comments are findings themselves.
    pub report_ignores: bool,
}

/// A stage, as far as it is known while reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stage {
    pub(crate) image: String,
    pub(crate) parent: Option<usize>,
    pub(crate) line: usize,
    pub(crate) workdir: bool,
    pub(crate) pipefail: bool,
    pub(crate) pip_cache_off: bool,
    pub(crate) env: BTreeSet<String>,
    /// Its build arguments, with a value or without.
    pub(crate) args: BTreeSet<String>,
    /// The last USER: its text and lines.
    pub(crate) user: Option<(String, (usize, usize))>,
    pub(crate) cmds: usize,
    pub(crate) entrypoints: usize,
    pub(crate) healthchecks: usize,
    pub(crate) wget: bool,
    pub(crate) curl: bool,
    /// Archives that were copied: the file's name inside, and the lines.
    pub(crate) archives: Vec<(String, (usize, usize))>,
    /// Those that were unpacked.
    pub(crate) unpacked: Vec<(String, (usize, usize))>,
    /// Package lists that were fetched and left, and whether something else was removed.
    pub(crate) lists: Vec<((usize, usize), bool)>,
    /// Yarn's caches that were filled and left.
    pub(crate) yarn: Vec<(usize, usize)>,
    pub(crate) expose: Vec<(u16, (usize, usize))>,
    /// The keys of its labels and of those of the stages below.
    pub(crate) labels: BTreeSet<String>,
    pub(crate) start: Option<(String, (usize, usize))>,
}

/// Everything that rules share.
pub(crate) struct Lint<'f> {
    pub(crate) file: &'f File,
    pub(crate) around: Surroundings,
    pub(crate) settings: &'f Settings,
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) stages: Vec<Stage>,
    /// Stages by name, in lower case.
    pub(crate) names: BTreeMap<String, usize>,
    /// The same names as they are written.
    pub(crate) spelled: BTreeSet<String>,
    /// Rules that were judged for all of a RUN, with its line.
    pub(crate) judged: BTreeSet<(usize, &'static str)>,
    pub(crate) last_run: Option<(Vec<(String, String)>, usize)>,
    pub(crate) ignored: Ignored,
    out: Vec<Finding>,
    /// What stages may still take from others.
    left: usize,
}

/// Bytes that stages take from the stages they are built from, together: a chain of stages would copy without an end.
pub(super) const INHERITED: usize = 16 << 20;

impl<'f> Lint<'f> {
    /// Before the first instruction.
    pub(crate) fn new(
        file: &'f File,
        around: Surroundings,
        settings: &'f Settings,
        ignored: Ignored,
    ) -> Self {
        Self {
            file,
            around,
            settings,
            args: BTreeMap::new(),
            stages: Vec::new(),
            names: BTreeMap::new(),
            spelled: BTreeSet::new(),
            judged: BTreeSet::new(),
            last_run: None,
            ignored,
            out: Vec::new(),
            left: INHERITED,
        }
    }

    /// The findings by line, one for each rule and line.
    pub(crate) fn findings(self) -> Vec<Finding> {
        let mut out = self.out;
        out.sort_by(|a, b| (a.line, a.rule, &a.message).cmp(&(b.line, b.rule, &b.message)));
        out.dedup_by(|a, b| a.line == b.line && a.rule == b.rule);
        out
    }

    /// What a stage takes from the one that it is built from.
    pub(crate) fn inherited(&mut self, parent: Option<usize>) -> Stage {
        let base = parent.and_then(|parent| self.stages.get(parent)).filter(|_| self.left > 0);
        let base = base.cloned().unwrap_or_default();
        self.left = self.left.saturating_sub(format!("{base:?}").len());
        base
    }

    pub(crate) fn report(&mut self, rule: &'static Rule, lines: (usize, usize), message: impl Into<String>) {
        self.report_as(rule, rule.severity, lines, message);
    }

    pub(crate) fn report_as(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        lines: (usize, usize),
        message: impl Into<String>,
    ) {
        if self.ignored.hides(rule, lines.0) || self.settings.ignores(rule) {
            return;
        }
        let severity = self.settings.severity(rule).unwrap_or(severity);
        self.out.push(Finding { severity, ..Finding::new(rule, lines, message.into()) });
    }

    /// The stage that is being read; one that stands for nothing before the first `FROM`.
    pub(crate) fn stage(&mut self) -> &mut Stage {
        if self.stages.is_empty() {
            self.stages.push(Stage::default());
        }
        let last = self.stages.len() - 1;
        &mut self.stages[last]
    }
}

/// The lines of an instruction.
pub(crate) fn lines(instruction: &Instruction) -> (usize, usize) {
    (instruction.line, instruction.end_line)
}

/// Mounts that are looked at; no build has as many.
const MOUNTS: usize = 32;

/// The target of each cache or tmpfs mount.
pub(crate) fn mounts(instruction: &Instruction) -> Vec<&str> {
    let mounts = instruction.flags.iter().filter(|(key, _)| key == "mount").take(MOUNTS);
    let kept = mounts.filter(|(_, value)| {
        let kind = value.split(',').find_map(|part| part.strip_prefix("type="));
        matches!(kind, Some("cache" | "tmpfs"))
    });
    kept.filter_map(|(_, value)| {
        let mut pairs = value.split(',').filter_map(|part| part.split_once('='));
        pairs.find(|(key, _)| matches!(*key, "target" | "dst" | "destination")).map(|(_, path)| path)
    })
    .collect()
}

/// The words behind an instruction with the variables known so far put in.
pub(crate) fn expanded(lint: &Lint, text: &str) -> String {
    word::expand(text, &|name| word::short(lint.args.get(name)))
}
