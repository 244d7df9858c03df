//! Which files of a folder travel.
//!
//! What `.gitignore`, `.gcloudignore` and `.sextantignore` name stays; so do `.git`, `node_modules`, virtual
//! environments and `.env` files. What Git tracks travels whatever `.gitignore` and that list say, since whoever
//! clones the repository has it too; what `.gcloudignore` and `.sextantignore` name stays all the same.
//! `.dockerignore` shapes a build's context only and is not looked at.

use crate::{Dotenv, Error, Limits, dotenv, link, name};
use ignore::{DirEntry, WalkBuilder};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::FileType,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Files of rules that are ours to honour beside Git's.
const IGNORE_FILES: [&str; 2] = [".gcloudignore", ".sextantignore"];

/// How a folder is looked at.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What Git tracks, relative to the folder; `None` where it isn't a checkout.
    pub tracked: Option<BTreeSet<PathBuf>>,
    /// How much may travel.
    pub limits: Limits,
}

/// What of a folder travels.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) items: BTreeMap<PathBuf, Item>,
    /// Bytes of all files.
    pub bytes: u64,
    /// What stays because it never travels, relative to the folder: `node_modules`, `.venv`, a pipe.
    pub left_out: BTreeSet<PathBuf>,
    /// `.env` files in the folder that stay.
    pub dotenv: Vec<Dotenv>,
    /// Whether files of ignore rules had a say.
    pub ignored: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    File { size: u64, runs: bool },
    Link(PathBuf),
}

impl Tree {
    /// Files and links that travel.
    pub fn files(&self) -> u64 {
        self.items.len() as u64
    }

    /// Whether something is among them that travels only because Git tracks it.
    pub fn tracks_what_stays(&self) -> bool {
        self.items.keys().any(|path| name::stays(path))
    }

    /// Their paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.items.keys().map(PathBuf::as_path)
    }
}

/// Lists what travels of `folder`, and refuses what can't: links that lead out, and more than the limits allow.
pub fn walk(folder: &Path, rules: &Rules) -> Result<Tree, Error> {
    let root = folder.canonicalize().map_err(Error::file("read", folder))?;
    let mut tree = Tree {
        items: BTreeMap::new(),
        bytes: 0,
        left_out: BTreeSet::new(),
        dotenv: dotenv::found(&root),
        ignored: false,
        root,
    };
    tree.untracked(rules)?;
    if let Some(tracked) = &rules.tracked {
        tree.tracked(tracked)?;
    }
    tree.left_out.retain(|path| !tree.items.keys().any(|item| item == path));
    tree.dotenv.retain(|file| !tree.items.contains_key(Path::new(&file.name)));
    tree.ignored = [".gitignore"].iter().chain(&IGNORE_FILES).any(|name| tree.root.join(name).is_file());
    tree.within(rules.limits)?;
    let links = tree.items.iter().filter_map(|(at, item)| match item {
        Item::Link(to) => Some((at.clone(), to.clone())),
        Item::File { .. } => None,
    });
    link::stay_inside(&links.collect())?;
    Ok(tree)
}

impl Tree {
    /// Everything that no rule names.
    fn untracked(&mut self, rules: &Rules) -> Result<(), Error> {
        let left_out = Arc::new(Mutex::new(BTreeSet::new()));
        let (root, left) = (self.root.clone(), Arc::clone(&left_out));
        let in_git = rules.tracked.is_some();
        let mut builder = walker(&self.root);
        builder.git_ignore(true).git_exclude(true).require_git(false).parents(in_git);
        builder.filter_entry(move |entry| {
            let stays = entry.depth() > 0 && never_travels(entry);
            if stays && entry.file_name() != ".git" {
                let path = entry.path().strip_prefix(&root).unwrap_or(entry.path()).to_owned();
                left.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
            }
            !stays
        });
        for entry in builder.build() {
            self.add(&entry.map_err(|error| unreadable(&self.root, error))?)?;
        }
        let mut left_out = left_out.lock().unwrap_or_else(PoisonError::into_inner);
        self.left_out.append(&mut left_out);
        Ok(())
    }

    /// What Git tracks and the first round left out.
    fn tracked(&mut self, tracked: &BTreeSet<PathBuf>) -> Result<(), Error> {
        let missing: BTreeSet<PathBuf> =
            tracked.iter().filter(|path| !self.items.contains_key(*path)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let root = self.root.clone();
        let mut builder = walker(&self.root);
        builder.git_ignore(false).git_exclude(false).parents(false);
        builder.filter_entry(move |entry| {
            let Ok(path) = entry.path().strip_prefix(&root) else { return false };
            if path.as_os_str().is_empty() {
                return true;
            }
            let leads_there = |path: &Path| {
                missing.range(path.to_owned()..).next().is_some_and(|next| next.starts_with(path))
            };
            entry.file_name() != ".git" && leads_there(path)
        });
        for entry in builder.build() {
            let entry = entry.map_err(|error| unreadable(&self.root, error))?;
            let path = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            if tracked.contains(path) {
                self.add(&entry)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: &DirEntry) -> Result<(), Error> {
        let full = entry.path();
        let Ok(path) = full.strip_prefix(&self.root) else { return Ok(()) };
        if let Some(why) = path.iter().find_map(name::problem) {
            return Err(Error::Name { path: path.to_owned(), why });
        }
        let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir()) else { return Ok(()) };
        let item = if kind.is_symlink() {
            Item::Link(std::fs::read_link(full).map_err(Error::file("read", full))?)
        } else if kind.is_file() {
            let known = full.symlink_metadata().map_err(Error::file("read", full))?;
            Item::File { size: known.len(), runs: known.permissions().mode() & 0o111 != 0 }
        } else {
            self.left_out.insert(path.to_owned());
            return Ok(());
        };
        if let Item::File { size, .. } = item {
            self.bytes += size;
        }
        self.items.insert(path.to_owned(), item);
        Ok(())
    }

    fn within(&self, limits: Limits) -> Result<(), Error> {
        if self.bytes <= limits.bytes && self.files() <= limits.files {
            return Ok(());
        }
        let largest = if self.bytes > limits.bytes { self.largest() } else { self.crowded() };
        Err(Error::TooLarge { bytes: self.bytes.div_ceil(1 << 20), files: self.files(), largest, limits })
    }

    fn largest(&self) -> String {
        let size = |item: &Item| match item {
            Item::File { size, .. } => *size,
            Item::Link(_) => 0,
        };
        let mut all: Vec<(u64, &PathBuf)> =
            self.items.iter().map(|(path, item)| (size(item), path)).collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        let shown = all.iter().take(3);
        shown
            .map(|(size, path)| format!("{} ({} MiB)", path.display(), size.div_ceil(1 << 20)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Folders with most files directly in them.
    fn crowded(&self) -> String {
        let mut counts: BTreeMap<&Path, u64> = BTreeMap::new();
        for path in self.items.keys() {
            *counts.entry(path.parent().unwrap_or(Path::new(""))).or_default() += 1;
        }
        let mut all: Vec<(u64, &Path)> = counts.into_iter().map(|(path, count)| (count, path)).collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        let shown = all.iter().take(3);
        shown
            .map(|(count, path)| format!("{}/ ({count} files)", Path::new(".").join(path).display()))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn walker(root: &Path) -> WalkBuilder {
    let mut builder = WalkBuilder::new(root);
    builder.hidden(false).ignore(false).git_global(false).follow_links(false);
    for name in IGNORE_FILES {
        builder.add_custom_ignore_filename(name);
    }
    builder
}

/// What never travels unless Git tracks it.
fn never_travels(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    if name == ".git" {
        return true;
    }
    if entry.file_type().is_some_and(|kind: FileType| kind.is_dir()) {
        return name == "node_modules"
            || name == ".venv"
            || name == "venv"
            || entry.path().join("pyvenv.cfg").is_file();
    }
    name.to_str().is_some_and(dotenv::is_private)
}

fn unreadable(root: &Path, error: ignore::Error) -> Error {
    let mut path = root.to_owned();
    let mut inner = &error;
    loop {
        inner = match inner {
            ignore::Error::WithPath { path: at, err } => {
                path.clone_from(at);
                err
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => err,
            _ => break,
        };
    }
    let text = inner.to_string();
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other(text));
    Error::File { what: "read", path, source }
}
