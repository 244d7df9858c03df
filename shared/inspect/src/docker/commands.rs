//! Rules about the commands of a `RUN`, but for package managers.

use super::lint::{Lint, lines};
use super::parse::Instruction;
use super::rule;
use super::shell::{Command, Script};

/// Commands that act on a machine.
const USELESS: [&str; 10] =
    ["ssh", "vim", "shutdown", "service", "ps", "free", "top", "kill", "mount", "ifconfig"];

/// Looks at the commands of a `RUN`.
pub(crate) fn run(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    for command in &script.commands {
        one(lint, instruction, command);
    }
    pipes(lint, instruction, script);
    fetchers(lint, instruction, script);
    archives(lint, script);
    consecutive(lint, instruction, script);
}

fn one(lint: &mut Lint, instruction: &Instruction, command: &Command) {
    let at = lines(instruction);
    match command.name() {
        "cd" => lint.report(&rule::CD, at, format!("cd {}", command.args().join(" "))),
        "sudo" => lint.report(&rule::SUDO, at, "sudo"),
        name if USELESS.contains(&name) => lint.report(&rule::USELESS_COMMAND, at, name),
        "useradd" => {
            let args = command.args();
            let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1));
            let glued = args.iter().find_map(|arg| arg.strip_prefix("--uid="));
            let id = after("-u").or_else(|| after("--uid")).map(String::as_str).or(glued);
            if id.is_some_and(|id| id.len() > 5) && !command.any_flag(&["l", "no-log-init"]) {
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

fn pipes(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let at = lines(instruction);
    if script.pipes && !lint.stage().pipefail && instruction.json().is_none() {
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

/// An archive that was copied and is unpacked here.
fn archives(lint: &mut Lint, script: &Script) {
    for command in &script.commands {
        let dashed = command.any_flag(&["x", "extract", "get"]);
        let unpacks = match command.name() {
            "tar" => {
                let letters =
                    |arg: &String| arg.starts_with(|c: char| c.is_ascii_lowercase()) && arg.contains('x');
                dashed || command.args().first().is_some_and(|arg| letters(arg) && !arg.contains(['/', '.']))
            }
            "unzip" | "gunzip" | "bunzip2" | "unlzma" | "unxz" | "zgz" | "uncompress" | "zcat" | "gzcat" => {
                true
            }
            _ => false,
        };
        if !unpacks {
            continue;
        }
        let copied = std::mem::take(&mut lint.stage().archives);
        for (path, at) in &copied {
            let file = path.rsplit('/').next().unwrap_or_default();
            // Without a folder it may be another file of that name; the old form of flags is left in doubt.
            let same = |arg: &String| arg == path || (dashed && arg.rsplit('/').next() == Some(file));
            if command.args().iter().any(same) {
                lint.report(&rule::ADD_ARCHIVE, *at, format!("{file} is copied, then unpacked"));
            }
        }
        lint.stage().archives = copied;
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
