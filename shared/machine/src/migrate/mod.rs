//! Takes over a data folder of the older format: documents in one log, the queue in another one.
//!
//! Invariant: nothing of the older format is changed before everything of it could be read and is durable in the new
//! one. Then it is moved aside, to `older-format` in the data folder, and left there. An interruption at any point begins
//! again, or goes on with moving.

mod broker;
mod store;

use crate::broker::{DeadLetter, stored};
use crate::engine::disk::{Disk as _, Folder};
use crate::engine::journal::State;
use crate::engine::{Engine, Options, Totals};
use crate::store::{Batches, document_entry};
use broker::{Contents, Record};
use model::port::store::StoreError;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Says that the new format is complete, while files of the older one are moved aside.
const DONE: &str = "taken-over";
/// Where they go.
const ASIDE: &str = "older-format";

/// Whether a store's folder holds files of the older format.
pub(crate) fn is_old(store: &Path) -> bool {
    let names = Folder::new(store).names().unwrap_or_default();
    !store::files(&names).is_empty()
}

/// Takes a data folder over, if there is something to take over. Whether there was.
pub fn data_folder(data: &Path) -> Result<bool, StoreError> {
    let (store, broker) = (data.join("store"), data.join("broker"));
    let done = store.join(DONE).exists();
    if !is_old(&store) && !broker.exists() && !done {
        return Ok(false);
    }
    let io = |e: io::Error| StoreError::Unavailable(format!("`{}` can't be taken over: {e}", data.display()));
    if !done {
        let documents = store::read(&Folder::new(&store)).map_err(|why| refused(&why))?;
        let queue = Queue::read(&broker).map_err(|why| refused(&why))?;
        clear(&store).map_err(io)?;
        write(&store, &documents, &queue)?;
        File::create(store.join(DONE)).and_then(|file| file.sync_all()).map_err(io)?;
        sync(&store).map_err(io)?;
        tracing::info!(
            documents = documents.all.len(),
            messages = queue.messages.len(),
            "took over the older format"
        );
    }
    move_aside(data).map_err(io)?;
    Ok(true)
}

fn refused(why: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "The data folder is of an older format and can't be taken over: {why}. Nothing was changed. Restore it from a \
         backup, or start with an empty one by `--fresh`."
    ))
}

/// Removes what an interrupted take-over left.
fn clear(store: &Path) -> io::Result<()> {
    for name in Folder::new(store).names()? {
        if name.starts_with("journal-") || name.starts_with("checkpoint") {
            fs::remove_file(store.join(name))?;
        }
    }
    match fs::remove_dir_all(store.join("tables")) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn move_aside(data: &Path) -> io::Result<()> {
    let (store, aside) = (data.join("store"), data.join(ASIDE));
    fs::create_dir_all(aside.join("store"))?;
    for name in Folder::new(&store).names()? {
        if name.starts_with("log-") {
            fs::rename(store.join(&name), aside.join("store").join(&name))?;
        }
    }
    if data.join("broker").exists() {
        fs::rename(data.join("broker"), aside.join("broker"))?;
    }
    sync(&aside.join("store"))?;
    sync(&aside)?;
    sync(data)?;
    sync(&store)?;
    match fs::remove_file(store.join(DONE)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => sync(&store),
    }
}

/// One message of the queue.
struct Queued {
    published_at: i64,
    message: Vec<u8>,
    /// By subscription that is owed it: tries that failed.
    owed: BTreeMap<String, u32>,
}

/// The queue of the older format.
#[derive(Default)]
struct Queue {
    names: Vec<String>,
    highest: u64,
    messages: BTreeMap<u64, Queued>,
    dead: Vec<DeadLetter>,
}

impl Queue {
    fn read(folder: &Path) -> Result<Self, String> {
        let mut queue = Self::default();
        if !folder.exists() {
            return Ok(queue);
        }
        queue.letters(&folder.join("dead"))?;
        let segments = broker::segments(folder).map_err(|e| e.to_string())?;
        for (index, segment) in segments.iter().enumerate() {
            let place = broker::path(folder, *segment);
            let damaged = |at: u64| format!("`{}` is damaged at byte {at}", place.display());
            let bytes = fs::read(&place).map_err(|e| e.to_string())?;
            let contents = broker::read(&bytes).map_err(damaged)?;
            if let Some(next) = segments.get(index + 1)
                && (!contents.complete() || *next != segment + 1)
            {
                return Err(damaged(contents.end));
            }
            queue.apply(contents).ok_or_else(|| damaged(0))?;
        }
        let dead: Vec<_> =
            queue.dead.iter().map(|letter| (letter.number, letter.subscription.clone())).collect();
        for (number, subscription) in dead {
            queue.highest = queue.highest.max(number);
            queue.settle(number, &subscription);
        }
        Ok(queue)
    }

    fn letters(&mut self, folder: &Path) -> Result<(), String> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        for entry in entries {
            let place = entry.map_err(|e| e.to_string())?.path();
            if place.extension().is_some_and(|extension| extension == "json") {
                let bytes = fs::read(&place).map_err(|e| e.to_string())?;
                let letter = serde_json::from_slice(&bytes);
                self.dead.push(letter.map_err(|e| format!("`{}` can't be read: {e}", place.display()))?);
            }
        }
        Ok(())
    }

    fn apply(&mut self, contents: Contents) -> Option<()> {
        for record in contents.records {
            match record {
                Record::Names(names) => self.names = names,
                Record::Next(number) => self.highest = self.highest.max(number.saturating_sub(1)),
                Record::Publish { number, published_at, owed, message } => {
                    self.highest = self.highest.max(number);
                    let new = || Queued { published_at, message, owed: BTreeMap::new() };
                    let entry = self.messages.entry(number).or_insert_with(new);
                    for one in owed {
                        entry.owed.insert(self.names.get(usize::from(one.lane))?.clone(), one.attempts);
                    }
                }
                Record::Settled { number, lane } => {
                    let name = self.names.get(usize::from(lane))?.clone();
                    self.settle(number, &name);
                }
                Record::Tried { number, lane, attempts } => {
                    let name = self.names.get(usize::from(lane))?;
                    let owed = self.messages.get_mut(&number).and_then(|entry| entry.owed.get_mut(name));
                    if let Some(known) = owed {
                        *known = attempts;
                    }
                }
                Record::End => {}
            }
        }
        Some(())
    }

    fn settle(&mut self, number: u64, subscription: &str) {
        let Some(entry) = self.messages.get_mut(&number) else { return };
        entry.owed.remove(subscription);
        if entry.owed.is_empty() {
            self.messages.remove(&number);
        }
    }
}

/// Writes all of it into a new engine; durable on return.
fn write(folder: &Path, documents: &store::Documents, queue: &Queue) -> Result<(), StoreError> {
    let engine = Engine::beside_old(folder, Options::default())?;
    let mut batches = Batches::new(engine.core());
    let mut state = State { highest: documents.highest, messages: queue.highest, ..State::default() };
    for (path, (version, body)) in &documents.all {
        state.documents += 1;
        state.bytes += (path.len() + body.len()) as u64;
        let (key, value) = document_entry(path, *version, body);
        batches.add(key, Some(value))?;
    }
    for (number, message) in &queue.messages {
        let value = stored::message(message.published_at, &message.message);
        batches.add(stored::key(stored::MESSAGE, *number, ""), Some(value))?;
        for (subscription, attempts) in &message.owed {
            let key = stored::key(stored::OWED, *number, subscription);
            batches.add(key, Some(attempts.to_le_bytes().into()))?;
        }
    }
    for letter in &queue.dead {
        let key = stored::key(stored::DEAD, letter.number, &letter.subscription);
        batches.add(key, Some(stored::letter(letter)))?;
    }
    batches.commit()?;
    Totals::set(engine.core(), state)
}
