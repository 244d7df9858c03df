//! The file: a header, then checksummed frames, then zeros.
//!
//! Invariant: one frame is what one sync made durable, and the next frame is written only after that sync. So an
//! interrupted write can damage only the last frame; a damaged frame with a valid one behind it is corruption.
//!
//! ```text
//! header  magic 16 | schema u32 | 0 u32 | crc32 u32 | 0 u32                         (little endian, 32 bytes)
//! frame   magic 4 | payload length u32 | number u64 | crc32 u32 | 0 u32 | payload   (padded to 8 bytes)
//! payload highest version u64 | entry…
//! entry   kind u8 (0 removed, 1 put) | path length u32 | path | put only: version u64 | body length u32 | body
//! ```

use super::disk::DiskFile;
use super::state::Record;
use std::io;
use std::sync::Arc;

/// Bytes before the first frame.
pub(super) const HEADER: u64 = 32;
const FRAME: usize = 24;
const MAGIC: &[u8; 16] = b"sextant-store\n\0\0";
/// No byte sequence in UTF-8, so a document can't look like a frame.
const FRAME_MAGIC: [u8; 4] = [0xf5, b'S', 0xff, b'X'];
/// The layout written today.
const SCHEMA: u32 = 1;
/// How much is read at a time.
const WINDOW: usize = 256 * 1024;

/// The bytes every file starts with.
pub(super) fn header() -> [u8; HEADER as usize] {
    let mut header = [0; HEADER as usize];
    header[..16].copy_from_slice(MAGIC);
    header[16..20].copy_from_slice(&SCHEMA.to_le_bytes());
    let crc = crc32fast::hash(&header[..24]);
    header[24..28].copy_from_slice(&crc.to_le_bytes());
    header
}

/// What is wrong with the header, if anything is.
pub(super) fn check_header(file: &dyn DiskFile) -> io::Result<Result<(), String>> {
    let mut found = [0; HEADER as usize];
    let read = file.read_at(0, &mut found)?;
    if read < found.len() || found[..16] != *MAGIC {
        return Ok(Err("it doesn't begin as a store's file does".into()));
    }
    if u32_at(&found, 24) != crc32fast::hash(&found[..24]) {
        return Ok(Err("its header's checksum doesn't match".into()));
    }
    match u32_at(&found, 16) {
        SCHEMA => Ok(Ok(())),
        other => Ok(Err(format!("it has schema {other}, and this program knows schema {SCHEMA}"))),
    }
}

/// A frame being put together.
#[derive(Debug)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub(super) fn new() -> Self {
        let mut bytes = Vec::with_capacity(64 * 1024);
        bytes.resize(FRAME + 8, 0);
        Self(bytes)
    }

    /// One that repeats a payload.
    pub(super) fn of(payload: &[u8]) -> Self {
        let mut frame = Self::new();
        frame.0.truncate(FRAME);
        frame.0.extend_from_slice(payload);
        frame
    }

    pub(super) fn clear(&mut self) {
        self.0.truncate(FRAME + 8);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn put(&mut self, record: &Record) {
        self.0.push(1);
        self.text(record.path.as_bytes());
        self.0.extend(record.version.to_le_bytes());
        self.text(&record.body);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.0.push(0);
        self.text(path.as_bytes());
    }

    /// The highest version given out so far, which outlives the document that had it.
    pub(super) fn highest(&mut self, version: i64) {
        self.0[FRAME..FRAME + 8].copy_from_slice(&version.to_le_bytes());
    }

    fn text(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u32).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// The bytes to write for the frame of this number.
    fn seal(&mut self, number: u64) -> &[u8] {
        let length = self.0.len() - FRAME;
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self.0[..4].copy_from_slice(&FRAME_MAGIC);
        self.0[4..8].copy_from_slice(&(length as u32).to_le_bytes());
        self.0[8..16].copy_from_slice(&number.to_le_bytes());
        let crc = checksum(length as u32, number, &self.0[FRAME..FRAME + length]);
        self.0[16..20].copy_from_slice(&crc.to_le_bytes());
        &self.0
    }
}

fn checksum(length: u32, number: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].try_into().map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
}

/// The end of a file, where frames are added.
pub(super) struct Log {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) end: u64,
    pub(super) number: u64,
    allocated: u64,
}

impl Log {
    /// A new file, not yet durable.
    pub(super) fn create(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        file.write_at(0, &header())?;
        Ok(Self { file, end: HEADER, number: 0, allocated: 0 })
    }

    /// Goes on where reading ended.
    pub(super) fn resume(file: Arc<dyn DiskFile>, end: u64, number: u64) -> io::Result<Self> {
        let allocated = file.length()?;
        Ok(Self { file, end, number, allocated })
    }

    /// Writes a frame behind the last one; durable only after `file.sync()`. After an error the next one takes
    /// its place.
    pub(super) fn append(&mut self, frame: &mut Frame) -> io::Result<()> {
        let bytes = frame.seal(self.number);
        let end = self.end + bytes.len() as u64;
        if end > self.allocated {
            let room = (2 * end).clamp(1 << 20, end + (64 << 20));
            self.file.allocate(room)?;
            self.allocated = room;
        }
        self.file.write_at(self.end, bytes)?;
        self.end = end;
        self.number += 1;
        Ok(())
    }
}

/// What comes next in a file.
pub(super) enum Next {
    /// A whole frame's payload.
    Payload(Vec<u8>),
    /// Zeros or the end of the file.
    End,
    /// Something else, and what is wrong with it.
    Damaged(&'static str),
}

/// Reads frames one after the other.
pub(super) struct Frames<'a> {
    file: &'a dyn DiskFile,
    pub(super) offset: u64,
    pub(super) number: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Frames<'a> {
    pub(super) fn new(file: &'a dyn DiskFile, offset: u64, number: u64) -> Self {
        Self { file, offset, number, window: vec![], window_at: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        let head = self.read(self.offset, FRAME)?.to_vec();
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Next::End);
        }
        if head.len() < FRAME || head[..4] != FRAME_MAGIC {
            return Ok(Next::Damaged("a frame doesn't begin as one does"));
        }
        let (length, number) = (u32_at(&head, 4), u64_at(&head, 8));
        if number != self.number {
            return Ok(Next::Damaged("a frame has the wrong number"));
        }
        let Some(payload) = self.payload(self.offset, &head)? else {
            return Ok(Next::Damaged("a frame's checksum doesn't match"));
        };
        self.offset += (FRAME + length as usize).next_multiple_of(8) as u64;
        self.number += 1;
        Ok(Next::Payload(payload))
    }

    /// Where the next valid frame is, if there is one anywhere behind here.
    pub(super) fn valid_behind(&mut self) -> io::Result<Option<u64>> {
        let length = self.file.length()?;
        let mut at = self.offset + 8;
        while at < length {
            let window = self.read(at, WINDOW)?;
            let hit = window.chunks(8).position(|chunk| chunk.starts_with(&FRAME_MAGIC));
            let step = window.len().max(1);
            let Some(hit) = hit else {
                at += step as u64;
                continue;
            };
            at += 8 * hit as u64;
            let head = self.read(at, FRAME)?.to_vec();
            if head.len() == FRAME && u64_at(&head, 8) > self.number && self.payload(at, &head)?.is_some() {
                return Ok(Some(at));
            }
            at += 8;
        }
        Ok(None)
    }

    /// Whether anything but zeros follows.
    pub(super) fn dirty_behind(&mut self) -> io::Result<bool> {
        let mut at = self.offset;
        loop {
            let window = self.read(at, WINDOW)?;
            if window.is_empty() {
                return Ok(false);
            }
            if window.iter().any(|byte| *byte != 0) {
                return Ok(true);
            }
            at += window.len() as u64;
        }
    }

    fn payload(&mut self, offset: u64, head: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (length, number, crc) = (u32_at(head, 4), u64_at(head, 8), u32_at(head, 16));
        if offset + FRAME as u64 + u64::from(length) > self.file.length()? {
            return Ok(None);
        }
        let payload = self.read(offset + FRAME as u64, length as usize)?;
        Ok((payload.len() == length as usize && checksum(length, number, payload) == crc)
            .then(|| payload.to_vec()))
    }

    /// Up to `length` bytes at an offset; fewer at the end of the file.
    fn read(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = self.window_at + self.window.len() as u64;
        if offset < self.window_at || offset + length as u64 > end {
            self.window.resize(length.max(WINDOW), 0);
            let read = self.file.read_at(offset, &mut self.window)?;
            self.window.truncate(read);
            self.window_at = offset;
        }
        let from = (offset - self.window_at) as usize;
        Ok(&self.window[from..(from + length).min(self.window.len())])
    }
}

/// One entry of a payload.
pub(super) enum Entry<'a> {
    Put { path: &'a str, version: i64, body: &'a [u8] },
    Removed { path: &'a str },
}

/// Takes a payload apart; `None` if it isn't one.
pub(super) fn entries(payload: &[u8]) -> Option<(i64, Vec<Entry<'_>>)> {
    let mut rest = payload;
    let highest = i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
    let mut entries = vec![];
    while !rest.is_empty() {
        let kind = take(&mut rest, 1)?[0];
        let path = std::str::from_utf8(text(&mut rest)?).ok()?;
        entries.push(match kind {
            0 => Entry::Removed { path },
            1 => {
                let version = i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
                Entry::Put { path, version, body: text(&mut rest)? }
            }
            _ => return None,
        });
    }
    Some((highest, entries))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(take(rest, 4)?.try_into().ok()?);
    take(rest, length as usize)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}
