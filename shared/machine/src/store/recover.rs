//! Opens the folder again: finds the newest file, replays it, cuts off an interrupted write, refuses damage.
//!
//! Invariant: nothing that might have been acknowledged is ever cut off or written over.

use super::disk::Disk;
use super::log::{Entry, Frames, HEADER, Log, Next, check_header, entries};
use super::state::{Catalog, Record, State};
use bytes::Bytes;
use model::port::store::StoreError;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What the folder holds.
pub(super) struct Recovered {
    pub(super) state: State,
    /// The file to go on with; `None` before the first commit.
    pub(super) log: Option<Log>,
    pub(super) generation: u64,
    /// The highest version given out.
    pub(super) highest: i64,
}

/// The file of a generation.
pub(super) fn name(generation: u64) -> String {
    format!("log-{generation:010}")
}

/// The same while it isn't complete.
pub(super) fn draft(generation: u64) -> String {
    format!("{}.new", name(generation))
}

/// An I/O error as the port tells it.
pub(super) fn failed(what: &str, place: &str, e: &io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "{what} `{place}` failed: {e}. See that the disk has room and the folder is writable, then start again"
    ))
}

/// Reads the newest file.
pub(super) fn recover(disk: &dyn Disk, catalog: Arc<Catalog>) -> Result<Recovered, StoreError> {
    let names = disk.names().map_err(|e| failed("Reading", &disk.place(""), &e))?;
    let mut generations: Vec<u64> =
        names.iter().filter_map(|name| name.strip_prefix("log-")?.parse().ok()).collect();
    generations.sort_unstable();
    for draft in names.iter().filter(|name| name.strip_prefix("log-").is_some_and(|rest| rest.contains('.')))
    {
        disk.remove(draft).map_err(|e| failed("Removing", &disk.place(draft), &e))?;
    }
    let mut recovered = Recovered { state: State::new(catalog), log: None, generation: 0, highest: 0 };
    if let Some(generation) = generations.pop() {
        recovered.generation = generation;
        let file = name(generation);
        let backup = generations.pop().map(|generation| disk.place(&name(generation)));
        replay(disk, &file, backup.as_deref(), &mut recovered)?;
    }
    Ok(recovered)
}

fn replay(disk: &dyn Disk, name: &str, backup: Option<&str>, to: &mut Recovered) -> Result<(), StoreError> {
    let io = |e: io::Error| failed("Reading", &disk.place(name), &e);
    let corrupt = |offset: u64, why: &str| corrupt(&disk.place(name), backup, offset, why);
    let file = disk.open(name, false).map_err(io)?;
    if let Err(why) = check_header(&*file).map_err(io)? {
        return Err(corrupt(0, &why));
    }
    let mut frames = Frames::new(&*file, HEADER, 0);
    let mut newest = Newest::new();
    let damage = loop {
        let at = frames.offset;
        match frames.next().map_err(io)? {
            Next::Payload(payload) => {
                collect(at, &payload, &mut newest, to).map_err(|why| corrupt(at, why))?;
            }
            Next::End => break None,
            Next::Damaged(why) => break Some(why),
        }
    };
    let (end, number) = (frames.offset, frames.number);
    if let Some(valid) = frames.valid_behind().map_err(io)? {
        let why = damage.unwrap_or("a frame is missing");
        return Err(corrupt(end, &format!("{why}, but a valid one follows at byte {valid}")));
    }
    for (path, (at, version, body)) in newest {
        let keys = to.state.catalog.keys(&path, &body).map_err(|e| corrupt(at, &e.to_string()))?;
        to.state.put(Arc::new(Record::new(path, version, body, keys)));
    }
    if frames.dirty_behind().map_err(io)? {
        tracing::info!(
            file = disk.place(name),
            offset = end,
            "cut off a write that was interrupted before it was acknowledged"
        );
        file.truncate(end)
            .and_then(|()| file.sync())
            .map_err(|e| failed("Cutting", &disk.place(name), &e))?;
    }
    to.log = Some(Log::resume(file, end, number).map_err(io)?);
    Ok(())
}

/// What each document is in the end, with the offset of its frame. In the order of paths, in which the state is
/// built fastest; each document is parsed once, however often it was written.
type Newest = BTreeMap<Arc<str>, (u64, i64, Bytes)>;

fn collect(at: u64, payload: &[u8], newest: &mut Newest, to: &mut Recovered) -> Result<(), &'static str> {
    let (highest, entries) = entries(payload).ok_or("a frame's content makes no sense")?;
    to.highest = to.highest.max(highest);
    for entry in entries {
        match entry {
            Entry::Removed { path } => drop(newest.remove(path)),
            Entry::Put { path, version, body } => {
                let state = (at, version, Bytes::copy_from_slice(body));
                match newest.get_mut(path) {
                    Some(known) => *known = state,
                    None => drop(newest.insert(path.into(), state)),
                }
            }
        }
    }
    Ok(())
}

fn corrupt(place: &str, backup: Option<&str>, offset: u64, why: &str) -> StoreError {
    let way = backup.map_or_else(
        || "Restore the folder from a backup".to_owned(),
        |backup| {
            format!(
                "To go back to the state of the last compaction, move `{place}` out of the folder: `{backup}` is \
                 read then. Or restore the folder from a backup"
            )
        },
    );
    StoreError::Corrupt(format!(
        "The store's file `{place}` is damaged at byte {offset}: {why}. Nothing was changed. {way}, or start with \
         an empty store by `--fresh`."
    ))
}
