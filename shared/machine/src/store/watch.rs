//! Who waits for which document or collection to change.
//!
//! Invariant: waking never waits. A document's watchers share one slot that holds its newest state, a query's
//! watchers are told only that something changed; so nothing piles up behind a slow one.

use super::Shared;
use super::commit::Newest;
use super::key::{group, split};
use super::query;
use futures::stream::{self, BoxStream, StreamExt};
use model::port::store::{Changed, Path, Query, Scope, StoreError};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch::{self, Receiver, Sender};

/// Everyone who waits.
#[derive(Debug, Default)]
pub(super) struct Registry {
    waiting: Mutex<Waiting>,
    /// So that a commit that nobody watches takes no lock.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    documents: HashMap<Box<str>, Sender<Newest>>,
    collections: HashMap<Box<str>, Sender<()>>,
    groups: HashMap<Box<str>, Sender<()>>,
    closed: bool,
}

impl Registry {
    /// Tells of changes that are durable and visible.
    pub(super) fn changed(&self, changes: &[(Arc<str>, Newest)]) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let waiting = self.waiting.lock();
        for (path, newest) in changes {
            if let Some(sender) = waiting.documents.get(&**path) {
                sender.send_replace(newest.clone());
            }
            let collection = split(path).0;
            for (senders, name) in [(&waiting.collections, collection), (&waiting.groups, group(collection))]
            {
                if let Some(sender) = senders.get(name) {
                    sender.send_replace(());
                }
            }
        }
    }

    /// Ends every watch.
    pub(super) fn close(&self) {
        *self.waiting.lock() = Waiting { closed: true, ..Waiting::default() };
    }
}

/// A place in the registry, given back when dropped.
struct Place<T> {
    receiver: Receiver<T>,
    seat: Seat,
}

struct Seat {
    shared: Arc<Shared>,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Document(Box<str>),
    Collection(Box<str>),
    Group(Box<str>),
}

impl Drop for Seat {
    /// Runs after the receiver is gone.
    fn drop(&mut self) {
        let mut waiting = self.shared.registry.waiting.lock();
        match &self.key {
            Key::Document(key) => prune(&mut waiting.documents, key),
            Key::Collection(key) => prune(&mut waiting.collections, key),
            Key::Group(key) => prune(&mut waiting.groups, key),
        }
        self.shared.registry.count.fetch_sub(1, Ordering::Release);
    }
}

fn prune<T>(senders: &mut HashMap<Box<str>, Sender<T>>, key: &str) {
    if senders.get(key).is_some_and(|sender| sender.receiver_count() == 0) {
        senders.remove(key);
    }
}

fn subscribe<K: Eq + Hash, T>(senders: &mut HashMap<K, Sender<T>>, key: K, now: T) -> Receiver<T> {
    senders.entry(key).or_insert_with(|| watch::channel(now).0).subscribe()
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store was closed".into())
}

/// One document: what it is now if it is there, then each newer state.
pub(super) fn document(
    shared: &Arc<Shared>,
    path: &Path,
) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
    shared.registry.count.fetch_add(1, Ordering::AcqRel);
    let seat = Seat { shared: Arc::clone(shared), key: Key::Document(path.as_str().into()) };
    let receiver = {
        let mut waiting = shared.registry.waiting.lock();
        if waiting.closed {
            drop(waiting);
            return Err(closed());
        }
        // Under the registry's lock: a commit that is applied later finds this watcher.
        let now = super::read(path, &shared.core.snapshot())?.map(Arc::new);
        let sender = waiting.documents.entry(path.as_str().into()).or_insert_with(|| watch::channel(None).0);
        sender.send_replace(now);
        sender.subscribe()
    };
    let start = (Place { receiver, seat }, path.clone(), None::<i64>);
    Ok(stream::unfold(Some(start), |watching| async move {
        let (mut place, path, mut seen) = watching?;
        loop {
            let newest = place.receiver.borrow_and_update().clone();
            let version = newest.as_ref().map(|record| record.version);
            if seen != version {
                seen = version;
                let changed =
                    Changed { path: path.clone(), document: newest.map(|record| record.document()) };
                return Some((Ok(changed), Some((place, path, seen))));
            }
            if place.receiver.changed().await.is_err() {
                return Some((Err(closed()), None));
            }
        }
    })
    .boxed())
}

/// What a query answers: each document now, then whatever enters, changes or leaves.
struct Results {
    place: Place<()>,
    query: Query,
    known: BTreeMap<Arc<str>, i64>,
    ready: VecDeque<Changed>,
}

impl Results {
    /// Asks again and queues the difference.
    fn ask(&mut self) -> Result<(), StoreError> {
        let found = query::run(&self.query, &self.place.seat.shared)?;
        self.place.seat.shared.count_scan(found.scanned);
        let mut before = std::mem::take(&mut self.known);
        for record in found.records {
            if before.remove(&record.path) != Some(record.version) {
                self.ready
                    .push_back(Changed { path: Path::new(&*record.path), document: Some(record.document()) });
            }
            self.known.insert(Arc::clone(&record.path), record.version);
        }
        let gone = before.into_keys().map(|path| Changed { path: Path::new(&*path), document: None });
        self.ready.extend(gone);
        Ok(())
    }
}

/// The documents of a checked query.
pub(super) fn query(
    shared: &Arc<Shared>,
    query: Query,
) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
    shared.registry.count.fetch_add(1, Ordering::AcqRel);
    let key = match &query.scope {
        Scope::Collection(path) => Key::Collection(path.as_str().into()),
        Scope::Group(name) => Key::Group(name.as_str().into()),
    };
    let seat = Seat { shared: Arc::clone(shared), key: key.clone() };
    let receiver = {
        let mut waiting = shared.registry.waiting.lock();
        if waiting.closed {
            drop(waiting);
            return Err(closed());
        }
        match key {
            Key::Collection(path) => subscribe(&mut waiting.collections, path, ()),
            Key::Document(name) | Key::Group(name) => subscribe(&mut waiting.groups, name, ()),
        }
    };
    let mut results =
        Results { place: Place { receiver, seat }, query, known: BTreeMap::new(), ready: VecDeque::new() };
    results.ask()?;
    Ok(stream::unfold(Some(results), |watching| async move {
        let mut results = watching?;
        loop {
            if let Some(changed) = results.ready.pop_front() {
                return Some((Ok(changed), Some(results)));
            }
            if results.place.receiver.changed().await.is_err() {
                return Some((Err(closed()), None));
            }
            if let Err(e) = results.ask() {
                return Some((Err(e), None));
            }
        }
    })
    .boxed())
}
