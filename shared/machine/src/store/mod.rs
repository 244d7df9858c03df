//! The embedded store: documents and their indexes as keys of the [`engine`](crate::engine).
//!
//! Invariant: a commit is answered only after a completed sync; readers see only what is durable; damage is refused,
//! never written over. What is here is what engines lack and Firestore has: preconditions, queries, watches.
//!
//! | module | does |
//! |---|---|
//! | `key`, `index`, `encode` | where documents and index entries lie, and in which order |
//! | `commit` | a commit as the engine's thread sees it through |
//! | `query` | answers: from an index where one fits |
//! | `check`, `body`, `patch` | what a document may be, and what a patch makes of it: as Firestore has it |
//! | `watch` | waking whoever waits for a change |

mod body;
mod check;
mod commit;
mod encode;
mod index;
mod key;
mod patch;
mod query;
mod rebuild;
mod watch;

pub use crate::engine::disk;
pub(crate) use rebuild::Batches;

use crate::engine::{self, Core, Engine, Group};
use async_trait::async_trait;
use bytes::Bytes;
use commit::{Commit, Prepare, Prepared};
use futures::stream::BoxStream;
use index::Catalog;
use model::index::{INDEXES, Index};
use model::port::store::{Change, Changed, Document, Page, Path, Query, StoreError, Version, Watch, Write};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::oneshot;

/// Writes in one commit, as Firestore has it.
const WRITES: usize = 500;
/// Bytes in one commit, as Firestore has it.
const COMMIT_BYTES: usize = 10 << 20;
/// Where it is stored which indexes there are.
const INDEXED: &[u8] = b"m\0indexes";

/// A document as the engine holds it, its index entries apart.
pub(crate) fn document_entry(path: &str, version: i64, body: &[u8]) -> (lsm_tree::Slice, lsm_tree::Slice) {
    let key = key::document(path);
    let value = key::value(&key, version, body);
    (key, value)
}

/// Whether a key of the engine is a document's.
pub(crate) fn is_document(key: &[u8]) -> bool {
    key.first() == Some(&key::DOCUMENT)
}

/// Refuses a document that isn't what was written; other keys pass.
pub(crate) fn checked_document(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    if is_document(key) { key::body(key, value).map(drop) } else { Ok(()) }
}

/// Bytes of a document's path and body; `None` for other keys.
pub(crate) fn document_size(key: &[u8], value: &[u8]) -> Option<u64> {
    let body = is_document(key).then(|| key::body(key, value).ok())??;
    Some((key::path(key)?.len() + body.len()) as u64)
}

/// How the store is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The indexes it keeps.
    pub indexes: &'static [Index],
    /// The engine below it.
    pub engine: engine::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self { indexes: INDEXES, engine: engine::Options::default() }
    }
}

/// What the store did since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents there are.
    pub documents: u64,
    /// Bytes of their paths and bodies.
    pub bytes: u64,
    /// Commits acknowledged.
    pub commits: u64,
    /// Syncs of the engine; several commits share one.
    pub syncs: u64,
    /// Queries that no index answered, so that every document of their scope was looked at.
    pub scans: u64,
    /// Full tables of the engine that were written to disk.
    pub flushes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    scans: AtomicU64,
}

/// What handle, commits and watchers share.
pub(crate) struct Shared {
    core: Arc<Core>,
    catalog: Catalog,
    registry: watch::Registry,
    counters: Counters,
    /// Whether it is stored which indexes there are.
    described: AtomicBool,
}

impl Shared {
    fn count_scan(&self, scanned: bool) {
        self.counters.scans.fetch_add(u64::from(scanned), Ordering::Relaxed);
    }

    /// The first commit says which indexes there are.
    fn describe_indexes(&self, group: &mut Group<'_>) {
        if !self.described.load(Ordering::Acquire) {
            group.put(INDEXED.into(), self.catalog.description().into());
        }
    }
}

/// A document as one moment has it.
fn read(path: &Path, snapshot: &engine::Snapshot) -> Result<Option<key::Record>, StoreError> {
    let key = key::document(path.as_str());
    snapshot.get(&key)?.map(|value| key::record(path.as_str(), &key, &value)).transpose()
}

/// The embedded store. Dropping it ends its watches; with it goes the engine, if nobody else has that.
pub struct Store {
    shared: Arc<Shared>,
    engine: Arc<Engine>,
}

impl Store {
    /// Opens the store in a folder of its own, which is created if need be.
    pub fn open(folder: &std::path::Path, options: Options) -> Result<Self, StoreError> {
        Self::with(Arc::new(Engine::open(folder, options.engine)?), options.indexes)
    }

    /// The store on an engine that others may use too.
    pub fn with(engine: Arc<Engine>, indexes: &'static [Index]) -> Result<Self, StoreError> {
        let core = Arc::clone(engine.core());
        let shared = Arc::new(Shared {
            core,
            catalog: Catalog::new(indexes),
            registry: watch::Registry::default(),
            counters: Counters::default(),
            described: AtomicBool::new(false),
        });
        rebuild::if_declared_otherwise(&shared)?;
        let watched = Arc::downgrade(&shared);
        shared.core.when_ended(move || {
            if let Some(shared) = watched.upgrade() {
                shared.registry.close();
            }
        });
        Ok(Self { shared, engine })
    }

    /// The engine below.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What it holds and did.
    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let state = self.shared.core.state();
        Stats {
            documents: state.documents,
            bytes: state.bytes,
            commits: read(&self.shared.counters.commits),
            syncs: read(&self.shared.core.counters.syncs),
            scans: read(&self.shared.counters.scans),
            flushes: read(&self.shared.core.counters.flushes),
        }
    }

    /// Checks what can be checked without knowing the stored documents.
    fn prepare(&self, writes: Vec<Write>) -> Result<Vec<Prepared>, StoreError> {
        if writes.len() > WRITES {
            return Err(StoreError::Invalid(format!(
                "{} writes are more than the {WRITES} of a commit",
                writes.len()
            )));
        }
        let mut paths = HashSet::new();
        let mut bytes = 0;
        for (place, write) in writes.iter().enumerate() {
            check::document_path(&write.path)?;
            // Looking through a few is quicker than hashing them.
            let again = match writes.len() {
                0..=8 => writes[..place].iter().any(|other| other.path == write.path),
                _ => !paths.insert(write.path.as_str()),
            };
            if again {
                return Err(StoreError::Invalid(format!(
                    "the commit writes `{}` twice; merge the two",
                    write.path
                )));
            }
            if let Change::Put(body) = &write.change {
                bytes += body.0.len();
            }
        }
        if bytes > COMMIT_BYTES {
            return Err(StoreError::Invalid(format!(
                "{bytes} bytes are more than the {COMMIT_BYTES} of a commit"
            )));
        }
        writes.into_iter().map(|write| self.prepare_one(write)).collect()
    }

    fn prepare_one(&self, write: Write) -> Result<Prepared, StoreError> {
        let change = match write.change {
            Change::Put(body) => {
                let entries = self.shared.catalog.entries(write.path.as_str(), &body.0)?;
                // A copy of its own size: the one that was handed in may hold on to more.
                Prepare::Put(Bytes::copy_from_slice(&body.0), entries)
            }
            Change::Patch { set, increment } => {
                patch::check(&set, &increment)?;
                Prepare::Patch { set, increment }
            }
            Change::Delete => Prepare::Delete,
        };
        let key = key::document(write.path.as_str());
        Ok(Prepared { path: write.path.as_str().into(), key, precondition: write.precondition, change })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.registry.close();
    }
}

#[async_trait]
impl model::port::Store for Store {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        let found = read(path, &self.shared.core.snapshot())?;
        Ok(found.map(|record| record.document()))
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        let snapshot = self.shared.core.snapshot();
        let read = |path| Ok(read(path, &snapshot)?.map(|record| record.document()));
        paths.iter().map(read).collect()
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        query::check(query)?;
        let found = query::run(query, &self.shared)?;
        self.shared.count_scan(found.scanned);
        query::page(query, &found.records)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        let prepared = self.prepare(writes)?;
        if prepared.is_empty() {
            return Ok(vec![]);
        }
        let (answer, answered) = oneshot::channel();
        self.shared.core.push(Box::new(Commit::new(Arc::clone(&self.shared), prepared, answer)))?;
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed meanwhile".into())))
    }

    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        match watch {
            Watch::Document(path) => {
                check::document_path(&path)?;
                watch::document(&self.shared, &path)
            }
            Watch::Query(query) => {
                if query.after.is_some() {
                    return Err(StoreError::Invalid("a watched query has no cursor".into()));
                }
                query::check(&query)?;
                watch::query(&self.shared, query)
            }
        }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.shared.core.ready().await
    }
}
