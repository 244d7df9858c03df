//! What compilers and package managers write of a failed build.

use super::{Found, pattern, place};
use regex::Regex;
use std::sync::LazyLock;

/// A message with its place on one line: file, line, message.
static PLACED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // tsc, pretty and plain
        r"^(\S+\.[cm]?[jt]sx?):(\d+):\d+ - error (TS\d+: .+)$",
        r"^(\S+\.[cm]?[jt]sx?)\((\d+),\d+\): error (TS\d+: .+)$",
        // go
        r"^(\S+\.go):(\d+):(?:\d+:)? (.+)$",
        // javac, kotlinc, gcc, clang
        r"^(?:e: )?(?:file://)?(\S+\.(?:java|kt|c|cc|cpp|cxx|h|hpp)):(\d+):(?:\d+:?)? (?:fatal )?(?:error: )(.+)$",
        // Maven
        r"^\[ERROR\] (/\S+?):\[(\d+),\d+\] (.+)$",
        // .NET
        r"^(\S+?)\((\d+),\d+\): error (\w+\d+: .+?)(?: \[\S+\])?$",
    ]
    .iter()
    .map(|text| pattern(text))
    .collect()
});

/// A message alone.
static ALONE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"^error(?:\[E\d+\])?: (.+)$",
        r"^npm (?:ERR!|error) ((?:Missing script|notarget|404|ERESOLVE|peer|Invalid|Could not|Unsupported|The `npm ci`|`npm ci`|must|enoent).*)$",
        r"^(?:\s*ERR_PNPM_\w+\s+|\x{2009}ERR_PNPM_\w+\x{2009}\s*)(.+)$",
        r"^error (?:An unexpected error occurred: )?(.+)$",
        r"^ERROR: (.+)$",
        r"^Module not found: (.+)$",
        r"^\S* ?\[ERROR\] (.+)$",
        r"^(Could not find gem .+|Could not find .+ in (?:locally installed gems|rubygems repository).*)$",
        r"^Your (requirements could not be resolved.*)$",
        r"^(?:\*\* )?\((?:Mix|CompileError)\) (.+)$",
    ]
    .iter()
    .map(|text| pattern(text))
    .collect()
});

static ARROW: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*--> (\S+?):(\d+):\d+"));

/// The first error of a build.
pub fn first(lines: &[&str]) -> Option<Found> {
    (0..lines.len())
        .find_map(|line| placed(lines, line).or_else(|| gradle(lines, line)).or_else(|| alone(lines, line)))
}

fn placed(lines: &[&str], line: usize) -> Option<Found> {
    let found = PLACED.iter().find_map(|pattern| pattern.captures(lines[line]))?;
    Some(Found::new(line, &found[3], Some(place::at(&found[1], &found[2]))))
}

fn alone(lines: &[&str], line: usize) -> Option<Found> {
    let found = ALONE.iter().find_map(|pattern| pattern.captures(lines[line]))?;
    // rustc says the place below.
    let below = lines[line + 1..].iter().take(3).find_map(|text| ARROW.captures(text));
    Some(Found::new(line, &found[1], below.map(|at| place::at(&at[1], &at[2]))))
}

fn gradle(lines: &[&str], line: usize) -> Option<Found> {
    if lines[line] != "* What went wrong:" {
        return None;
    }
    Some(Found::new(line + 1, *lines.get(line + 1)?, None))
}
