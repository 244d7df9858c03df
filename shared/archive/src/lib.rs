//! A source tree as one archive: which of its files travel, and packing, checking and unpacking them.
//!
//! An archive is a tar stream, compressed by zstd: files and links in the order of their paths, each with its name,
//! its content and whether it can be run; no times, no owners, no folders of their own (like Git, it holds no empty
//! ones). Its digest is SHA-256 of the tar stream, so that it is the same whoever compressed it.
//!
//! Invariant: nothing of a tree is run; nothing outside of the given folder is read or written, whatever an archive
//! or a link says; every read is bounded.

mod dotenv;
mod error;
pub mod git;
mod link;
mod name;
mod pack;
mod read;
mod stream;
mod unpack;
mod walk;

pub use dotenv::{Broken, Dotenv, Setting, parse as parse_dotenv};
pub use error::Error;
pub use pack::{Progress, pack};
pub use read::check;
pub use unpack::unpack;
pub use walk::{Rules, Tree, walk};

use model::port::source::{Digest, Manifest, Origin};

/// How large a tree and its archive may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files and links.
    pub files: u64,
    /// Bytes of the archive.
    pub packed_bytes: u64,
    /// How many bytes one byte of the archive may become, beyond the first 64 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 30, files: 200_000, packed_bytes: 512 << 20, ratio: 200 }
    }
}

/// What was packed, or found in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Of the tar stream.
    pub digest: Digest,
    /// Bytes of the archive.
    pub packed_bytes: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files and links.
    pub files: u64,
}

impl Contents {
    /// With what Git says of the tree.
    pub fn manifest(self, origin: Origin) -> Manifest {
        let Self { digest, packed_bytes, bytes, files } = self;
        Manifest { digest, packed_bytes, bytes, files, origin }
    }
}
