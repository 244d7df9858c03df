//! Reads the broker's log of the older format: batches of records in numbered segment files.
//!
//! Invariant: a batch counts only if it is whole. Each batch says up to where the segment was already synced when
//! it was written; a bad batch that a later one calls synced is damage and is refused, while a bad batch at the
//! very end was never acknowledged to anybody and is left out. Nothing is changed.
//!
//! A batch is `magic u32 | length u32 | crc32 u32 | synced u64 | records`, all little-endian; the checksum covers
//! everything after itself. Files grow by blocks of zeros, which read as "nothing more".

use std::{
    fs, io,
    path::{Path, PathBuf},
};

const MAGIC: u32 = u32::from_le_bytes(*b"SXB1");
const HEADER: usize = 20;

/// How many tries one subscription has had at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    /// Index into the newest [`Record::Names`].
    pub lane: u16,
    /// Tries that failed so far.
    pub attempts: u32,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// What the indexes of subscriptions mean from here on.
    Names(Vec<String>),
    /// No sequence number below this one will be given out again.
    Next(u64),
    /// A message that these subscriptions must get. A second one of the same number adds to the first.
    Publish { number: u64, published_at: i64, owed: Vec<Owed>, message: Vec<u8> },
    /// A subscription is done with a message.
    Settled { number: u64, lane: u16 },
    /// A try failed.
    Tried { number: u64, lane: u16, attempts: u32 },
    /// The segment is complete; the next one exists or is about to.
    End,
}

impl Record {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        Some(match kind {
            1 => Self::Names(names(rest)?),
            2 => Self::Next(u64::from_le_bytes(take(&mut rest)?)),
            3 => {
                let number = u64::from_le_bytes(take(&mut rest)?);
                let published_at = i64::from_le_bytes(take(&mut rest)?);
                let count = u16::from_le_bytes(take(&mut rest)?);
                let mut owed = Vec::with_capacity(count.into());
                for _ in 0..count {
                    let lane = u16::from_le_bytes(take(&mut rest)?);
                    owed.push(Owed { lane, attempts: u32::from_le_bytes(take(&mut rest)?) });
                }
                Self::Publish { number, published_at, owed, message: rest.to_vec() }
            }
            4 => Self::Settled {
                number: u64::from_le_bytes(take(&mut rest)?),
                lane: u16::from_le_bytes(take(&mut rest)?),
            },
            5 => Self::Tried {
                number: u64::from_le_bytes(take(&mut rest)?),
                lane: u16::from_le_bytes(take(&mut rest)?),
                attempts: u32::from_le_bytes(take(&mut rest)?),
            },
            6 => Self::End,
            _ => return None,
        })
    }
}

fn names(bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.split('\n').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_at_checked(N)?;
    *bytes = tail;
    head.try_into().ok()
}

struct Batch<'a> {
    synced: u64,
    records: &'a [u8],
}

fn batch_at(bytes: &[u8], offset: usize) -> Option<Batch<'_>> {
    let mut rest = bytes.get(offset..)?;
    let magic = u32::from_le_bytes(take(&mut rest)?);
    let length = u32::from_le_bytes(take(&mut rest)?) as usize;
    let checksum = u32::from_le_bytes(take(&mut rest)?);
    let covered = rest.get(..8 + length)?;
    if magic != MAGIC || crc32fast::hash(covered) != checksum {
        return None;
    }
    let (synced, records) = covered.split_at(8);
    Some(Batch { synced: u64::from_le_bytes(synced.try_into().ok()?), records })
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// In the order they were written.
    pub records: Vec<Record>,
    /// Where the last whole batch ends.
    pub end: u64,
    /// Whether something unfinished follows it.
    pub torn: bool,
}

impl Contents {
    /// Whether the segment was closed in good order.
    pub fn complete(&self) -> bool {
        self.records.last() == Some(&Record::End)
    }
}

/// Reads a segment; the error is the offset of the damage.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, u64> {
    let mut contents = Contents::default();
    let mut offset = 0;
    while let Some(batch) = batch_at(bytes, offset) {
        let mut rest = batch.records;
        while !rest.is_empty() {
            let record = take(&mut rest).and_then(|length| {
                let (record, tail) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
                rest = tail;
                Record::decode(record)
            });
            contents.records.push(record.ok_or(offset as u64)?);
        }
        offset += HEADER + batch.records.len();
    }
    contents.end = offset as u64;
    let tail = &bytes[offset..];
    contents.torn = tail.iter().any(|byte| *byte != 0);
    if contents.torn && vouched_for(bytes, offset) { Err(contents.end) } else { Ok(contents) }
}

/// Whether a whole batch further on says that the bytes at `offset` had been synced.
fn vouched_for(bytes: &[u8], offset: usize) -> bool {
    let magic = MAGIC.to_le_bytes();
    let found = (offset + 1..bytes.len().saturating_sub(3)).filter(|at| bytes[*at..*at + 4] == magic);
    found.filter_map(|at| batch_at(bytes, at)).any(|batch| batch.synced > offset as u64)
}

/// The file of a segment.
pub(super) fn path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}.log"))
}

/// The segments in a folder, oldest first.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".log"));
        found.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}
