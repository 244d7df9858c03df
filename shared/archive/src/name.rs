//! Names in archives: which are taken, and that none is there twice.

use crate::Error;
use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

/// The longest path, and the longest part of one, in bytes.
const LONGEST: usize = 2048;
const LONGEST_PART: usize = 255;
/// All names together: they are kept in memory while an archive is read.
const ALL: usize = 32 << 20;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A folder, named by itself or as part of a longer path.
    Folder { itself: bool },
    /// A file or a link.
    Leaf,
}

/// The names of one archive so far.
#[derive(Default)]
pub(crate) struct Names {
    all: BTreeMap<PathBuf, Kind>,
    bytes: usize,
}

impl Names {
    /// A file or a link; its path without what means nothing.
    pub(crate) fn leaf(&mut self, raw: &Path) -> Result<PathBuf, Error> {
        let path = cleaned(raw)?.ok_or_else(|| refused(raw, "it has no name"))?;
        self.parents(&path)?;
        match self.note(&path, Kind::Leaf)? {
            None => Ok(path),
            Some(Kind::Leaf) => Err(refused(&path, "the name is there twice")),
            Some(Kind::Folder { .. }) => Err(refused(&path, "the name is a folder's too")),
        }
    }

    /// A folder.
    pub(crate) fn folder(&mut self, raw: &Path) -> Result<(), Error> {
        let Some(path) = cleaned(raw)? else { return Ok(()) };
        self.parents(&path)?;
        match self.note(&path, Kind::Folder { itself: true })? {
            None | Some(Kind::Folder { itself: false }) => Ok(()),
            Some(Kind::Folder { itself: true }) => Err(refused(&path, "the name is there twice")),
            Some(Kind::Leaf) => Err(refused(&path, "the name is a file's too")),
        }
    }

    fn parents(&mut self, path: &Path) -> Result<(), Error> {
        for parent in path.ancestors().skip(1).take_while(|parent| !parent.as_os_str().is_empty()) {
            match self.all.get(parent) {
                Some(Kind::Folder { .. }) => return Ok(()),
                Some(Kind::Leaf) => return Err(refused(path, "a file or link is in its way")),
                None => drop(self.note(parent, Kind::Folder { itself: false })?),
            }
        }
        Ok(())
    }

    fn note(&mut self, path: &Path, kind: Kind) -> Result<Option<Kind>, Error> {
        self.bytes += path.as_os_str().len();
        if self.bytes > ALL {
            return Err(Error::Bomb(format!("its names have more than {} MiB", ALL >> 20)));
        }
        Ok(self.all.insert(path.to_owned(), kind))
    }
}

/// A relative path of plain parts; `None` for the root itself.
fn cleaned(raw: &Path) -> Result<Option<PathBuf>, Error> {
    if raw.as_os_str().len() > LONGEST {
        return Err(refused(raw, "its name is too long"));
    }
    if raw.as_os_str().as_bytes().contains(&0) {
        return Err(refused(raw, "its name holds a NUL"));
    }
    let mut path = PathBuf::new();
    for component in raw.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) if part.len() > LONGEST_PART => {
                return Err(refused(raw, "a part of its name is too long"));
            }
            Component::Normal(part) => path.push(part),
            Component::ParentDir => return Err(refused(raw, "its name has `..` in it")),
            Component::RootDir | Component::Prefix(_) => return Err(refused(raw, "its name is absolute")),
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

pub(crate) fn refused(path: &Path, why: &'static str) -> Error {
    Error::Refused { path: path.to_owned(), why }
}
