//! What a backup consists of, one after the other.
//!
//! Invariant: the last entry says how many there were; without it a backup is not whole.

use super::Contents;
use crate::broker::stored;
use crate::engine::journal::State;
use crate::store::is_document;
use std::io::{self, Read, Write};

/// A large file comes in pieces of this size.
const PIECE: usize = 1 << 20;
/// No entry is larger: a document has at most 1 MiB, a message 10 MB.
const MOST: u32 = 64 << 20;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A key of the engine, with its value.
    Value { key: Vec<u8>, value: Vec<u8> },
    /// What is known of everything together.
    State(State),
    /// A folder, relative to the data folder.
    Folder { name: String, mode: u32 },
    /// A symbolic link.
    Link { name: String, target: String },
    /// A file, or a further piece of one.
    File { name: String, mode: u32, bytes: Vec<u8>, first: bool },
}

impl Contents {
    fn count(&mut self, entry: &Entry) {
        match entry {
            Entry::Value { key, .. } if is_document(key) => self.documents += 1,
            Entry::Value { key, .. } if stored::is_message(key) => self.messages += 1,
            Entry::File { first: true, .. } => self.files += 1,
            _ => {}
        }
    }
}

/// Writes a backup's entries, one behind the other.
pub(super) struct Writer<W: Write> {
    out: W,
    contents: Contents,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Self {
        Self { out, contents: Contents::default() }
    }

    pub fn write(&mut self, entry: &Entry) -> io::Result<()> {
        self.contents.count(entry);
        match entry {
            Entry::Value { key, value } => self.put(1, &[key, value]),
            Entry::State(state) => self.put(2, &[&state.encode()]),
            Entry::Folder { name, mode } => self.put(3, &[name.as_bytes(), &mode.to_le_bytes()]),
            Entry::Link { name, target } => self.put(4, &[name.as_bytes(), target.as_bytes()]),
            Entry::File { name, mode, bytes, first } => {
                self.put(5, &[name.as_bytes(), &mode.to_le_bytes(), bytes, &[u8::from(*first)]])
            }
        }
    }

    /// A whole file, however large.
    pub fn file(&mut self, name: &str, mode: u32, from: &mut impl Read) -> io::Result<()> {
        let mut first = true;
        loop {
            let mut bytes = vec![];
            from.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
            let last = bytes.len() < PIECE;
            if first || !bytes.is_empty() {
                self.write(&Entry::File { name: name.to_owned(), mode, bytes, first })?;
            }
            if last {
                return Ok(());
            }
            first = false;
        }
    }

    /// The last entry; what was written, and what it was written to.
    pub fn finish(mut self) -> io::Result<(W, Contents)> {
        let contents = self.contents;
        let counts = [contents.documents, contents.messages, contents.files, contents.bytes];
        self.put(0, &counts.map(u64::to_le_bytes).each_ref().map(<[u8; 8]>::as_slice))?;
        Ok((self.out, contents))
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        self.out.write_all(&[kind, parts.len() as u8])?;
        for part in parts {
            self.out.write_all(&(part.len() as u32).to_le_bytes())?;
            self.out.write_all(part)?;
            self.contents.bytes += part.len() as u64;
        }
        Ok(())
    }
}

/// Reads them back.
pub(super) struct Reader<R: Read> {
    from: R,
    contents: Contents,
    done: bool,
}

impl<R: Read> Reader<R> {
    pub fn new(from: R) -> Self {
        Self { from, contents: Contents::default(), done: false }
    }

    /// What was read.
    pub fn contents(&self) -> Contents {
        self.contents
    }

    /// The next one; `None` behind the last, which must say what was read.
    pub fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.done {
            return Ok(None);
        }
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "an entry makes no sense");
        let before = self.contents.bytes;
        let (kind, parts) = self.parts()?;
        let mut parts = parts.into_iter();
        let mut part = || parts.next().ok_or_else(bad);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| bad());
        let mode =
            |bytes: Vec<u8>| Ok::<_, io::Error>(u32::from_le_bytes(bytes.try_into().map_err(|_| bad())?));
        let entry = match kind {
            0 => {
                let mut counts = [0; 4];
                for count in &mut counts {
                    *count = u64::from_le_bytes(part()?.try_into().map_err(|_| bad())?);
                }
                self.contents.bytes = before;
                let Contents { documents, messages, files, bytes } = self.contents;
                if counts != [documents, messages, files, bytes] {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "entries are missing"));
                }
                self.done = true;
                return Ok(None);
            }
            1 => Entry::Value { key: part()?, value: part()? },
            2 => {
                let state = part()?;
                Entry::State(State::decode(state.get(..32).ok_or_else(bad)?))
            }
            3 => Entry::Folder { name: text(part()?)?, mode: mode(part()?)? },
            4 => Entry::Link { name: text(part()?)?, target: text(part()?)? },
            5 => Entry::File {
                name: text(part()?)?,
                mode: mode(part()?)?,
                bytes: part()?,
                first: part()? == [1],
            },
            _ => return Err(bad()),
        };
        self.contents.count(&entry);
        Ok(Some(entry))
    }

    fn parts(&mut self) -> io::Result<(u8, Vec<Vec<u8>>)> {
        let mut head = [0; 2];
        self.from.read_exact(&mut head)?;
        let mut parts = Vec::with_capacity(head[1].into());
        for _ in 0..head[1] {
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            let length = u32::from_le_bytes(length);
            if length > MOST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an entry is impossibly large"));
            }
            let mut part = vec![0; length as usize];
            self.from.read_exact(&mut part)?;
            self.contents.bytes += u64::from(length);
            parts.push(part);
        }
        Ok((head[0], parts))
    }
}
