//! A commit as the engine's thread sees it through: preconditions, patches, versions, index entries.
//!
//! Invariant: everything is checked against what is stored, the group's earlier commits included, before anything is
//! changed.

use super::index::Entries;
use super::key::{self, Record};
use super::{Shared, patch};
use crate::engine::{Group, Transaction};
use bytes::Bytes;
use lsm_tree::Slice;
use model::port::store::{Field, Path, Precondition, StoreError, Version};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// A write that was checked by itself.
pub(super) struct Prepared {
    pub path: Arc<str>,
    pub key: Slice,
    pub precondition: Precondition,
    pub change: Prepare,
}

/// What becomes of the document.
pub(super) enum Prepare {
    Put(Bytes, Entries),
    Patch { set: Vec<(Field, Option<Value>)>, increment: Vec<(Field, i64)> },
    Delete,
}

pub(super) type Answer = Result<Vec<Version>, StoreError>;

/// A change of one document; `None` once it is gone.
pub(super) type Newest = Option<Arc<Record>>;

/// A commit that waits.
pub(super) struct Commit {
    shared: Arc<Shared>,
    writes: Vec<Prepared>,
    answer: Option<oneshot::Sender<Answer>>,
    version: i64,
    changes: Vec<(Arc<str>, Newest)>,
}

impl Commit {
    pub fn new(shared: Arc<Shared>, writes: Vec<Prepared>, answer: oneshot::Sender<Answer>) -> Self {
        Self { shared, writes, answer: Some(answer), version: 0, changes: vec![] }
    }
}

impl Transaction for Commit {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        let mut before = Vec::with_capacity(self.writes.len());
        for write in &self.writes {
            before.push(check(write, group)?);
        }
        let writes = std::mem::take(&mut self.writes);
        let mut changes = Vec::with_capacity(writes.len());
        for (write, before) in writes.into_iter().zip(before) {
            changes.push(self.shared.work_out(write, before)?);
        }
        self.version = group.state.highest + 1;
        group.state.highest = self.version;
        self.shared.describe_indexes(group);
        for change in changes {
            self.put(change, group);
        }
        Ok(())
    }

    fn done(&mut self, outcome: Result<(), StoreError>) {
        let versions = outcome.map(|()| vec![Version(self.version); self.changes.len()]);
        if versions.is_ok() {
            self.shared.counters.commits.fetch_add(1, Ordering::Relaxed);
            self.shared.described.store(true, Ordering::Release);
        } else {
            self.changes.clear();
        }
        if let Some(answer) = self.answer.take() {
            drop(answer.send(versions)); // who asked may have gone
        }
    }

    fn told(self: Box<Self>) {
        self.shared.registry.changed(&self.changes);
    }
}

/// Refuses a write whose precondition doesn't hold; answers what is there.
fn check(write: &Prepared, group: &Group<'_>) -> Result<Option<Slice>, StoreError> {
    let there = group.get(&write.key)?;
    let holds = match write.precondition {
        Precondition::None => true,
        Precondition::Absent => there.is_none(),
        Precondition::Present => there.is_some(),
        Precondition::At(Version(version)) => {
            there.as_ref().is_some_and(|there| key::version(there) == version)
        }
    };
    if holds { Ok(there) } else { Err(StoreError::Conflict { path: Path::new(&*write.path) }) }
}

/// What a write comes to.
struct Worked {
    path: Arc<str>,
    key: Slice,
    /// Bytes of the document that was there.
    before: Option<u64>,
    stale: Entries,
    after: Option<(Bytes, Entries)>,
}

impl Shared {
    fn work_out(&self, write: Prepared, before: Option<Slice>) -> Result<Worked, StoreError> {
        let old = before.as_ref().map(|value| key::body(&write.key, value)).transpose()?;
        let stale = old.map_or(Ok(vec![]), |old| self.catalog.entries(&write.path, old))?;
        let after = match write.change {
            Prepare::Delete => None,
            Prepare::Put(body, entries) => Some((body, entries)),
            Prepare::Patch { set, increment } => {
                let body = Bytes::from(patch::apply(old, &set, &increment)?);
                let entries = self.catalog.entries(&write.path, &body)?;
                Some((body, entries))
            }
        };
        let before = old.map(|old| (write.path.len() + old.len()) as u64);
        Ok(Worked { path: write.path, key: write.key, before, stale, after })
    }
}

impl Commit {
    fn put(&mut self, change: Worked, group: &mut Group<'_>) {
        let Worked { path, key, before, stale, after } = change;
        if let Some(bytes) = before {
            group.state.documents -= 1;
            group.state.bytes -= bytes;
        }
        let entries = after.as_ref().map_or(&[][..], |(_, entries)| entries);
        for (entry, _) in &stale {
            if !entries.iter().any(|(kept, _)| kept == entry) {
                group.remove(entry.clone());
            }
        }
        for (entry, value) in entries {
            if !stale.iter().any(|(known, _)| known == entry) {
                group.put(entry.clone(), value.clone());
            }
        }
        let Some((body, _)) = after else {
            if before.is_some() {
                group.remove(key);
            }
            self.changes.push((path, None));
            return;
        };
        group.state.documents += 1;
        group.state.bytes += (path.len() + body.len()) as u64;
        group.put(key.clone(), key::value(&key, self.version, &body));
        let record = Record { path: Arc::clone(&path), version: self.version, body };
        self.changes.push((path, Some(Arc::new(record))));
    }
}
