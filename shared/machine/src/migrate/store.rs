//! Reads the store's file of the older format: a header, then checksummed frames with whole documents.
//!
//! Invariant: damage is refused, and nothing is changed. The newest file alone counts.

use crate::engine::disk::{Disk, DiskFile};
use crate::engine::journal::{Frames, Next, take, text, u32_at};
use std::collections::BTreeMap;
use std::io;

const HEADER: u64 = 32;
const MAGIC: &[u8; 16] = b"sextant-store\n\0\0";

/// All documents, and the highest version given out.
#[derive(Default)]
pub(super) struct Documents {
    pub highest: i64,
    pub all: BTreeMap<String, (i64, Vec<u8>)>,
}

/// The files of the older format in a folder, oldest first.
pub(super) fn files(names: &[String]) -> Vec<u64> {
    let mut files: Vec<u64> =
        names.iter().filter_map(|name| name.strip_prefix("log-")?.parse().ok()).collect();
    files.sort_unstable();
    files
}

/// Reads the newest file.
pub(super) fn read(disk: &dyn Disk) -> Result<Documents, String> {
    let said = |e: io::Error| e.to_string();
    let mut documents = Documents::default();
    let Some(newest) = files(&disk.names().map_err(said)?).pop() else { return Ok(documents) };
    let name = format!("log-{newest:010}");
    let file = disk.open(&name, false).map_err(said)?;
    let damaged = |at: u64, why: &str| format!("`{}` is damaged at byte {at}: {why}", disk.place(&name));
    check_header(&*file).map_err(said)?.map_err(|why| damaged(0, why))?;
    let mut frames = Frames::new(&*file, HEADER, 0);
    loop {
        let at = frames.offset;
        match frames.next().map_err(said)? {
            Next::Payload(payload) => {
                documents.add(&payload).ok_or_else(|| damaged(at, "a frame's content makes no sense"))?;
            }
            Next::End | Next::Damaged(_) => break,
        }
    }
    let end = frames.offset;
    match frames.valid_behind().map_err(said)? {
        Some(valid) => Err(damaged(end, &format!("a valid frame follows at byte {valid}"))),
        None => Ok(documents),
    }
}

fn check_header(file: &dyn DiskFile) -> io::Result<Result<(), &'static str>> {
    let mut found = [0; HEADER as usize];
    let read = file.read_at(0, &mut found)?;
    if read < found.len() || found[..16] != *MAGIC {
        return Ok(Err("it doesn't begin as a store's file does"));
    }
    let whole = u32_at(&found, 24) == crc32fast::hash(&found[..24]) && u32_at(&found, 16) == 1;
    Ok(if whole { Ok(()) } else { Err("its header isn't what was written") })
}

impl Documents {
    /// Payload: highest version u64, then kind u8 (0 removed, 1 put), path, and of what was put version u64 and body.
    fn add(&mut self, payload: &[u8]) -> Option<()> {
        let mut rest = payload;
        let highest = i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
        self.highest = self.highest.max(highest);
        while !rest.is_empty() {
            let kind = take(&mut rest, 1)?[0];
            let path = std::str::from_utf8(text(&mut rest)?).ok()?;
            match kind {
                0 => drop(self.all.remove(path)),
                1 => {
                    let version = i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
                    self.all.insert(path.to_owned(), (version, text(&mut rest)?.to_vec()));
                }
                _ => return None,
            }
        }
        Some(())
    }
}
