//! Rules about package managers: which one a command is, and those of Debian and Alpine.

use super::cleanup::{removes, sweeps};
use super::lint::{Lint, lines, mounts};
use super::package::{At, has_end, pins};
use super::rule;
use super::shell::{Command, Script};
use super::syntax::Instruction;
use super::{packages_language as language, packages_rpm as rpm};

/// Looks at the package managers of a `RUN`.
pub(crate) fn run(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let at = lines(instruction);
    for command in &script.commands {
        match command.name() {
            "apt-get" => apt(lint, at, command),
            "apt" => lint.report(&rule::APT, at, "apt"),
            "apk" => apk(lint, instruction, command),
            "yum" => rpm::yum(lint, at, command, script),
            "dnf" | "microdnf" => rpm::dnf(lint, instruction, command, script),
            "zypper" => rpm::zypper(lint, instruction, command, script),
            "npm" => language::npm(lint, at, command),
            "gem" => language::gem(lint, at, command),
            "go" => language::go(lint, at, command),
            "yarn" => language::yarn(lint, instruction, command, script),
            name if language::is_pip(name) => language::pip(lint, instruction, command, script),
            _ => {}
        }
    }
    lists(lint, instruction, script);
}

fn apt(lint: &mut Lint, at: At, command: &Command) {
    if command.has_any(&["dist-upgrade", "full-upgrade"]) {
        lint.report(&rule::DIST_UPGRADE, at, "apt-get dist-upgrade");
    }
    if !command.has("install") {
        return;
    }
    let quiet = command.args().iter().filter(|arg| **arg == "-q" || **arg == "--quiet").count() > 1
        || command.args().iter().any(|arg| {
            short(arg).is_some_and(|flags| flags.matches('q').count() > 1 || flags.starts_with("q=2"))
        });
    if !quiet && !command.any_flag(&["y", "yes", "assume-yes"]) {
        lint.report(&rule::APT_YES, at, "apt-get install without -y");
    }
    let option = command.args().iter().any(|arg| {
        let arg = arg.strip_prefix("-o").unwrap_or(arg);
        matches!(
            arg,
            "APT::Install-Recommends=false" | "APT::Install-Recommends=0" | "APT::Install-Recommends=no"
        )
    });
    if !option && !command.flag("no-install-recommends") {
        lint.report(&rule::APT_RECOMMENDS, at, "apt-get install with recommended packages");
    }
    let packages = command.plain(&["t", "target-release", "o", "c", "option", "config-file"]);
    let packages: Vec<_> = packages.into_iter().filter(|word| *word != "install").collect();
    let pinned = |package: &str| package.contains(['=', '/']) || has_end(package, "deb");
    pins(lint, &rule::APT_PIN, at, &packages, pinned);
}

/// The letters of a short flag.
fn short(arg: &str) -> Option<&str> {
    arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'))
}

fn lists(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let updates =
        |command: &Command| matches!(command.name(), "apt-get" | "apt" | "aptitude") && command.has("update");
    let mounts = mounts(instruction);
    let mounted = |folder: &str| mounts.iter().any(|target| target.trim_end_matches('/') == folder);
    // With the lists' parent alone, the archives stay.
    let kept_away = mounted("/var/lib/apt/lists") || (mounted("/var/lib/apt") && mounted("/var/cache/apt"));
    let really = |command: &Command| removes(command, "/var/lib/apt");
    if !script.commands.iter().any(updates) || kept_away || script.commands.iter().any(really) {
        return;
    }
    let swept = script.commands.iter().any(sweeps);
    // What ONBUILD leaves is left in another file's image, whatever becomes of this stage.
    if instruction.onbuild && !swept {
        lint.report(&rule::APT_LISTS, lines(instruction), "the package lists stay");
    } else {
        lint.stage().lists.push((lines(instruction), swept));
    }
}

fn apk(lint: &mut Lint, instruction: &Instruction, command: &Command) {
    let at = lines(instruction);
    if command.has("upgrade") {
        lint.report(&rule::DIST_UPGRADE, at, "apk upgrade");
    }
    if !command.has("add") {
        return;
    }
    let values =
        ["t", "virtual", "repository", "X", "p", "root", "repositories-file", "keys-dir", "cache-dir"];
    let packages: Vec<_> = command.plain(&values).into_iter().filter(|word| *word != "add").collect();
    let pinned = |package: &str| package.contains(['=', '<', '>', '~']) || has_end(package, "apk");
    pins(lint, &rule::APK_PIN, at, &packages, pinned);
    let mounted = mounts(instruction).iter().any(|target| target.starts_with("/var/cache/apk"));
    if !mounted && !command.flag("no-cache") {
        lint.report(&rule::APK_CACHE, at, "apk add without --no-cache");
    }
}
