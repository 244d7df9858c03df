//! What can be wrong with a tree or an archive: what happened, to which file, what to do next.

use crate::Limits;
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Why a tree was not packed, or an archive not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be read or written.
    #[error("{} can't be {what}: {source}; {}", shown(.path), advice(.source))]
    File {
        /// `read`, `written`, …
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file changed while it was packed.
    #[error("{} changed while it was packed; try again once nothing writes to it", shown(.0))]
    Changed(PathBuf),
    /// A link leads out of the tree.
    #[error(
        "the link {} -> {} leads out of the folder; make it lead to a file in it, or list it in .sextantignore",
        shown(.at), shown(.to)
    )]
    LeadsOut {
        /// The link, relative to the folder.
        at: PathBuf,
        /// What it says.
        to: PathBuf,
    },
    /// Too much to travel.
    #[error(
        "it holds {bytes} MiB in {files} files, and {} MiB in {} files is the most; the largest: {largest}. \
         List what the app doesn't need in .sextantignore",
        limits.bytes >> 20, limits.files
    )]
    TooLarge {
        /// MiB of all files.
        bytes: u64,
        /// Files and links.
        files: u64,
        /// The largest ones, or the folders with most files.
        largest: String,
        /// What is allowed.
        limits: Limits,
    },
    /// The archive itself is too large.
    #[error("the archive has more than {} MiB; list what the app doesn't need in .sextantignore", .0 >> 20)]
    PackedTooLarge(u64),
    /// An entry of an archive that is not taken.
    #[error("the archive's entry {} is refused: {why}", shown(.path))]
    Refused {
        /// Its name as the archive says.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A name that doesn't travel.
    #[error("{} can't travel: {why}", shown(.path))]
    Name {
        /// The file or link, relative to the folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More in an archive than is taken.
    #[error("the archive is refused: {0}")]
    Bomb(String),
    /// Not an archive, or half of one.
    #[error("the archive can't be read: {0}; pack and send it again")]
    Damaged(String),
    /// Another archive than the one that was named.
    #[error("the archive's digest is {found} and not {wanted}, so it is not what was sent; send it again")]
    OtherDigest {
        /// What was named.
        wanted: String,
        /// The digest of what came.
        found: String,
    },
}

impl Error {
    /// A failure of the file system at a path.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    /// Whether the same may work later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Changed(_) => true,
            Self::File { what, source, .. } => *what == "written" || source.kind() == ErrorKind::Interrupted,
            Self::LeadsOut { .. }
            | Self::TooLarge { .. }
            | Self::PackedTooLarge(_)
            | Self::Refused { .. }
            | Self::Name { .. }
            | Self::Bomb(_)
            | Self::Damaged(_)
            | Self::OtherDigest { .. } => false,
        }
    }

    /// What reading a stream came to: an error of ours that went through it, or what the stream's own is.
    pub(crate) fn of_stream(error: io::Error) -> Self {
        match ours(&error) {
            Some(Self::Bomb(text)) => Self::Bomb(text.clone()),
            Some(Self::PackedTooLarge(most)) => Self::PackedTooLarge(*most),
            Some(other) => Self::Damaged(other.to_string()),
            None if error.kind() == ErrorKind::UnexpectedEof => Self::Damaged("it ends too early".to_owned()),
            None => Self::Damaged(error.to_string()),
        }
    }
}

/// An error of ours, however often it was wrapped on its way.
fn ours(error: &io::Error) -> Option<&Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(wrapped) => wrapped.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

impl From<Error> for model::port::PortError {
    fn from(error: Error) -> Self {
        if error.is_transient() {
            Self::Transient(error.to_string())
        } else {
            Self::Permanent(error.to_string())
        }
    }
}

/// A path as it may be shown: one line, and not a long one.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut short = String::new();
    for letter in text.chars().take(200) {
        // What could move a terminal's cursor, or turn text around, is written out.
        let same = letter.to_string();
        if letter.is_control() || model::text::visible(&same) != same {
            short.extend(letter.escape_default());
        } else {
            short.push(letter);
        }
    }
    if text.chars().count() > 200 {
        short.push('…');
    }
    format!("`{short}`")
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on that disk",
        ErrorKind::PermissionDenied => "check who may read it, or list it in .sextantignore",
        _ => "check that it is there",
    }
}
