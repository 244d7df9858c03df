//! Whether a `RUN` that fills a package cache empties it again.

use super::lint::Lint;
use super::package::At;
use super::rule::{self, Rule};
use super::shell::{Command, Script};

/// Whether a command of that name removes this folder, or what is in it.
pub(crate) fn removes(command: &Command, folder: &str) -> bool {
    command.name() == "rm" && command.args().iter().any(|arg| arg.starts_with(folder))
}

/// What is taken for a clean-up whatever it removes, as hadolint does; where it is another folder, [`rule::CACHE_LEFT`]
/// says so.
pub(crate) fn sweeps(command: &Command) -> bool {
    command.name() == "rm" && command.has("-rf")
}

/// How a cache that was filled is emptied again.
pub(crate) struct Cleaning<'c> {
    pub(crate) fills: &'c dyn Fn(&Command) -> bool,
    /// The clean-up itself.
    pub(crate) cleans: &'c dyn Fn(&Command) -> bool,
    pub(crate) folders: &'c [&'c str],
    /// Whether hadolint takes any `rm -rf` for the clean-up.
    pub(crate) swept: bool,
}

/// Says so where a cache stays: without a clean-up behind what fills it, or with one of something else.
pub(crate) fn cleaned(
    lint: &mut Lint,
    rule: &'static Rule,
    at: At,
    script: &Script,
    cleaning: &Cleaning,
    message: &str,
) {
    // Once for each RUN: the next command of the same tool would find the same.
    if !lint.judged.insert((at.0, rule.id)) {
        return;
    }
    super::work::steps(script.commands.len());
    let first = |is: &dyn Fn(&Command) -> bool| script.commands.iter().position(is);
    let Some(filled) = first(cleaning.fills) else { return };
    let really = |command: &Command| {
        (cleaning.cleans)(command) || cleaning.folders.iter().any(|folder| removes(command, folder))
    };
    let behind = &script.commands[filled + 1..];
    if behind.iter().any(really) {
        return;
    }
    if cleaning.swept && behind.iter().any(sweeps) {
        lint.report(&rule::CACHE_LEFT, at, format!("{message}; what is removed is something else"));
    } else {
        lint.report(rule, at, message);
    }
}
