//! Rules about every instruction but `RUN`, `FROM`, `ARG`, `ENV` and `LABEL`.

use super::lint::{Lint, expanded, lines};
use super::package::is_archive;
use super::rule::{self, Severity};
use super::syntax::Instruction;
use super::{images, labels, variables, word};
use std::collections::BTreeSet;

/// Looks at one instruction.
pub(crate) fn instruction(lint: &mut Lint, instruction: &Instruction) {
    match instruction.keyword.as_str() {
        "FROM" => images::from(lint, instruction),
        "ARG" => variables::arg(lint, instruction),
        "ENV" => variables::env(lint, instruction),
        "COPY" => copy(lint, instruction),
        "ADD" => add(lint, instruction),
        "USER" => user(lint, instruction),
        "WORKDIR" => workdir(lint, instruction),
        "EXPOSE" => expose(lint, instruction),
        "LABEL" => labels::label(lint, instruction),
        "SHELL" => shell(lint, instruction),
        "MAINTAINER" => lint.report(&rule::MAINTAINER, lines(instruction), "MAINTAINER"),
        "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => start(lint, instruction),
        _ => {}
    }
}

fn copy(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let words = paths(instruction);
    let from = instruction.flag("from");
    if let (Some(from), false) = (from, instruction.onbuild) {
        copy_from(lint, at, from, &words);
    }
    let Some((target, sources)) = words.split_last().filter(|_| !instruction.onbuild) else { return };
    if sources.len() > 1 && !target.ends_with('/') {
        // BuildKit takes the dot for the folder that it is.
        let severity = if target == "." { Severity::Info } else { Severity::Error };
        lint.report_as(&rule::COPY_FOLDER, severity, at, format!("several sources to {target}"));
    }
    relative(lint, at, target);
    if from.is_none() {
        for source in sources.iter().filter(|source| is_archive(source)) {
            let renamed = is_archive(target);
            let path = if renamed { target } else { source };
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            if lint.stage().archives.len() < ARCHIVES {
                lint.stage().archives.push((name, at));
            }
        }
    }
}

/// Archives of a stage that are remembered; no build has as many.
const ARCHIVES: usize = 64;

/// What `COPY` and `ADD` name. Outside of a JSON list, BuildKit splits at every white space, inside of quotes too.
fn paths(instruction: &Instruction) -> Vec<String> {
    instruction.json().unwrap_or_else(|| {
        let words = instruction.text.split_whitespace();
        words.map(|raw| raw.trim_matches(['"', '\'']).to_owned()).filter(|word| !word.is_empty()).collect()
    })
}

fn relative(lint: &mut Lint, at: (usize, usize), target: &str) {
    let windows = target.as_bytes().get(1) == Some(&b':') && target.as_bytes()[0].is_ascii_alphabetic();
    let absolute = target.starts_with(['/', '\\', '$']) || windows;
    if !absolute && !lint.stage().workdir {
        lint.report(&rule::COPY_NOWHERE, at, format!("COPY to {target}"));
    }
}

fn copy_from(lint: &mut Lint, at: (usize, usize), from: &str, words: &[String]) {
    let this = lint.stages.len().saturating_sub(1);
    match lint.names.get(&from.to_ascii_lowercase()).copied() {
        Some(stage) if stage == this => {
            lint.report(&rule::COPY_SELF, at, format!("COPY --from={from} in the stage {from}"));
        }
        Some(_) => {}
        None if from.parse::<usize>().is_ok_and(|number| number <= this) || from.contains([':', '@']) => {}
        None => lint.report(&rule::COPY_FROM, at, format!("COPY --from={from}")),
    }
    if words == ["/", "/"] {
        lint.report(&rule::COPY_ROOT, at, "COPY of / to /");
    }
}

fn add(lint: &mut Lint, instruction: &Instruction) {
    let words = paths(instruction);
    let Some((_, sources)) = words.split_last().filter(|_| !instruction.onbuild) else { return };
    let fetched = |source: &str| {
        ["http://", "https://", "git@", "git://", "ssh://"].iter().any(|scheme| source.starts_with(scheme))
            || source.starts_with("<<")
    };
    if let Some(source) = sources.iter().find(|source| !fetched(source) && !is_archive(source)) {
        lint.report(&rule::ADD_FILE, lines(instruction), format!("ADD {source}"));
    }
}

fn user(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let text = word::unquote(instruction.text.trim(), '\\');
    let user = text.split(':').next().unwrap_or_default();
    let argument = user.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
    let argument = argument.is_some_and(|name| lint.stage().args.contains(name));
    if user.parse::<u64>().is_err() && !text.is_empty() && !argument {
        lint.report(&rule::NON_NUMERIC_USER, at, format!("USER {text}"));
    }
    let known = expanded(lint, &text);
    lint.stage().user = Some((known, at));
}

fn workdir(lint: &mut Lint, instruction: &Instruction) {
    let text = word::unquote(instruction.text.trim(), if lint.file.escape == '`' { '`' } else { '\0' });
    let bytes = text.as_bytes();
    let windows = bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic();
    if !text.starts_with(['/', '$', '\\']) && !windows && !text.is_empty() {
        lint.report(&rule::WORKDIR_RELATIVE, lines(instruction), format!("WORKDIR {text}"));
    }
    lint.stage().workdir = true;
}

fn expose(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    for word in instruction.text.split_whitespace() {
        let known = expanded(lint, word);
        for port in known.split('/').next().unwrap_or_default().split('-') {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            match port.parse::<u16>() {
                Ok(port) => lint.stage().expose.push((port, at)),
                Err(_) if digits => lint.report(&rule::PORT_RANGE, at, format!("EXPOSE {word}")),
                Err(_) => {}
            }
        }
    }
}

fn shell(lint: &mut Lint, instruction: &Instruction) {
    let words = instruction.json().unwrap_or_default();
    let name = words.first().map(String::as_str).unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let windows = matches!(name, "powershell" | "pwsh" | "cmd");
    let able = matches!(name, "bash" | "zsh" | "ash");
    let set = words.iter().any(|word| word == "pipefail");
    lint.stage().pipefail = windows || (able && set);
}

fn start(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    if instruction.onbuild {
        return;
    }
    let keyword = instruction.keyword.as_str();
    if keyword == "HEALTHCHECK" {
        let text = instruction.text.trim();
        let command = text.get(..3).filter(|cmd| cmd.eq_ignore_ascii_case("cmd")).map(|_| text[3..].trim());
        if command.is_some_and(|command| serde_json::from_str::<Vec<String>>(command).is_err()) {
            lint.report_as(&rule::SHELL_FORM, Severity::Info, at, "HEALTHCHECK in shell form");
        }
        lint.stage().healthchecks += 1;
        if lint.stage().healthchecks > 1 {
            lint.report(&rule::HEALTHCHECKS, at, "another HEALTHCHECK");
        }
        return;
    }
    if instruction.json().is_none() {
        lint.report(&rule::SHELL_FORM, at, format!("{keyword} in shell form"));
    }
    let stage = lint.stage();
    stage.start = Some((instruction.text.clone(), at));
    let (count, rule) = if keyword == "CMD" {
        (&mut stage.cmds, &rule::CMDS)
    } else {
        (&mut stage.entrypoints, &rule::ENTRYPOINTS)
    };
    *count += 1;
    if *count > 1 {
        lint.report(rule, at, format!("another {keyword}"));
    }
}

/// What is only known at the end.
pub(crate) fn end(lint: &mut Lint) {
    let last = lint.stages.len().saturating_sub(1);
    let used: BTreeSet<usize> = lint.stages.iter().filter_map(|stage| stage.parent).collect();
    for (index, stage) in std::mem::take(&mut lint.stages).into_iter().enumerate() {
        if let Some((user, at)) = &stage.user {
            let user = user.split(':').next().unwrap_or_default();
            if matches!(user, "root" | "0") {
                lint.report(&rule::ROOT_USER, *at, "the last user is root");
            }
        }
        // The layers of the stages before are not shipped.
        for (name, at) in stage.unpacked.iter().filter(|_| index == last) {
            lint.report(&rule::ADD_ARCHIVE, *at, format!("{name} is copied, then unpacked"));
        }
        if index == last || used.contains(&index) {
            for (at, swept) in &stage.lists {
                if *swept {
                    let message = "the package lists stay; what is removed is something else";
                    lint.report(&rule::CACHE_LEFT, *at, message);
                } else {
                    lint.report(&rule::APT_LISTS, *at, "the package lists stay");
                }
            }
            for at in &stage.yarn {
                lint.report(&rule::YARN_CACHE, *at, "yarn install without yarn cache clean");
            }
        }
        lint.stages.push(stage);
    }
}
