//! Opens the folder again: finds the journal's files, puts what the tables lack into memory, cuts off an interrupted
//! write, refuses damage and whatever is shorter than it was.
//!
//! Invariant: nothing that might have been acknowledged is ever cut off or written over, and nothing is changed before
//! everything could be read.

use super::checkpoint::Checkpoint;
use super::disk::{Disk, DiskFile};
use super::journal::{Frames, HEADER, Log, Next, State, payload, read_header};
use super::table::Table;
use lsm_tree::Slice;
use model::port::store::StoreError;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What the folder holds.
pub(super) struct Recovered {
    /// The file to go on with; `None` before the first commit and where the last file ended whole.
    pub log: Option<Log>,
    /// The number of the newest file.
    pub file: u64,
    /// Files whose frames are in the table in memory.
    pub open: Vec<u64>,
    /// The number of the next frame.
    pub number: u64,
    /// The newest change.
    pub change: u64,
    pub state: State,
    pub checkpoint: Checkpoint,
}

/// The file of a number.
pub(super) fn name(file: u64) -> String {
    format!("journal-{file:010}")
}

/// The same while it isn't complete.
pub(super) fn draft(file: u64) -> String {
    format!("{}.new", name(file))
}

/// An I/O error as the port tells it.
pub(super) fn failed(what: &str, place: &str, e: &io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "{what} `{place}` failed: {e}. See that the disk has room and the folder is writable, then start again"
    ))
}

/// A refusal, with the way out.
pub(super) fn refused(why: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "{why}. Nothing was changed. Restore the data folder with `sextant restore` from a backup, or start with an \
         empty store by `--fresh`."
    ))
}

/// What was read so far.
struct Reading<'a> {
    disk: &'a dyn Disk,
    table: &'a Table,
    /// Where the tables on disk end.
    mark: u64,
    change: u64,
    state: State,
    entries: Vec<(u64, Slice, Option<Slice>)>,
}

/// The journal's files, oldest first.
fn files(names: &[String]) -> Vec<u64> {
    let mut files: Vec<u64> =
        names.iter().filter_map(|name| name.strip_prefix("journal-")?.parse().ok()).collect();
    files.sort_unstable();
    files
}

/// Before tables are made where there are none: the journal must go back to the beginning.
pub(super) fn check_tables(disk: &dyn Disk, tables: &Path) -> Result<(), StoreError> {
    if tables.join("current").exists() {
        return Ok(());
    }
    let names = disk.names().map_err(|e| failed("Reading", &disk.place(""), &e))?;
    let begun = names.iter().any(|name| name == "checkpoint");
    match files(&names).first() {
        Some(1) => Ok(()),
        None if !begun => Ok(()),
        None if known(disk, &names)? == 0 => Ok(()),
        _ => Err(refused(&format!("The store's tables `{}` are missing", tables.display()))),
    }
}

/// The change that the checkpoint names.
fn known(disk: &dyn Disk, names: &[String]) -> Result<u64, StoreError> {
    let checkpoint = Checkpoint::open(disk, names).map_err(|e| failed("Reading", &disk.place(""), &e))?;
    let checkpoint = checkpoint.map_err(|why| refused(&format!("The store's checkpoint {why}")))?;
    Ok(checkpoint.map_or(0, |checkpoint| checkpoint.change))
}

/// Reads the folder.
pub(super) fn recover(disk: &dyn Disk, table: &Table) -> Result<Recovered, StoreError> {
    let io = |e: io::Error| failed("Reading", &disk.place(""), &e);
    let names = disk.names().map_err(io)?;
    let files = files(&names);
    let checkpoint = Checkpoint::open(disk, &names).map_err(io)?;
    let checkpoint = checkpoint.map_err(|why| refused(&format!("The store's checkpoint {why}")))?;
    if checkpoint.is_none() && (!files.is_empty() || !table.is_empty()) {
        return Err(refused(&format!("The store's file `{}` is missing", disk.place("checkpoint"))));
    }
    let (mark, state) = table.mark()?;
    let mut reading = Reading { disk, table, mark, change: mark, state, entries: vec![] };
    let mut ends: Vec<(u64, Arc<dyn DiskFile>, u64, u64)> = vec![];
    for file in &files {
        let before = ends.last().map(|(file, _, _, number)| (*file, *number));
        let (handle, end, number) = reading.file(*file, before)?;
        ends.push((*file, handle, end, number));
    }
    let known = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.change);
    if reading.change < known {
        let text = format!(
            "The store in `{}` ends at change {}, though it had come to change {known} before: a file was cut, removed \
             or put back from an older copy",
            disk.place(""),
            reading.change
        );
        return Err(refused(&text));
    }
    reading.finish(files, ends, checkpoint)
}

impl Reading<'_> {
    /// Reads a file that follows one of the given number and next frame.
    fn file(
        &mut self,
        file: u64,
        before: Option<(u64, u64)>,
    ) -> Result<(Arc<dyn DiskFile>, u64, u64), StoreError> {
        let place = self.disk.place(&name(file));
        let io = |e: io::Error| failed("Reading", &place, &e);
        let corrupt = |at: u64, why: &str| {
            refused(&format!("The store's file `{place}` is damaged at byte {at}: {why}"))
        };
        let handle = self.disk.open(&name(file), false).map_err(io)?;
        let first = read_header(&*handle).map_err(io)?.map_err(|why| corrupt(0, &why))?;
        if let Some((known, next)) = before
            && (known + 1 != file || next != first)
        {
            let text = format!("what came before its frame {first} is missing, in it or in a file before it");
            return Err(corrupt(0, &text));
        }
        let mut frames = Frames::new(&*handle, HEADER, first);
        let damage = loop {
            let at = frames.offset;
            match frames.next().map_err(io)? {
                Next::Payload(bytes) => self.frame(&bytes).map_err(|why| corrupt(at, &why))?,
                Next::End => break None,
                Next::Damaged(why) => break Some(why),
            }
        };
        let (end, number) = (frames.offset, frames.number);
        if let Some(valid) = frames.valid_behind().map_err(io)? {
            let why = damage.unwrap_or("a frame is missing");
            return Err(corrupt(end, &format!("{why}, but a valid one follows at byte {valid}")));
        }
        Ok((handle, end, number))
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<(), String> {
        let read = payload(bytes).ok_or("a frame's content makes no sense")?;
        if read.change <= self.mark {
            return Ok(());
        }
        if read.before != self.change {
            return Err(format!(
                "the frame follows change {}, but change {} is the newest before it",
                read.before, self.change
            ));
        }
        (self.change, self.state) = (read.change, read.state);
        let entries = read.entries.into_iter();
        self.entries.extend(entries.map(|(key, value)| (read.change, key.into(), value.map(Slice::from))));
        Ok(())
    }

    /// Everything could be read: now the interrupted write is cut off, and the table filled.
    fn finish(
        self,
        files: Vec<u64>,
        ends: Vec<(u64, Arc<dyn DiskFile>, u64, u64)>,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Recovered, StoreError> {
        let disk = self.disk;
        let io = |e: io::Error| failed("Writing", &disk.place(""), &e);
        for draft in disk.names().map_err(io)?.iter().filter(|name| name.strip_suffix(".new").is_some()) {
            disk.remove(draft).map_err(|e| failed("Removing", &disk.place(draft), &e))?;
        }
        let checkpoint = match checkpoint {
            Some(checkpoint) => checkpoint,
            None => Checkpoint::create(disk).map_err(io)?,
        };
        let number = ends.last().map_or(0, |(.., number)| *number);
        let mut log = None;
        if let Some((file, handle, end, number)) = ends.into_iter().last() {
            cut(disk, file, &*handle, end, number)?;
            log = Some(Log::resume(handle, end, number).map_err(io)?);
        }
        fill(self.table, self.entries);
        let file = files.last().copied().unwrap_or(0);
        Ok(Recovered { log, file, open: files, number, change: self.change, state: self.state, checkpoint })
    }
}

/// Cuts off what isn't zero behind the last frame.
fn cut(disk: &dyn Disk, file: u64, handle: &dyn DiskFile, end: u64, number: u64) -> Result<(), StoreError> {
    let place = disk.place(&name(file));
    let io = |e: io::Error| failed("Cutting", &place, &e);
    if Frames::new(handle, end, number).dirty_behind().map_err(io)? {
        tracing::info!(
            file = place,
            offset = end,
            "cut off a write that was interrupted before it was acknowledged"
        );
        handle.truncate(end).and_then(|()| handle.sync()).map_err(io)?;
    }
    Ok(())
}

/// Group by group. Within one, only the last word on a key counts.
fn fill(table: &Table, entries: Vec<(u64, Slice, Option<Slice>)>) {
    let mut group = hashbrown::HashMap::new();
    let mut change = 0;
    for (at, key, value) in entries {
        if at != change {
            table.apply(std::mem::take(&mut group));
            change = at;
        }
        group.insert(key, value);
    }
    table.apply(group);
}
