//! Names in archives: which are taken, and that none is there twice.
//!
//! Refused rather than left out: an archive is named by all it holds, so that one without an entry is another one, and
//! whoever made it by hand should hear what of it is dangerous. A name with control characters or a backslash reads as
//! another one in a terminal, a Dockerfile or an archive of another system; `.git` holds tokens and commands. Of
//! `node_modules`, virtual environments and `.env` files those travel that Git tracks: only the sender can say that.

use crate::{Error, dotenv};
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
    /// Whether what never travels unless Git tracks it is refused.
    untracked: bool,
    all: BTreeMap<PathBuf, Kind>,
    bytes: usize,
}

impl Names {
    /// None yet; of an archive that Git tracks, whoever says so, more is taken.
    pub(crate) fn of(tracked: bool) -> Self {
        Self { untracked: !tracked, ..Self::default() }
    }

    /// A file or a link; its path without what means nothing.
    pub(crate) fn leaf(&mut self, raw: &Path) -> Result<PathBuf, Error> {
        let path = cleaned(raw)?.ok_or_else(|| refused(raw, "it has no name"))?;
        if self.untracked && stays(&path) {
            return Err(refused(raw, STAYS));
        }
        self.parents(&path)?;
        match self.note(&path, Kind::Leaf)? {
            None => Ok(path),
            Some(Kind::Leaf) => Err(refused(&path, "the name is there twice")),
            Some(Kind::Folder { .. }) => Err(refused(&path, "the name is a folder's too")),
        }
    }

    /// Takes the name of a folder; one that was a file's is refused.
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
            Component::Normal(part) => match problem(part) {
                Some(why) => return Err(refused(raw, why)),
                None => path.push(part),
            },
            Component::ParentDir => return Err(refused(raw, "its name has `..` in it")),
            Component::RootDir | Component::Prefix(_) => return Err(refused(raw, "its name is absolute")),
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

/// What to do about a file that never travels.
const STAYS: &str = "files of variables, `node_modules` and virtual environments never travel unless Git tracks them; \
                     leave it out, or say with `?tracked=true` that Git does";

/// Whether a path is one that never travels unless Git tracks it, as far as its name says.
pub(crate) fn stays(path: &Path) -> bool {
    let folder = |part: &std::ffi::OsStr| part == "node_modules" || part == ".venv" || part == "venv";
    let private = path.file_name().and_then(|name| name.to_str()).is_some_and(dotenv::is_private);
    private || path.ancestors().skip(1).filter_map(Path::file_name).any(folder)
}

/// What is wrong with a part of a name, wherever it comes from.
pub(crate) fn problem(part: &std::ffi::OsStr) -> Option<&'static str> {
    if part.eq_ignore_ascii_case(".git") {
        return Some("what Git keeps for itself never travels; leave it out");
    }
    if part.as_bytes().contains(&b'\\') {
        return Some("its name holds a backslash; rename it, or list it in .sextantignore");
    }
    let text = part.to_string_lossy();
    (model::text::visible(&text) != text || text.contains('\t'))
        .then_some("its name holds control characters; rename it, or list it in .sextantignore")
}

pub(crate) fn refused(path: &Path, why: &'static str) -> Error {
    Error::Refused { path: path.to_owned(), why }
}
