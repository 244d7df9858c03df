//! A store in memory: what a commit promises, and nothing that costs time. Every change is kept in a journal, so that a
//! test sees each state that was ever committed.
//!
//! It passes the parts of the store's suite that are about commits. Queries and watches are not part of it.

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::port::{
    Store,
    store::{
        Body, Change, Changed, Document, Page, Path, Precondition, Query, StoreError, Version, Watch, Write,
    },
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// One document's change in a commit.
#[derive(Clone, Debug)]
pub struct Changing {
    /// Which document.
    pub path: Path,
    /// What it was.
    pub before: Option<Body>,
    /// What it is since.
    pub after: Option<Body>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<Path, Document>,
    last: i64,
    journal: Vec<Vec<Changing>>,
}

/// The store.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

impl MemoryStore {
    /// Commits since this was last asked, oldest first.
    pub fn take_journal(&self) -> Vec<Vec<Changing>> {
        std::mem::take(&mut self.state().journal)
    }

    /// One document as it is now.
    pub fn now(&self, path: &Path) -> Option<Document> {
        self.state().documents.get(path).cloned()
    }

    /// Every document of a collection as it is now, by path.
    pub fn all(&self, collection: &str) -> Vec<Document> {
        let state = self.state();
        state
            .documents
            .values()
            .filter(|document| document.path.collection() == collection)
            .cloned()
            .collect()
    }

    /// All writes or none.
    pub fn write(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        let mut state = self.state();
        for (n, write) in writes.iter().enumerate() {
            if writes[..n].iter().any(|other| other.path == write.path) {
                return Err(StoreError::Invalid(format!("`{}` is written twice in a commit", write.path)));
            }
            let found = state.documents.get(&write.path).map(|document| document.version);
            let holds = match write.precondition {
                Precondition::None => true,
                Precondition::Absent => found.is_none(),
                Precondition::Present => found.is_some(),
                Precondition::At(version) => found == Some(version),
            };
            if !holds {
                return Err(StoreError::Conflict { path: write.path.clone() });
            }
        }
        let mut changes = vec![];
        for write in writes {
            let before = state.documents.get(&write.path).map(|document| document.body.clone());
            let after = changed(before.as_ref(), write.change)?;
            changes.push(Changing { path: write.path, before, after });
        }
        Ok(state.apply(changes))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn apply(&mut self, changes: Vec<Changing>) -> Vec<Version> {
        self.last += 1;
        let version = Version(self.last);
        for change in &changes {
            let path = change.path.clone();
            match change.after.clone() {
                Some(body) => self.documents.insert(path.clone(), Document { path, version, body }),
                None => self.documents.remove(&path),
            };
        }
        let versions = vec![version; changes.len()];
        self.journal.push(changes);
        versions
    }
}

/// The document after the change.
fn changed(before: Option<&Body>, change: Change) -> Result<Option<Body>, StoreError> {
    match change {
        Change::Put(body) => Ok(Some(body)),
        Change::Delete => Ok(None),
        Change::Patch { set, increment } => {
            let mut document: Value = before.map_or(Ok(Value::Object(Map::new())), Body::parse)?;
            for (field, value) in set {
                match value {
                    Some(value) => *place(&mut document, &field) = value,
                    None => remove(&mut document, &field),
                }
            }
            for (field, by) in increment {
                let value = place(&mut document, &field);
                let sum = match (value.as_i64(), value.as_f64()) {
                    (Some(integer), _) => integer.saturating_add(by).into(),
                    (None, Some(float)) => (float + by as f64).into(),
                    (None, None) => by.into(),
                };
                *value = sum;
            }
            Body::of(&document).map(Some)
        }
    }
}

/// The field, with whatever is missing above it.
fn place<'a>(document: &'a mut Value, field: &[String]) -> &'a mut Value {
    field.iter().fold(document, |value, segment| {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        match value {
            Value::Object(object) => object.entry(segment.clone()).or_insert(Value::Null),
            other => other,
        }
    })
}

fn remove(document: &mut Value, field: &[String]) {
    let Some((last, above)) = field.split_last() else { return };
    let parent = above.iter().try_fold(document, |value, segment| value.get_mut(segment));
    if let Some(Value::Object(object)) = parent {
        object.remove(last);
    }
}

fn not_here<T>(what: &str) -> Result<T, StoreError> {
    Err(StoreError::Invalid(format!("{what} are not part of the store in memory")))
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        Ok(self.now(path))
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        Ok(paths.iter().map(|path| self.now(path)).collect())
    }

    async fn query(&self, _: &Query) -> Result<Page, StoreError> {
        not_here("queries")
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.write(writes)
    }

    async fn watch(&self, _: Watch) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        not_here("watches")
    }
}
