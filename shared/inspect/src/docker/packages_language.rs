//! Rules about the package managers of languages: npm, gem, go, yarn, pip.

use super::lint::{Lint, lines, mounts};
use super::package::{At, has_end, pins};
use super::rule;
use super::shell::{Command, Script};
use super::syntax::Instruction;

pub(crate) fn npm(lint: &mut Lint, at: At, command: &Command) {
    let words =
        command.plain(&["registry", "loglevel", "prefix", "C", "cache", "tag", "omit", "include", "w"]);
    let [verb, packages @ ..] = &words[..] else { return };
    if *verb != "install" {
        return;
    }
    let pinned = |package: &str| {
        let repository = package.starts_with("git") && package.contains(':') && !package.starts_with("git@");
        let name = package.strip_prefix('@').unwrap_or(package);
        let local = package.starts_with(['/', '~', '.']) || package.starts_with("file:");
        let archive = [".tar", ".tgz", ".tar.gz"].iter().any(|end| package.ends_with(end));
        if repository { package.contains('#') } else { name.contains('@') || archive || local }
    };
    pins(lint, &rule::NPM_PIN, at, packages, pinned);
}

/// What stands behind a flag is taken for its value, as hadolint does: gem has too many to know them all.
pub(crate) fn gem(lint: &mut Lint, at: At, command: &Command) {
    if !command.has_any(&["install", "i"]) || command.has("-v") || command.flag("version") {
        return;
    }
    let mut packages = Vec::new();
    let mut words = command.args().iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word.starts_with('-') && !word.contains('=') {
            words.next();
        } else if !word.starts_with('-') && !matches!(word.as_str(), "install" | "i") {
            packages.push(word.as_str());
        }
    }
    pins(lint, &rule::GEM_PIN, at, &packages, |package| package.contains(':'));
}

pub(crate) fn go(lint: &mut Lint, at: At, command: &Command) {
    if !matches!(command.args().first().map(String::as_str), Some("install" | "get" | "run")) {
        return;
    }
    let values = ["ldflags", "tags", "gcflags", "asmflags", "o", "p", "mod", "modfile", "C"];
    let packages: Vec<_> = command.plain(&values).into_iter().skip(1).collect();
    let run = command.has("run");
    let packages = if run { &packages[..packages.len().min(1)] } else { &packages[..] };
    let pinned = |package: &str| match package.split_once('@') {
        Some((_, version)) => version != "latest",
        None => package.starts_with(['.', '/']) || has_end(package, "go"),
    };
    pins(lint, &rule::GO_PIN, at, packages, pinned);
}

pub(crate) fn yarn(lint: &mut Lint, instruction: &Instruction, command: &Command, script: &Script) {
    // Yarn from version 2 on has its cache in `.yarn`.
    if !command.has("install") {
        return;
    }
    let mounted =
        mounts(instruction).iter().any(|target| target.contains(".cache/yarn") || target.contains(".yarn"));
    let cleans = |other: &Command| other.name() == "yarn" && other.has("cache") && other.has("clean");
    let installs = |other: &Command| other.name() == "yarn" && other.has("install");
    let mut behind = script.commands.iter().skip_while(|other| !installs(other));
    let first = lint.judged.insert((instruction.line, rule::YARN_CACHE.id));
    if !first || mounted || behind.any(cleans) {
        return;
    }
    // What ONBUILD leaves is left in another file's image, whatever becomes of this stage.
    if instruction.onbuild {
        lint.report(&rule::YARN_CACHE, lines(instruction), "yarn install without yarn cache clean");
    } else {
        lint.stage().yarn.push(lines(instruction));
    }
}

/// `pip`, `pip3`, `pip3.12`, `pipx` and the Pythons that may run it as a module.
pub(crate) fn is_pip(name: &str) -> bool {
    let version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    name == "pipx" || name.strip_prefix("pip").or_else(|| name.strip_prefix("python")).is_some_and(version)
}

/// What pip takes for yes in `PIP_NO_CACHE_DIR`.
pub(crate) fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

pub(crate) fn pip(lint: &mut Lint, instruction: &Instruction, command: &Command, script: &Script) {
    let at = lines(instruction);
    let module = command.args().windows(2).any(|pair| pair[0] == "-m" && pair[1] == "pip");
    if !command.has("install") || (command.name().starts_with("python") && !module) {
        return;
    }
    let off = |set: &String| set.strip_prefix("PIP_NO_CACHE_DIR=").is_some_and(is_yes);
    let exported = |other: &Command| other.name() == "export" && other.args().iter().any(off);
    let first = lint.judged.insert((instruction.line, rule::PIP_CACHE.id));
    if first && script.commands.iter().any(exported) {
        lint.judged.insert((instruction.line, "exported"));
    }
    let exported = lint.judged.contains(&(instruction.line, "exported"));
    let off = command.assignments.iter().any(off) || exported;
    let mounted = mounts(instruction).iter().any(|target| target.contains(".cache/pip"));
    let off = off || (command.flag("no-cache-dir") && !command.has("--no-cache-dir=false"));
    let off = off || command.name() == "pipx" || mounted || lint.stage().pip_cache_off;
    if !off {
        lint.report(&rule::PIP_CACHE, at, "pip install with its cache");
    }
    let from_file = command.any_flag(&["requirement", "constraint", "c"])
        || command.args().iter().any(|arg| arg.starts_with("-r"));
    if from_file || command.has(".") {
        return;
    }
    let values = [
        "abi",
        "b",
        "build",
        "e",
        "editable",
        "extra-index-url",
        "f",
        "find-links",
        "i",
        "index-url",
        "implementation",
        "no-binary",
        "only-binary",
        "platform",
        "prefix",
        "progress-bar",
        "proxy",
        "python-version",
        "root",
        "src",
        "t",
        "target",
        "trusted-host",
        "upgrade-strategy",
        "m",
        "timeout",
        "retries",
        "cache-dir",
        "log",
        "root-user-action",
        "python",
    ];
    let mut packages = command.plain(&values);
    packages.retain(|word| *word != "install");
    let pinned = |package: &str| {
        if package.starts_with("git+") {
            return package.contains('@');
        }
        let local = package.starts_with('.') || package.contains('/');
        ["==", ">=", "<=", "~=", "!=", "===", ">", "<"]
            .iter()
            .any(|sign| package.contains(sign) && package.len() > sign.len())
            || has_end(package, "whl")
            || package.ends_with(".tar.gz")
            || local
    };
    pins(lint, &rule::PIP_PIN, at, &packages, pinned);
}
