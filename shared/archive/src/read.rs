//! Reads an archive entry by entry and refuses whatever could reach beyond its own files.
//!
//! Invariant: names are relative, plain and there once; only files, folders and links are taken; links are handed on
//! after everything else, and only once none of them leads out. Sizes, counts and proportions are bounded.

use crate::{
    Contents, Error, Limits, link,
    name::{Names, refused},
    stream::{Bounded, Counting, Hashing},
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufReader, Read},
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};
use tar::{Archive, Entry, EntryType};

/// A name that doesn't fit into a header, in bytes.
const LONG_NAME: u64 = 4096;
/// Memory that decompressing may take, as a power of two: what the highest usual level needs.
const WINDOW_LOG: u32 = 24;

/// Takes what an archive holds.
pub(crate) trait Sink {
    /// A file; all of its content is read.
    fn file(&mut self, path: &Path, runs: bool, content: &mut dyn Read) -> Result<(), Error>;

    /// A link that doesn't lead out; after the files.
    fn link(&mut self, at: &Path, to: &Path) -> Result<(), Error>;
}

/// Reads the whole archive and writes nothing: what is in it, or why it is not taken. Unless Git tracks what is in it,
/// what never travels is refused.
pub fn check(from: impl Read, limits: Limits, tracked: bool) -> Result<Contents, Error> {
    read_as(from, limits, tracked, &mut Nothing)
}

struct Nothing;

impl Sink for Nothing {
    fn file(&mut self, _: &Path, _: bool, content: &mut dyn Read) -> Result<(), Error> {
        std::io::copy(content, &mut std::io::sink()).map(drop).map_err(Error::of_stream)
    }

    fn link(&mut self, _: &Path, _: &Path) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads a whole archive that was checked before into `sink`.
pub(crate) fn read(from: impl Read, limits: Limits, sink: &mut dyn Sink) -> Result<Contents, Error> {
    read_as(from, limits, true, sink)
}

fn read_as(from: impl Read, limits: Limits, tracked: bool, sink: &mut dyn Sink) -> Result<Contents, Error> {
    let (counting, packed) = Counting::new(from, limits.packed_bytes);
    let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(128 * 1024, counting))
        .map_err(Error::of_stream)?;
    decoder.window_log_max(WINDOW_LOG).map_err(Error::of_stream)?;
    let bounded = Bounded::new(decoder, packed.clone(), limits);
    let mut archive = Archive::new(Hashing::new(bounded));
    let mut reading = Reading {
        limits,
        sink,
        names: Names::of(tracked),
        links: BTreeMap::new(),
        bytes: 0,
        entries: 0,
        files: 0,
    };
    reading.entries(&mut archive)?;
    let mut stream = archive.into_inner();
    rest_is_nothing(&mut stream)?;
    link::stay_inside(&reading.links)?;
    for (at, to) in &reading.links {
        reading.sink.link(at, to)?;
    }
    let digest = stream.finish().0.parse().map_err(Error::Damaged)?;
    Ok(Contents { digest, packed_bytes: packed.get(), bytes: reading.bytes, files: reading.files })
}

/// After the end there are zeros, and nothing that another reader could take for more.
fn rest_is_nothing(stream: &mut impl Read) -> Result<(), Error> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer).map_err(Error::of_stream)?;
        if read == 0 {
            return Ok(());
        }
        if buffer[..read].iter().any(|byte| *byte != 0) {
            return Err(Error::Damaged("there is more behind its end".to_owned()));
        }
    }
}

struct Reading<'a> {
    limits: Limits,
    sink: &'a mut dyn Sink,
    names: Names,
    links: BTreeMap<PathBuf, PathBuf>,
    bytes: u64,
    entries: u64,
    files: u64,
}

impl Reading<'_> {
    fn entries<R: Read>(&mut self, archive: &mut Archive<R>) -> Result<(), Error> {
        let (mut long_name, mut long_link) = (None, None);
        // Raw: names that are entries of their own come to us, bounded, instead of into memory whole.
        for entry in archive.entries().map_err(Error::of_stream)?.raw(true) {
            let mut entry = entry.map_err(Error::of_stream)?;
            self.count()?;
            match entry.header().entry_type() {
                EntryType::GNULongName => long_name = Some(long(&mut entry)?),
                EntryType::GNULongLink => long_link = Some(long(&mut entry)?),
                kind => {
                    let path = long_name.take().unwrap_or_else(|| path(&entry.header().path_bytes()));
                    let to = long_link.take();
                    self.entry(kind, &path, to, &mut entry)?;
                }
            }
        }
        Ok(())
    }

    fn entry<R: Read>(
        &mut self,
        kind: EntryType,
        raw: &Path,
        to: Option<PathBuf>,
        entry: &mut Entry<'_, R>,
    ) -> Result<(), Error> {
        match kind {
            EntryType::Regular => {
                let path = self.names.leaf(raw)?;
                self.file(&path, entry)
            }
            EntryType::Directory => self.names.folder(raw),
            EntryType::Symlink => {
                let at = self.names.leaf(raw)?;
                let named = to.or_else(|| entry.header().link_name_bytes().map(|bytes| path(&bytes)));
                let to = named.filter(|to| !to.as_os_str().is_empty());
                let to = to.ok_or_else(|| refused(raw, "it is a link to nothing"))?;
                self.another()?;
                self.links.insert(at, to);
                Ok(())
            }
            EntryType::Link => {
                Err(refused(raw, "it is a hard link; only files and symbolic links are taken"))
            }
            EntryType::Char | EntryType::Block => Err(refused(raw, "it is a device")),
            EntryType::Fifo => Err(refused(raw, "it is a pipe")),
            EntryType::XHeader | EntryType::XGlobalHeader => Err(refused(
                raw,
                "extended headers (pax) are not taken; pack it with `sextant deploy`, or with GNU tar",
            )),
            _ => Err(refused(raw, "it is neither a file, a folder nor a link")),
        }
    }

    fn file<R: Read>(&mut self, path: &Path, entry: &mut Entry<'_, R>) -> Result<(), Error> {
        let size = entry.header().entry_size().map_err(Error::of_stream)?;
        let runs = entry.header().mode().map_err(Error::of_stream)? & 0o111 != 0;
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            return Err(Error::Bomb(format!("its files have more than {} MiB", self.limits.bytes >> 20)));
        }
        self.another()?;
        let mut content = entry.take(size);
        self.sink.file(path, runs, &mut content)?;
        if content.limit() > 0 {
            return Err(Error::Damaged(format!("{} ends too early", path.display())));
        }
        Ok(())
    }

    /// One more file or link, the last one too.
    fn another(&mut self) -> Result<(), Error> {
        self.files += 1;
        self.bounded(self.files, self.limits.files)
    }

    fn bounded(&self, number: u64, most: u64) -> Result<(), Error> {
        if number > most {
            return Err(Error::Bomb(format!("it has more than {} files", self.limits.files)));
        }
        Ok(())
    }

    /// Folders and long names count too: each takes memory.
    fn count(&mut self) -> Result<(), Error> {
        self.entries += 1;
        self.bounded(self.entries, self.limits.files.saturating_mul(3))
    }
}

/// A name that is an entry of its own.
fn long<R: Read>(entry: &mut Entry<'_, R>) -> Result<PathBuf, Error> {
    let mut name = Vec::new();
    entry.take(LONG_NAME + 1).read_to_end(&mut name).map_err(Error::of_stream)?;
    while name.last() == Some(&0) {
        name.pop();
    }
    if name.len() as u64 >= LONG_NAME {
        name.truncate(200);
        return Err(refused(&path(&name), "its name is too long"));
    }
    Ok(path(&name))
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}
