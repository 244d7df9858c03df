//! The bytes of the broker's log: batches of records in numbered segment files.
//!
//! Invariant: a batch counts only if it is whole. Each batch says up to where the segment was already synced when
//! it was written; a bad batch that a later one calls synced is damage and is refused, while a bad batch at the
//! very end was never acknowledged to anybody and is cut off.
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
    /// Appends the record, with its length before it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        match self {
            Self::Names(names) => {
                out.push(1);
                out.extend_from_slice(names.join("\n").as_bytes());
            }
            Self::Next(number) => {
                out.push(2);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::Publish { number, published_at, owed, message } => {
                out.push(3);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&published_at.to_le_bytes());
                out.extend_from_slice(&(owed.len() as u16).to_le_bytes());
                for one in owed {
                    out.extend_from_slice(&one.lane.to_le_bytes());
                    out.extend_from_slice(&one.attempts.to_le_bytes());
                }
                out.extend_from_slice(message);
            }
            Self::Settled { number, lane } => {
                out.push(4);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&lane.to_le_bytes());
            }
            Self::Tried { number, lane, attempts } => {
                out.push(5);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&lane.to_le_bytes());
                out.extend_from_slice(&attempts.to_le_bytes());
            }
            Self::End => out.push(6),
        }
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

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

/// Frames encoded records as one batch; `synced` is the offset up to which the segment is known to be on disk.
pub(super) fn frame(records: &[u8], synced: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + records.len());
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&(records.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&synced.to_le_bytes());
    out.extend_from_slice(records);
    let checksum = crc32fast::hash(&out[12..]);
    out[8..12].copy_from_slice(&checksum.to_le_bytes());
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(number: u64) -> Record {
        let owed = vec![Owed { lane: 0, attempts: 2 }, Owed { lane: 7, attempts: 0 }];
        Record::Publish { number, published_at: -5, owed, message: b"{\"a\":1}".to_vec() }
    }

    fn batch(records: &[Record], synced: u64) -> Vec<u8> {
        let mut body = Vec::new();
        for record in records {
            record.encode(&mut body);
        }
        frame(&body, synced)
    }

    /// Three batches as the writer makes them, each synced before the next, then unused space.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes =
            batch(&[Record::Names(vec!["a.b".into(), "c.d".into()]), Record::Next(9), publish(1)], 0);
        let mut ends = vec![bytes.len()];
        for number in 2..4 {
            let synced = bytes.len() as u64;
            // The last byte isn't 0, so that a cut just before it shows.
            let records = [
                Record::Settled { number, lane: 7 },
                Record::Tried { number, lane: 0, attempts: 3 },
                publish(number),
            ];
            bytes.extend(batch(&records, synced));
            ends.push(bytes.len());
        }
        bytes.extend([0; 64]);
        (bytes, ends)
    }

    #[test]
    fn what_was_written_is_read() {
        let (bytes, ends) = segment();
        let contents = read(&bytes).unwrap();
        assert_eq!(contents.records.len(), 9);
        assert_eq!(contents.records[2], publish(1));
        assert_eq!((contents.end, contents.torn, contents.complete()), (ends[2] as u64, false, false));
    }

    #[test]
    fn every_torn_tail_is_cut_at_the_last_whole_batch() {
        let (bytes, ends) = segment();
        for cut in 0..ends[2] {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let mut torn = bytes[..cut].to_vec();
            torn.extend(vec![0; bytes.len() - cut]);
            let contents = read(&torn).unwrap();
            assert_eq!(contents.end as usize, if whole == 0 { 0 } else { ends[whole - 1] }, "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_bit_before_the_last_batch_is_damage() {
        let (bytes, ends) = segment();
        for at in 0..ends[1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let start = if at < ends[0] { 0 } else { ends[0] };
            assert_eq!(read(&damaged).unwrap_err() as usize, start, "flipped at {at}");
        }
    }

    #[test]
    fn lost_acknowledgements_before_an_unsynced_batch_are_no_damage() {
        let first = batch(&[publish(1)], 0);
        let lazy = batch(&[Record::Settled { number: 1, lane: 0 }], first.len() as u64);
        let late = batch(&[publish(2)], first.len() as u64);
        let mut bytes = first.clone();
        bytes.extend(vec![0; lazy.len()]);
        bytes.extend(late);
        let contents = read(&bytes).unwrap();
        assert_eq!((contents.records.len(), contents.end as usize, contents.torn), (1, first.len(), true));
    }
}
