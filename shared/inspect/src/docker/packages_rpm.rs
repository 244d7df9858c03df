//! Rules about the package managers of RPM: yum, dnf, zypper.

use super::cleanup::{Cleaning, cleaned};
use super::lint::{Lint, lines, mounts};
use super::package::{At, has_end, pins};
use super::rule;
use super::shell::{Command, Script};
use super::syntax::Instruction;

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

pub(crate) fn yum(lint: &mut Lint, at: At, command: &Command, script: &Script) {
    let yes = command.any_flag(&["y", "assumeyes"]);
    if command.has_any(&["install", "groupinstall", "localinstall"]) && !yes {
        lint.report(&rule::YUM_YES, at, "yum install without -y");
    }
    if !command.has("install") {
        return;
    }
    let cleaning = Cleaning {
        fills: &|other| other.name() == "yum" && other.has("install"),
        cleans: &|other| other.name() == "yum" && other.has("clean"),
        folders: &["/var/cache/yum", "/var/cache/dnf"],
        swept: true,
    };
    cleaned(lint, &rule::YUM_CLEAN, at, script, &cleaning, "yum install without yum clean all");
    pins(lint, &rule::YUM_PIN, at, &wanted(command, &["install", "module"]), |package| {
        modular(command, package)
    });
}

pub(crate) fn dnf(lint: &mut Lint, instruction: &Instruction, command: &Command, script: &Script) {
    let at = lines(instruction);
    let yes = command.any_flag(&["y", "assumeyes"]);
    if command.has_any(&["install", "groupinstall", "localinstall"]) && !yes {
        lint.report(&rule::DNF_YES, at, format!("{} install without -y", command.name()));
    }
    let mounted = mounts(instruction)
        .iter()
        .any(|target| target.starts_with("/var/cache/dnf") || target.starts_with("/var/cache/libdnf5"));
    let fills = ["install", "upgrade", "reinstall"];
    if command.has_any(&fills) && !mounted {
        let message = format!("{0} install without {0} clean all", command.name());
        let cleaning = Cleaning {
            fills: &|other| other.name() == command.name() && other.has_any(&fills),
            cleans: &|other| other.name() == command.name() && other.has("clean"),
            folders: &["/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5"],
            swept: true,
        };
        cleaned(lint, &rule::DNF_CLEAN, at, script, &cleaning, &message);
    }
    if command.has("install") {
        pins(lint, &rule::DNF_PIN, at, &wanted(command, &["install", "module"]), |package| {
            modular(command, package)
        });
    }
}

pub(crate) fn zypper(lint: &mut Lint, instruction: &Instruction, command: &Command, script: &Script) {
    let at = lines(instruction);
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
    if !mounts(instruction).iter().any(|target| target.starts_with("/var/cache/zypp")) {
        let cleaning = Cleaning {
            fills: &|other| other.name() == "zypper" && other.has_any(&["install", "in"]),
            cleans: &|other| other.name() == "zypper" && other.has_any(&["clean", "cc"]),
            folders: &["/var/cache/zypp"],
            swept: false,
        };
        let message = "zypper install without zypper clean";
        cleaned(lint, &rule::ZYPPER_CLEAN, at, script, &cleaning, message);
    }
    let pinned = |package: &str| package.contains(['=', '<', '>']) || has_end(package, "rpm");
    pins(lint, &rule::ZYPPER_PIN, at, &wanted(command, &["install", "in"]), pinned);
}
