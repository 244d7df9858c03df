//! The journal: a header, then checksummed frames, then zeros; a new file for each table that is filled in memory.
//!
//! Invariant: one frame is what one sync made durable, and the next frame is written only after that sync. So an
//! interrupted write can damage only the last frame; a damaged frame with a valid one behind it is corruption. Frames
//! are numbered through all files, and each says which change came before it: none can be missing unnoticed.
//!
//! ```text
//! header  magic 16 | schema u32 | 0 u32 | number of the first frame u64 | crc32 u32 | 0 u32     (little endian, 40 bytes)
//! frame   magic 4 | payload length u32 | number u64 | crc32 u32 | 0 u32 | payload               (padded to 8 bytes)
//! payload change u64 | the change before it u64 | highest version i64 | documents u64 | bytes u64 | messages u64 | entry…
//! entry   kind u8 (0 removed, 1 put) | key length u32 | key | put only: value length u32 | value
//! ```

use super::disk::DiskFile;
use std::io;
use std::sync::Arc;

/// Bytes before the first frame.
pub(crate) const HEADER: u64 = 40;
const FRAME: usize = 24;
/// Bytes of a payload before its entries.
const HEAD: usize = 48;
const MAGIC: &[u8; 16] = b"sextant-journal\n";
/// No byte sequence in UTF-8, so a document can't look like a frame.
const FRAME_MAGIC: [u8; 4] = [0xf5, b'S', 0xff, b'X'];
/// The layout written today.
const SCHEMA: u32 = 1;
/// How much is read at a time.
const WINDOW: usize = 256 * 1024;
/// The most that is reserved ahead.
const AHEAD: u64 = 16 << 20;

/// What is known of everything together; each frame carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The highest version given out, which outlives the document that had it.
    pub highest: i64,
    /// Documents there are.
    pub documents: u64,
    /// Bytes of their paths and bodies.
    pub bytes: u64,
    /// The highest number that a message has had.
    pub messages: u64,
}

impl State {
    /// As frames and tables hold it.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.highest.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.documents.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24..].copy_from_slice(&self.messages.to_le_bytes());
        bytes
    }

    /// From its 32 bytes.
    pub fn decode(bytes: &[u8]) -> Self {
        Self {
            highest: u64_at(bytes, 0) as i64,
            documents: u64_at(bytes, 8),
            bytes: u64_at(bytes, 16),
            messages: u64_at(bytes, 24),
        }
    }
}

/// The bytes every file starts with.
fn header(first: u64) -> [u8; HEADER as usize] {
    let mut header = [0; HEADER as usize];
    header[..16].copy_from_slice(MAGIC);
    header[16..20].copy_from_slice(&SCHEMA.to_le_bytes());
    header[24..32].copy_from_slice(&first.to_le_bytes());
    let crc = crc32fast::hash(&header[..32]);
    header[32..36].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The number of the first frame, or what is wrong with the header.
pub(super) fn read_header(file: &dyn DiskFile) -> io::Result<Result<u64, String>> {
    let mut found = [0; HEADER as usize];
    let read = file.read_at(0, &mut found)?;
    if read < found.len() || found[..16] != *MAGIC {
        return Ok(Err("it doesn't begin as a journal does".into()));
    }
    if u32_at(&found, 32) != crc32fast::hash(&found[..32]) || found[36..] != [0; 4] {
        return Ok(Err("its header's checksum doesn't match".into()));
    }
    match u32_at(&found, 16) {
        SCHEMA => Ok(Ok(u64_at(&found, 24))),
        other => Ok(Err(format!("it has schema {other}, and this program knows schema {SCHEMA}"))),
    }
}

/// A frame being put together.
#[derive(Debug, Default)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(64 * 1024);
        bytes.resize(FRAME + HEAD, 0);
        Self(bytes)
    }

    pub fn clear(&mut self) {
        self.0.truncate(FRAME + HEAD);
        // One large group doesn't keep its memory.
        self.0.shrink_to(1 << 20);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.len() == FRAME + HEAD
    }

    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.push(1);
        self.text(key);
        self.text(value);
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.0.push(0);
        self.text(key);
    }

    /// Which change this is, which one came before it, and what holds after it.
    pub fn head(&mut self, change: u64, before: u64, state: &State) {
        self.0[FRAME..FRAME + 8].copy_from_slice(&change.to_le_bytes());
        self.0[FRAME + 8..FRAME + 16].copy_from_slice(&before.to_le_bytes());
        self.0[FRAME + 16..FRAME + HEAD].copy_from_slice(&state.encode());
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

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].try_into().map_or(0, u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
}

/// The end of a file, where frames are added.
pub(super) struct Log {
    pub file: Arc<dyn DiskFile>,
    pub end: u64,
    /// The next frame's.
    pub number: u64,
    allocated: u64,
}

impl Log {
    /// A new file, not yet durable.
    pub fn create(file: Arc<dyn DiskFile>, first: u64) -> io::Result<Self> {
        file.write_at(0, &header(first))?;
        Ok(Self { file, end: HEADER, number: first, allocated: 0 })
    }

    /// Goes on where reading ended.
    pub fn resume(file: Arc<dyn DiskFile>, end: u64, number: u64) -> io::Result<Self> {
        let allocated = file.length()?;
        Ok(Self { file, end, number, allocated })
    }

    /// Sees that there is room for so many bytes: with some to spare, or else for just those.
    pub fn reserve(&mut self, bytes: usize) -> io::Result<()> {
        let end = self.end + bytes as u64;
        if end <= self.allocated {
            return Ok(());
        }
        let room = (2 * end).clamp(1 << 20, end + AHEAD);
        let enough = end.next_multiple_of(4096);
        self.allocated = match self.file.allocate(room) {
            Ok(()) => room,
            Err(_) => self.file.allocate(enough).map(|()| enough)?,
        };
        Ok(())
    }

    /// Writes a frame behind the last one; durable only after `file.sync()`. After an error the next one takes
    /// its place.
    pub fn append(&mut self, frame: &mut Frame) -> io::Result<()> {
        let bytes = frame.seal(self.number);
        self.reserve(bytes.len())?;
        let end = self.end + bytes.len() as u64;
        self.file.write_at(self.end, bytes)?;
        self.end = end;
        self.number += 1;
        Ok(())
    }
}

/// What comes next in a file.
pub(crate) enum Next {
    /// A whole frame's payload.
    Payload(Vec<u8>),
    /// Zeros or the end of the file.
    End,
    /// Something else, and what is wrong with it.
    Damaged(&'static str),
}

/// Reads frames one after the other.
pub(crate) struct Frames<'a> {
    file: &'a dyn DiskFile,
    pub offset: u64,
    pub number: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Frames<'a> {
    pub fn new(file: &'a dyn DiskFile, offset: u64, number: u64) -> Self {
        Self { file, offset, number, window: vec![], window_at: 0 }
    }

    pub fn next(&mut self) -> io::Result<Next> {
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
    pub fn valid_behind(&mut self) -> io::Result<Option<u64>> {
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
    pub fn dirty_behind(&mut self) -> io::Result<bool> {
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

/// A payload taken apart.
pub(super) struct Payload<'a> {
    pub change: u64,
    pub before: u64,
    pub state: State,
    /// Keys with their values; `None` where one was removed.
    pub entries: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Takes a payload apart; `None` if it isn't one.
pub(super) fn payload(payload: &[u8]) -> Option<Payload<'_>> {
    let (head, mut rest) = payload.split_at_checked(HEAD)?;
    let mut entries = vec![];
    while !rest.is_empty() {
        let kind = take(&mut rest, 1)?[0];
        let key = text(&mut rest)?;
        entries.push(match kind {
            0 => (key, None),
            1 => (key, Some(text(&mut rest)?)),
            _ => return None,
        });
    }
    Some(Payload {
        change: u64_at(head, 0),
        before: u64_at(head, 8),
        state: State::decode(&head[16..]),
        entries,
    })
}

/// A length and as many bytes.
pub(crate) fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(take(rest, 4)?.try_into().ok()?);
    take(rest, length as usize)
}

pub(crate) fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}
