//! A bounded listing of a folder and bounded reads of its files.
//!
//! Only regular files inside the root are ever opened: the kind of an entry is looked at first, a link is
//! followed only to a regular file that really lies in the tree, and a linked folder is never entered, so
//! that loops cannot happen.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::{Error, Limits};

/// Folders that hold what tools wrote or fetched, never what the app's author did.
const SKIPPED: [&str; 20] = [
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    "bower_components",
    "__pycache__",
    ".venv",
    "venv",
    ".tox",
    ".mypy_cache",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".gradle",
    ".idea",
    ".yarn",
    ".turbo",
    "target",
    "_build",
    ".terraform",
];

/// The files of a folder, by path relative to it with `/` between parts.
pub(crate) struct Tree {
    root: PathBuf,
    /// Paths below the root, with `/`; sorted, so that one is found by halving.
    files: Vec<String>,
    /// The same of folders.
    folders: Vec<String>,
    limits: Limits,
    /// Why the listing is not complete, if it isn't.
    pub(crate) cut: Option<String>,
    cache: RefCell<HashMap<String, Option<Rc<str>>>>,
    read_bytes: Cell<u64>,
}

impl Tree {
    /// Lists the folder, nearest entries first, so that a limit costs only what lies deep.
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.into(), source };
        let kind = fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound(path.into()),
            _ => unreadable(source),
        })?;
        if !kind.is_dir() {
            return Err(Error::NotAFolder(path.into()));
        }
        let root = fs::canonicalize(path).map_err(unreadable)?;
        let first = fs::read_dir(&root).map_err(unreadable)?;
        let mut tree = Self {
            root,
            files: Vec::new(),
            folders: Vec::new(),
            limits,
            cut: None,
            cache: RefCell::default(),
            read_bytes: Cell::new(0),
        };
        tree.walk(first);
        tree.files.sort_unstable();
        tree.folders.sort_unstable();
        Ok(tree)
    }

    fn walk(&mut self, first: fs::ReadDir) {
        let mut seen = 0;
        // `folders` is the queue, too: what was found first is entered first.
        let mut next = 0;
        let mut entries = Some(first);
        let mut folder = String::new();
        loop {
            for entry in entries.into_iter().flatten().flatten() {
                seen += 1;
                if seen > self.limits.entries {
                    self.cut = Some(format!("only the first {} entries were looked at", self.limits.entries));
                    return;
                }
                self.add(&folder, &entry);
            }
            loop {
                let Some(path) = self.folders.get(next) else { return };
                next += 1;
                if path.matches('/').count() < self.limits.depth {
                    folder.clone_from(path);
                    break;
                }
                self.cut = Some(format!("folders below depth {} were not entered", self.limits.depth));
            }
            entries = fs::read_dir(self.root.join(&folder)).ok();
            if entries.is_none() {
                self.cut = Some(format!("the folder {folder} could not be listed: check its permissions"));
            }
        }
    }

    fn add(&mut self, folder: &str, entry: &fs::DirEntry) {
        let name = entry.file_name();
        // A name that is not UTF-8 belongs to no manifest that is known here.
        let (Some(name), Ok(kind)) = (name.to_str(), entry.file_type()) else { return };
        let mut path = String::with_capacity(folder.len() + 1 + name.len());
        if !folder.is_empty() {
            path.push_str(folder);
            path.push('/');
        }
        path.push_str(name);
        if kind.is_dir() {
            if !SKIPPED.contains(&name) {
                self.folders.push(path);
            }
        } else if kind.is_file() || (kind.is_symlink() && self.resolve(&path).is_some()) {
            self.files.push(path);
        }
    }

    /// The real place of a file, when that is a regular file inside the tree.
    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let real = fs::canonicalize(self.root.join(path)).ok()?;
        (real.starts_with(&self.root) && fs::symlink_metadata(&real).ok()?.is_file()).then_some(real)
    }

    /// Whether the tree has this file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.as_str().cmp(path)).is_ok()
    }

    /// Whether the tree has this folder; the empty path is the root.
    pub(crate) fn has_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.binary_search_by(|folder| folder.as_str().cmp(path)).is_ok()
    }

    /// All files whose path begins like this, sorted by path.
    pub(crate) fn files_below<'t>(&'t self, prefix: &str) -> impl Iterator<Item = &'t str> + use<'t> {
        let start = self.files.partition_point(|file| file.as_str() < prefix);
        let rest = &self.files[start..];
        let count = rest.partition_point(|file| file.starts_with(prefix));
        rest[..count].iter().map(String::as_str)
    }

    /// The files directly in the folder whose paths begin like this (`web/`, or nothing for the root), sorted by path;
    /// what lies in its folders is stepped over, not looked at.
    pub(crate) fn files_in<'t>(&'t self, prefix: &str) -> impl Iterator<Item = &'t str> + use<'t> {
        let start = self.files.partition_point(|file| file.as_str() < prefix);
        let (mut rest, prefix) = (&self.files[start..], prefix.to_owned());
        std::iter::from_fn(move || {
            loop {
                let (first, others) = rest.split_first()?;
                let name = first.strip_prefix(&prefix)?;
                let Some(end) = name.find('/') else {
                    rest = others;
                    return Some(first.as_str());
                };
                let folder = &first[..=prefix.len() + end];
                rest = &rest[rest.partition_point(|file| file.starts_with(folder))..];
            }
        })
    }

    /// All folders, sorted by path.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().map(String::as_str)
    }

    /// The text of a file without its byte order mark, which may say UTF-16; what is no text becomes `U+FFFD`.
    /// None when the tree doesn't have it, or when it is larger than the limits allow.
    pub(crate) fn text(&self, path: &str) -> Option<Rc<str>> {
        if !self.has(path) {
            return None;
        }
        if let Some(known) = self.cache.borrow().get(path) {
            return known.clone();
        }
        let text = self.read(path);
        self.cache.borrow_mut().insert(path.to_owned(), text.clone());
        text
    }

    fn read(&self, path: &str) -> Option<Rc<str>> {
        let real = self.resolve(path)?;
        let size = fs::symlink_metadata(&real).ok()?.len();
        if size > self.limits.file_bytes || self.read_bytes.get() + size > self.limits.total_bytes {
            return None;
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // The file may grow between the two calls: the bound holds for what is read, too.
        fs::File::open(&real).ok()?.take(self.limits.file_bytes).read_to_end(&mut bytes).ok()?;
        self.read_bytes.set(self.read_bytes.get() + bytes.len() as u64);
        Some(Rc::from(crate::text::decoded(&bytes).as_ref()))
    }
}
