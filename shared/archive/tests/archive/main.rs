//! Trees that are packed and come back, what of a folder travels, and archives that somebody made to do harm.

#![expect(clippy::unwrap_used, reason = "test code")]

mod attack;
mod identity;
mod travel;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Writes files; the path ends in `*` for one that can be run.
pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name.trim_end_matches('*'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if name.ends_with('*') {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    folder
}

pub(crate) fn link(folder: &Path, at: &str, to: &str) {
    let at = folder.join(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(to, at).unwrap();
}

/// Every file with its content and whether it runs, every link with what it says.
pub(crate) fn listing(root: &Path) -> BTreeMap<PathBuf, (String, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(root).unwrap().to_owned();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                let to = fs::read_link(&path).unwrap();
                all.insert(name, ("link".to_owned(), to.as_os_str().as_encoded_bytes().to_vec()));
            } else {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                all.insert(name, (format!("{mode:o}"), fs::read(&path).unwrap()));
            }
        }
    }
    all
}
