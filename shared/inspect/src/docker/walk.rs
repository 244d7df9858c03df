//! The walk over a file: what stands there is shown to each rule, and the findings come in their order.

use super::finding::{Finding, Ignored};
use super::lint::{Lint, Surroundings, lines};
use super::parse::parse;
use super::rule;
use super::settings::Settings;
use super::shell::{self, Script};
use super::syntax::{File, Instruction};
use super::{check, commands, labels, packages, serving};

/// Reads a Dockerfile and says what is wrong with it, by line.
pub fn scan(text: &str, around: Surroundings) -> Vec<Finding> {
    scan_file(&parse(text), around, &Settings::default())
}

/// The same for a file that is parsed already, with settings.
pub fn scan_file(file: &File, around: Surroundings, settings: &Settings) -> Vec<Finding> {
    let ignored = if settings.ignore_comments() { Ignored::read(file) } else { Ignored::default() };
    let mut lint = Lint::new(file, around, settings, ignored);
    problems(&mut lint);
    for instruction in &file.instructions {
        visit(&mut lint, instruction);
    }
    check::end(&mut lint);
    labels::end(&mut lint);
    serving::end(&mut lint);
    lint.findings()
}

fn problems(lint: &mut Lint) {
    for problem in &lint.file.problems {
        let rule = if problem.message.contains("heredoc") { &rule::HEREDOC_END } else { &rule::SYNTAX };
        lint.report(rule, (problem.line, problem.line), problem.message.clone());
    }
    if !lint.file.instructions.iter().any(|instruction| instruction.keyword == "FROM" && !instruction.onbuild)
    {
        lint.report(&rule::NO_FROM, (1, 1), "no FROM");
    }
    if lint.around.report_ignores && !lint.ignored.is_empty() {
        let at: Vec<_> = lint.ignored.lines().collect();
        for line in at {
            lint.report(&rule::IGNORE_COMMENT, (line, line), "an ignore comment");
        }
    }
}

fn visit(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    if instruction.onbuild && matches!(instruction.keyword.as_str(), "FROM" | "MAINTAINER" | "ONBUILD") {
        lint.report(&rule::ONBUILD, at, format!("ONBUILD {}", instruction.keyword));
        return;
    }
    // The rest of what ONBUILD runs belongs to a stage of another file, about which nothing is known here.
    if instruction.onbuild && !matches!(instruction.keyword.as_str(), "RUN" | "ENV" | "ARG" | "COPY" | "ADD")
    {
        lint.last_run = None;
        return;
    }
    if lint.stages.is_empty() && !matches!(instruction.keyword.as_str(), "FROM" | "ARG") {
        lint.report(&rule::ORDER, at, format!("{} before FROM", instruction.keyword));
    }
    check::instruction(lint, instruction);
    if instruction.keyword == "RUN" {
        let script = script(instruction);
        packages::run(lint, instruction, &script);
        commands::run(lint, instruction, &script);
    } else {
        lint.last_run = None;
    }
    serving::instruction(lint, instruction);
}

/// The commands of a `RUN`.
pub(crate) fn script(instruction: &Instruction) -> Script {
    match instruction.json() {
        Some(words) => shell::exec(words),
        None => shell::parse(fed(instruction).unwrap_or_else(|| instruction.script())),
    }
}

/// The heredoc that is fed to a shell: `RUN <<EOF bash -e`.
fn fed(instruction: &Instruction) -> Option<&str> {
    let [heredoc] = &instruction.heredocs[..] else { return None };
    let rest = instruction.text.strip_prefix("<<")?.split_once(char::is_whitespace)?.1;
    let mut words = rest.split_whitespace();
    let shell =
        matches!(words.next(), Some("sh" | "bash" | "ash" | "dash" | "zsh" | "/bin/sh" | "/bin/bash"));
    (shell && words.all(|word| word.starts_with('-'))).then_some(&heredoc.body)
}
