//! What the fuzz targets share: a folder on disk that is made anew for each input, and the checks of a report.
//!
//! Invariant: nothing is written outside of the folder, whatever the input says. A link may lead anywhere; beside
//! the folder lies a file with [`CANARY`] in it, whose text must never come back.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The text of the file beside the tree.
pub const CANARY: &str = "CANARY-OUTSIDE-OF-THE-TREE";

/// Entries of a tree; more only make a run slower.
const ENTRIES: usize = 24;

/// A folder with `tree` in it and the canary beside that; it goes when this goes.
pub struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// A folder of this process.
    pub fn new() -> Self {
        let base = std::env::temp_dir().join(format!("inspect-fuzz-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(base.join("tree")).expect("the temporary folder is writable");
        fs::write(base.join("outside"), CANARY).expect("the temporary folder is writable");
        Self(base)
    }

    /// The tree.
    pub fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }

    /// An empty tree.
    pub fn clear(&self) {
        let _ = fs::remove_dir_all(self.tree());
        fs::create_dir_all(self.tree()).expect("the temporary folder is writable");
    }

    /// Makes the tree that a text describes: `=== PATH` begins a file, `=== PATH -> TARGET` is a link, what is
    /// before the first such line goes to `package.json`.
    pub fn fill(&self, data: &[u8]) {
        self.clear();
        let mut path = b"package.json".as_slice();
        let mut text = Vec::new();
        let mut left = ENTRIES;
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            let Some(next) = line.strip_prefix(b"=== ") else {
                text.extend_from_slice(line);
                continue;
            };
            self.entry(path, &text);
            text.clear();
            path = next.trim_ascii_end();
            left -= 1;
            if left == 0 {
                return;
            }
        }
        self.entry(path, &text);
    }

    fn entry(&self, path: &[u8], text: &[u8]) {
        let Ok(path) = std::str::from_utf8(path) else { return };
        let (path, target) =
            path.split_once(" -> ").map_or((path, None), |(path, target)| (path, Some(target)));
        let Some(place) = self.inside(path) else { return };
        if let Some(parent) = place.parent() {
            let _ = fs::create_dir_all(parent);
        }
        let _ = match target {
            Some(target) => std::os::unix::fs::symlink(target, &place),
            // Never through a link that an earlier entry made.
            None if fs::symlink_metadata(&place).is_ok() => Ok(()),
            None => fs::write(&place, text),
        };
    }

    /// The place of a relative path without `..`, unless a link lies on the way to it.
    fn inside(&self, path: &str) -> Option<PathBuf> {
        let mut place = self.tree();
        for part in Path::new(path).components().take(6) {
            let Component::Normal(part) = part else { return None };
            if part.len() > 64 || fs::symlink_metadata(&place).is_ok_and(|kind| !kind.is_dir()) {
                return None;
            }
            place.push(part);
        }
        (place != self.tree()).then_some(place)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Inspects the tree and generates its Dockerfile; both hold what they promise.
pub fn inspect(tree: &Path) {
    let report =
        inspect::read(tree, &inspect::Options::default()).expect("a folder that exists has a report");
    let again = inspect::read(tree, &inspect::Options::default()).expect("a folder that exists has a report");
    let text = serde_json::to_string(&report).expect("a report is JSON");
    assert_eq!(text, serde_json::to_string(&again).expect("a report is JSON"), "two readings differ");
    assert!(!text.contains(CANARY), "a file outside of the tree was read");
    let generated = inspect::docker::generate(&report);
    if !generated.dockerfile.is_empty() {
        let parsed = inspect::docker::parse(&generated.dockerfile);
        assert_eq!(parsed.problems, [], "{}", generated.dockerfile);
    }
    assert!(!inspect::docker::dockerignore(&report).contains(CANARY));
}
