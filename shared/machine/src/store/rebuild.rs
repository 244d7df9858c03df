//! Index entries made anew, where this program declares other indexes than the one that wrote them.
//!
//! Invariant: which indexes there are is stored only once all entries are; an interruption begins again.

use super::index::ENTRY;
use super::key::{self, DOCUMENT};
use super::{INDEXED, Shared};
use crate::engine::{Group, Transaction};
use lsm_tree::Slice;
use model::port::store::StoreError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

/// Bytes of entries in one group.
const BATCH: usize = 1 << 20;

/// Entries that come or go.
pub(crate) struct Entries {
    entries: Vec<(Slice, Option<Slice>)>,
    answer: mpsc::Sender<Result<(), StoreError>>,
}

impl Transaction for Entries {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        for (key, value) in self.entries.drain(..) {
            match value {
                Some(value) => group.put(key, value),
                None => group.remove(key),
            }
        }
        Ok(())
    }

    fn done(&mut self, outcome: Result<(), StoreError>) {
        drop(self.answer.send(outcome)); // who asked may have gone
    }
}

/// Collects entries and commits them in batches.
pub(crate) struct Batches<'a> {
    core: &'a crate::engine::Core,
    entries: Vec<(Slice, Option<Slice>)>,
    bytes: usize,
}

impl<'a> Batches<'a> {
    pub fn new(core: &'a crate::engine::Core) -> Self {
        Self { core, entries: vec![], bytes: 0 }
    }

    /// Puts or removes a key, sometime before [`Self::commit`] returns.
    pub fn add(&mut self, key: Slice, value: Option<Slice>) -> Result<(), StoreError> {
        self.bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
        self.entries.push((key, value));
        if self.bytes < BATCH { Ok(()) } else { self.commit() }
    }

    /// Durable on return.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::channel();
        self.bytes = 0;
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return Ok(());
        }
        self.core.push(Box::new(Entries { entries, answer }))?;
        answered.recv().unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed".into())))
    }
}

/// Before anybody has the store.
pub(super) fn if_declared_otherwise(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let snapshot = shared.core.snapshot();
    let known = snapshot.get(INDEXED)?;
    let description = shared.catalog.description();
    if known.as_deref() == Some(&description[..]) {
        shared.described.store(true, Ordering::Release);
        return Ok(());
    }
    if known.is_none() && shared.core.state().documents == 0 {
        return Ok(()); // the first commit will say
    }
    tracing::info!("this version keeps other indexes; they are being built");
    let mut batches = Batches::new(&shared.core);
    for entry in snapshot.range(&[ENTRY], Some(&[ENTRY + 1])) {
        batches.add(entry?.0, None)?;
    }
    batches.commit()?;
    for entry in snapshot.range(&[DOCUMENT], Some(&[DOCUMENT + 1])) {
        let (key, value) = entry?;
        let path = key::path(&key).unwrap_or_default();
        for (entry, value) in shared.catalog.entries(&path, key::body(&key, &value)?)? {
            batches.add(entry, Some(value))?;
        }
    }
    batches.commit()?;
    batches.add(INDEXED.into(), Some(description.into()))?;
    batches.commit()?;
    shared.described.store(true, Ordering::Release);
    Ok(())
}
