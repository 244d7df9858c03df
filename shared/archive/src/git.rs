//! What Git says of a folder, asked so that nothing of the folder's repository runs.
//!
//! Invariant: no hook, no filter, no monitor, no signature check, no transport takes part, whatever the repository's
//! configuration says; and nothing is written to it. Where Git isn't there or doesn't answer, nothing is known.

use model::port::source::Origin;
use std::{
    collections::BTreeSet,
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Settings that win over the repository's own.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.sshCommand=false",
    "protocol.allow=never",
    "credential.helper=",
    "gpg.program=false",
    "log.showSignature=false",
];
/// Longest text of a field.
const LONGEST: usize = 200;

/// Git in one folder.
pub struct Git<'a> {
    folder: &'a Path,
    /// Where `git` is looked for; the caller's own path if absent.
    path: Option<&'a str>,
    /// Settings that switch off the repository's own filters.
    filters: Vec<String>,
}

impl<'a> Git<'a> {
    /// Of a folder; `None` unless it lies in a repository's work tree.
    pub fn of(folder: &'a Path, path: Option<&'a str>) -> Option<Self> {
        let mut git = Self { folder, path, filters: vec![] };
        let inside = git.text(&["rev-parse", "--is-inside-work-tree"])?;
        if inside != "true" {
            return None;
        }
        git.filters = git.filters();
        Some(git)
    }

    /// Files that it tracks, relative to the folder, those of submodules among them.
    pub fn tracked(&self) -> Option<BTreeSet<PathBuf>> {
        let list = self.run(&["ls-files", "-z", "--cached", "--recurse-submodules"])?;
        let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Some(names.map(|name| PathBuf::from(OsString::from_vec(name.to_vec()))).collect())
    }

    /// Commit, tag, branch, author, message, and whether there are uncommitted changes in the folder.
    pub fn origin(&self) -> Origin {
        let commit = self.text(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
        let branch = self.text(&["symbolic-ref", "--quiet", "--short", "HEAD"]);
        let (author, message) =
            self.run(&["cat-file", "commit", "HEAD"]).map(|text| told(&text)).unwrap_or_default();
        let changes = self.run(&[
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=normal",
            "--ignore-submodules=none",
            "--",
            ".",
        ]);
        Origin {
            tag: self.text(&["describe", "--exact-match", "--tags", "HEAD"]),
            dirty: commit.is_none() || changes.is_none_or(|changes| !changes.is_empty()),
            commit,
            branch,
            author,
            message,
        }
    }

    /// Filters run programs to compare a file with what is committed: each that is configured is switched off.
    fn filters(&self) -> Vec<String> {
        let names =
            self.run(&["config", "--name-only", "-z", "--get-regexp", "^filter\\."]).unwrap_or_default();
        let names = names.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok());
        let drivers: BTreeSet<&str> = names
            .filter_map(|name| name.strip_prefix("filter.")?.rsplit_once('.'))
            .map(|(driver, _)| driver)
            .collect();
        let off = |driver: &str| {
            ["clean=", "smudge=", "process=", "required=false"].map(|rest| format!("filter.{driver}.{rest}"))
        };
        drivers.into_iter().flat_map(off).collect()
    }

    fn text(&self, arguments: &[&str]) -> Option<String> {
        let said = String::from_utf8(self.run(arguments)?).ok()?;
        let text = said.trim();
        (!text.is_empty() && text.len() <= LONGEST).then(|| text.to_owned())
    }

    fn run(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(self.folder)
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .args(self.filters.iter().flat_map(|setting| ["-c", setting.as_str()]))
            .args(arguments)
            // A missing object is not fetched, and the index is not refreshed on disk.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF"] {
            command.env_remove(name);
        }
        if let Some(path) = self.path {
            command.env("PATH", path);
        }
        let output = command.output().ok()?;
        output.status.success().then_some(output.stdout)
    }
}

/// Author and first line of a commit as Git stores it.
pub fn told(commit: &[u8]) -> (Option<String>, Option<String>) {
    let text = String::from_utf8_lossy(commit);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let author = head.lines().find_map(|line| line.strip_prefix("author "));
    let author = author.and_then(|author| author.split(" <").next()).map(short);
    let message = body.lines().find(|line| !line.trim().is_empty()).map(short);
    let said = |text: &String| !text.is_empty();
    (author.filter(said), message.filter(said))
}

/// One line of limited length, without control characters.
fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
