//! Packs a tree. The same tree gives the same bytes, whoever packs it and when.

use crate::{
    Contents, Error, Limits, Tree,
    stream::{Counting, Hashing},
    walk::Item,
};
use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};
use tar::{Builder, EntryType, Header};

/// Fast, and small enough: source text becomes a quarter.
const LEVEL: i32 = 3;

/// How far packing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files and links done.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Packs a tree into `to`, and says after each file how far it is.
pub fn pack(
    tree: &Tree,
    to: impl Write,
    limits: Limits,
    told: &mut dyn FnMut(Progress),
) -> Result<Contents, Error> {
    let (counting, packed) = Counting::new(to, limits.packed_bytes);
    let mut encoder = zstd::Encoder::new(counting, LEVEL).map_err(written)?;
    encoder.include_checksum(true).map_err(written)?;
    let mut builder = Builder::new(Hashing::new(encoder));
    let mut progress = Progress { files: 0, bytes: 0 };
    for (path, item) in &tree.items {
        match item {
            Item::File { size, runs } => {
                file(&mut builder, tree, path, *size, *runs)?;
                progress.bytes += size;
            }
            Item::Link(target) => link(&mut builder, path, target)?,
        }
        progress.files += 1;
        told(progress);
    }
    let (digest, encoder) = builder.into_inner().map_err(written)?.finish();
    encoder.finish().and_then(|mut to| to.flush()).map_err(written)?;
    let digest = digest.parse().map_err(Error::Damaged)?;
    Ok(Contents { digest, packed_bytes: packed.get(), bytes: progress.bytes, files: progress.files })
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn file<W: Write>(
    builder: &mut Builder<W>,
    tree: &Tree,
    path: &Path,
    size: u64,
    runs: bool,
) -> Result<(), Error> {
    let full = tree.root.join(path);
    // A link or a pipe that took the file's place since it was listed is neither followed nor waited for.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new().read(true).custom_flags(flags as i32).open(&full);
    let source = opened.map_err(Error::file("read", &full))?;
    let now = source.metadata().map_err(Error::file("read", &full))?;
    if !now.is_file() || now.len() != size {
        return Err(Error::Changed(path.to_owned()));
    }
    let mut content = Exactly { inner: source, left: size, path };
    let mut header = header(EntryType::Regular, if runs { 0o755 } else { 0o644 }, size);
    builder.append_data(&mut header, path, &mut content).map_err(written)?;
    content.ended()
}

fn link<W: Write>(builder: &mut Builder<W>, path: &Path, target: &Path) -> Result<(), Error> {
    let mut header = header(EntryType::Symlink, 0o777, 0);
    builder.append_link(&mut header, path, target).map_err(written)
}

/// As many bytes as were announced: the header is written already.
struct Exactly<'a, R> {
    inner: R,
    left: u64,
    path: &'a Path,
}

impl<R: Read> Exactly<'_, R> {
    fn ended(mut self) -> Result<(), Error> {
        match self.inner.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::Changed(self.path.to_owned())),
            Err(error) => Err(Error::file("read", self.path)(error)),
        }
    }
}

impl<R: Read> Read for Exactly<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self
            .inner
            .read(&mut buffer[..most])
            .map_err(|error| io::Error::other(Error::file("read", self.path)(error)))?;
        if read == 0 {
            return Err(io::Error::other(Error::Changed(self.path.to_owned())));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// What went wrong while an archive was written: with a file of the tree, a bound, or the archive itself.
fn written(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(other) => Error::File { what: "written", path: "the archive".into(), source: other },
    }
}
