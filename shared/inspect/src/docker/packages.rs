//! Rules about package managers.

use super::lint::{Lint, lines, mounts};
use super::parse::Instruction;
use super::rule::{self, Rule};
use super::shell::{Command, Script};

type At = (usize, usize);

/// Looks at the package managers of a `RUN`.
pub(crate) fn run(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let at = lines(instruction);
    for command in &script.commands {
        match command.name() {
            "apt-get" => apt(lint, at, command),
            "apt" => lint.report(&rule::APT, at, "apt"),
            "apk" => apk(lint, instruction, command),
            "yum" => yum(lint, at, command, script),
            "dnf" | "microdnf" => dnf(lint, instruction, command, script),
            "zypper" => zypper(lint, at, command, script),
            "npm" => npm(lint, at, command),
            "gem" => gem(lint, at, command),
            "go" => go(lint, at, command),
            "yarn" => yarn(lint, instruction, command, script),
            name if name.starts_with("pip") || name.starts_with("python") => pip(lint, instruction, command),
            _ => {}
        }
    }
    lists(lint, instruction, script);
}

/// Whether a file is one that `ADD` unpacks.
pub(crate) fn is_archive(path: &str) -> bool {
    const ENDS: [&str; 17] = [
        ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz",
        ".txz", ".xz", ".tar.zst", ".tzst",
    ];
    ENDS.iter().any(|end| path.ends_with(end))
}

fn removes(script: &Script, folder: &str) -> bool {
    script.commands.iter().any(|command| {
        command.name() == "rm"
            && command.any_flag(&["r", "R", "recursive"])
            && command.any_flag(&["f", "force"])
            && command.args().iter().any(|arg| arg.starts_with(folder))
    })
}

fn pins(lint: &mut Lint, rule: &'static Rule, at: At, packages: &[&str], pinned: impl Fn(&str) -> bool) {
    if let Some(package) = packages.iter().find(|package| !pinned(package)) {
        lint.report(rule, at, format!("{package} without a version"));
    }
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

/// Whether a file's name ends so, in whatever case.
fn has_end(path: &str, end: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(end))
}

/// The letters of a short flag.
fn short(arg: &str) -> Option<&str> {
    arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'))
}

fn lists(lint: &mut Lint, instruction: &Instruction, script: &Script) {
    let updates =
        |command: &Command| matches!(command.name(), "apt-get" | "apt" | "aptitude") && command.has("update");
    let folder = "/var/lib/apt/lists";
    let mounted = mounts(instruction).iter().any(|target| folder.starts_with(target.trim_end_matches('/')));
    if script.commands.iter().any(updates) && !mounted && !removes(script, folder) {
        lint.stage().lists.push(lines(instruction));
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

/// `-1.2`: a hyphen and a digit behind the name.
fn has_number(package: &str) -> bool {
    package.as_bytes().windows(2).any(|pair| pair[0] == b'-' && pair[1].is_ascii_digit())
}

/// What is asked to be installed, without the words of the tool itself.
fn wanted<'c>(command: &'c Command, verbs: &[&str]) -> Vec<&'c str> {
    command.plain(&[]).into_iter().filter(|word| !verbs.contains(word)).collect()
}

fn modular(command: &Command, package: &str) -> bool {
    if command.has("module") { package.contains(':') } else { has_number(package) }
}

fn yum(lint: &mut Lint, at: At, command: &Command, script: &Script) {
    let yes = command.any_flag(&["y", "assumeyes"]);
    if command.has_any(&["install", "groupinstall", "localinstall"]) && !yes {
        lint.report(&rule::YUM_YES, at, "yum install without -y");
    }
    if !command.has("install") {
        return;
    }
    let cleans = |other: &Command| other.name() == "yum" && other.has("clean") && other.has("all");
    if !script.commands.iter().any(cleans) && !removes(script, "/var/cache/yum/") {
        lint.report(&rule::YUM_CLEAN, at, "yum install without yum clean all");
    }
    pins(lint, &rule::YUM_PIN, at, &wanted(command, &["install", "module"]), |package| {
        modular(command, package)
    });
}

fn dnf(lint: &mut Lint, instruction: &Instruction, command: &Command, script: &Script) {
    let at = lines(instruction);
    let yes = command.any_flag(&["y", "assumeyes"]);
    if command.has_any(&["install", "groupinstall", "localinstall"]) && !yes {
        lint.report(&rule::DNF_YES, at, format!("{} install without -y", command.name()));
    }
    let mounted = mounts(instruction)
        .iter()
        .any(|target| target.starts_with("/var/cache/dnf") || target.starts_with("/var/cache/libdnf5"));
    let cleans = |other: &Command| other.name() == command.name() && other.has("clean") && other.has("all");
    let cleaned = script.commands.iter().any(cleans)
        || ["/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5"]
            .iter()
            .any(|folder| removes(script, folder));
    if command.has_any(&["install", "upgrade", "reinstall"]) && !mounted && !cleaned {
        lint.report(&rule::DNF_CLEAN, at, format!("{0} install without {0} clean all", command.name()));
    }
    if command.has("install") {
        pins(lint, &rule::DNF_PIN, at, &wanted(command, &["install", "module"]), |package| {
            modular(command, package)
        });
    }
}

fn zypper(lint: &mut Lint, at: At, command: &Command, script: &Script) {
    if command.has_any(&["dist-upgrade", "dup"]) {
        lint.report(&rule::ZYPPER_UPGRADE, at, "zypper dist-upgrade");
    }
    let verbs = ["install", "in", "remove", "rm", "source-install", "si", "patch"];
    let yes = command.any_flag(&["n", "non-interactive", "y", "no-confirm"]);
    if command.has_any(&verbs) && !yes {
        lint.report(&rule::ZYPPER_YES, at, "zypper without -n");
    }
    if !command.has_any(&["install", "in"]) {
        return;
    }
    let cleans = |other: &Command| other.name() == "zypper" && other.has_any(&["clean", "cc"]);
    if !script.commands.iter().any(cleans) {
        lint.report(&rule::ZYPPER_CLEAN, at, "zypper install without zypper clean");
    }
    let pinned = |package: &str| package.contains(['=', '<', '>', '~']) || has_end(package, "rpm");
    pins(lint, &rule::ZYPPER_PIN, at, &wanted(command, &["install", "in"]), pinned);
}

fn npm(lint: &mut Lint, at: At, command: &Command) {
    if !command.has("install") {
        return;
    }
    let packages = command.plain(&["registry", "loglevel", "prefix", "C", "cache"]);
    let packages: Vec<_> = packages.into_iter().filter(|word| *word != "install").collect();
    let pinned = |package: &str| {
        if package.contains(':') {
            return package.contains('#') || package.starts_with("file:");
        }
        let name = package.strip_prefix('@').unwrap_or(package);
        let archive = [".tar", ".tgz", ".tar.gz"].iter().any(|end| package.ends_with(end));
        name.contains('@') || package.starts_with(['/', '.', '~']) || archive
    };
    pins(lint, &rule::NPM_PIN, at, &packages, pinned);
}

fn gem(lint: &mut Lint, at: At, command: &Command) {
    if !command.has_any(&["install", "i"]) || command.has("-v") || command.flag("version") {
        return;
    }
    let words = command.args().iter().take_while(|word| *word != "--").map(String::as_str);
    let packages: Vec<_> =
        words.filter(|word| !word.starts_with('-') && !matches!(*word, "install" | "i")).collect();
    pins(lint, &rule::GEM_PIN, at, &packages, |package| package.contains(':'));
}

fn go(lint: &mut Lint, at: At, command: &Command) {
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

fn yarn(lint: &mut Lint, instruction: &Instruction, command: &Command, script: &Script) {
    let mounted =
        mounts(instruction).iter().any(|target| target.contains(".cache/yarn") || target.contains(".yarn"));
    let cleans = |other: &Command| other.name() == "yarn" && other.has("cache") && other.has("clean");
    if command.has("install") && !mounted && !script.commands.iter().any(cleans) {
        lint.stage().yarn.push(lines(instruction));
    }
}

fn pip(lint: &mut Lint, instruction: &Instruction, command: &Command) {
    let at = lines(instruction);
    let module = command.args().windows(2).any(|pair| pair[0] == "-m" && pair[1] == "pip");
    if !command.has("install") || (command.name().starts_with("python") && !module) {
        return;
    }
    let off = command.assignments.iter().any(|set| set.starts_with("PIP_NO_CACHE_DIR="));
    let mounted = mounts(instruction).iter().any(|target| target.contains(".cache/pip"));
    if !command.flag("no-cache-dir")
        && command.name() != "pipx"
        && !off
        && !mounted
        && !lint.stage().pip_cache_off
    {
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
    ];
    let mut packages = command.plain(&values);
    packages.retain(|word| *word != "install");
    let pinned = |package: &str| {
        ["==", ">=", "<=", "~=", "!=", "===", ">", "<", "@"]
            .iter()
            .any(|sign| package.contains(sign) && package.len() > sign.len())
            || has_end(package, "whl")
            || package.ends_with(".tar.gz")
            || package.starts_with(['.', '/'])
    };
    pins(lint, &rule::PIP_PIN, at, &packages, pinned);
}
