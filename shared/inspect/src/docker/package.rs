//! What the rules about package managers share, and names of files.

use super::lint::Lint;
use super::rule::Rule;

/// The first and the last line of an instruction, from 1.
pub(crate) type At = (usize, usize);

/// Whether a file is one that `ADD` unpacks.
pub(crate) fn is_archive(path: &str) -> bool {
    const ENDS: [&str; 17] = [
        ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz",
        ".txz", ".xz", ".tar.zst", ".tzst",
    ];
    ENDS.iter().any(|end| path.ends_with(end))
}

/// Says so of the first package that no version is named of.
pub(crate) fn pins(
    lint: &mut Lint,
    rule: &'static Rule,
    at: At,
    packages: &[&str],
    pinned: impl Fn(&str) -> bool,
) {
    if let Some(package) = packages.iter().find(|package| !pinned(package)) {
        lint.report(rule, at, format!("{package} without a version"));
    }
}

/// Whether a file's name ends so, in whatever case.
pub(crate) fn has_end(path: &str, end: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(end))
}
