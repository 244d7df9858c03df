//! Rules about the commands of a `RUN`, but for package managers.

use super::lint::{Lint, lines};
use super::rule;
use super::shell::{Command, Script};
use super::syntax::Instruction;

/// Commands that act on a machine.
const USELESS: [&str; 9] = ["ssh", "vim", "shutdown", "service", "ps", "free", "top", "kill", "mount"];

/// Looks at the commands of a `RUN`.
pub(crate) fn run(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    for command in &script.commands {
        one(lint, instruction, command);
    }
    pipes(lint, instruction, script);
    fetchers(lint, instruction, script);
    if !instruction.onbuild {
        archives(lint, script);
    }
    consecutive(lint, instruction, script);
}

fn one(lint: &mut Lint, instruction: &Instruction, command: &Command) {
    let at = lines(instruction);
    match command.name() {
        "cd" if instruction.onbuild => {}
        "cd" => lint.report(&rule::CD, at, format!("cd {}", command.args().join(" "))),
        "sudo" => lint.report(&rule::SUDO, at, "sudo"),
        name if USELESS.contains(&name) => lint.report(&rule::USELESS_COMMAND, at, name),
        "useradd" => {
            let high = user_ids(command).any(|id| id.len() > 5);
            if high && !command.any_flag(&["l", "no-log-init"]) {
                lint.report(&rule::USERADD, at, "useradd with a high id");
            }
        }
        "wget" => {
            let quiet =
                ["q", "quiet", "nv", "no-verbose", "progress", "o", "output-file", "a", "append-output"];
            if !command.any_flag(&quiet) {
                lint.report(&rule::WGET_PROGRESS, at, "wget with its progress bar");
            }
        }
        "ln" if command.has("/bin/sh") => lint.report(&rule::SHELL_LINK, at, "another /bin/sh"),
        _ => {}
    }
}

/// The user ids that useradd is given: `-u 1`, `-mu 1`, `-u1`, `--uid 1`, `--uid=1`.
fn user_ids(command: &Command) -> impl Iterator<Item = &str> {
    let args = command.args();
    args.iter().enumerate().filter_map(|(at, arg)| {
        let next = || args.get(at + 1).map(String::as_str);
        match arg.strip_prefix("--") {
            Some("uid") => next(),
            Some(long) => long.strip_prefix("uid="),
            None if arg.starts_with("-u") && arg.len() > 2 => Some(&arg[2..]),
            None => (arg.starts_with('-') && arg.ends_with('u')).then(next).flatten(),
        }
    })
}

fn pipes(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let at = lines(instruction);
    let shell = instruction.json().is_none() && !instruction.onbuild;
    if script.pipes && !lint.stage().pipefail && shell {
        lint.report(&rule::PIPEFAIL, at, "a pipe without pipefail");
    }
    let shells = ["sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "ruby", "node"];
    let mut fetched = false;
    for command in &script.commands {
        fetched = matches!(command.base(), "curl" | "wget") || (fetched && command.piped);
        let program = command
            .words
            .iter()
            .find(|word| !matches!(word.as_str(), "sudo" | "env" | "-E") && !word.contains('='));
        let program = program.map_or("", |word| word.rsplit('/').next().unwrap_or_default());
        let stdin = command
            .args()
            .iter()
            .all(|arg| arg.starts_with('-') || *arg == "sudo" || shells.contains(&arg.as_str()))
            || command.has("-s");
        if command.piped && fetched && shells.contains(&program) && stdin {
            lint.report(&rule::PIPE_TO_SHELL, at, format!("a download is piped into {program}"));
        }
        let inline = shells.contains(&command.base()) && command.has("-c");
        if inline && command.args().iter().any(|arg| arg.starts_with("${VAR}")) && fetched {
            lint.report(&rule::PIPE_TO_SHELL, at, format!("a download is executed by {}", command.base()));
        }
    }
}

fn fetchers(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let named = |name: &str| script.commands.iter().any(|command| command.name() == name);
    let (wget, curl) = (named("wget"), named("curl"));
    let stage = lint.stage();
    stage.wget |= wget;
    stage.curl |= curl;
    if stage.wget && stage.curl && (wget || curl) {
        lint.report(&rule::WGET_CURL, lines(instruction), "wget and curl");
    }
}

/// An archive that was copied and is unpacked here: by the name of its file, in whatever folder. The flags of tar
/// without a hyphen (`tar xf`) are left in doubt, as hadolint does.
fn archives(lint: &mut Lint, script: &Script) {
    for command in &script.commands {
        let unpacks = match command.name() {
            "tar" => command.any_flag(&["x", "extract", "get"]),
            "unzip" | "gunzip" | "bunzip2" | "unlzma" | "unxz" | "zgz" | "uncompress" | "zcat" | "gzcat" => {
                true
            }
            _ => false,
        };
        if !unpacks {
            continue;
        }
        let stage = lint.stage();
        let named = |name: &String| command.args().iter().any(|arg| arg.rsplit('/').next() == Some(name));
        let (unpacked, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut stage.archives).into_iter().partition(|(name, _)| named(name));
        stage.archives = left;
        stage.unpacked.extend(unpacked);
    }
}

fn consecutive(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    if instruction.onbuild {
        lint.last_run = None;
        return;
    }
    let here = (instruction.flags.clone(), script.commands.len());
    let last = lint.last_run.replace(here);
    if let (Some((flags, commands)), 0 | 1) = (last, script.commands.len())
        && commands <= 1
        && flags == instruction.flags
    {
        lint.report(&rule::CONSECUTIVE_RUN, lines(instruction), "RUN after RUN");
    }
}
