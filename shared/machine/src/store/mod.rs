//! The embedded store: every document in memory, every commit in one append-only file.
//!
//! Invariant: a commit is answered only after a completed sync; readers see only what is durable; damaged files
//! are refused, never written over; one process owns the folder.
//!
//! | module | does |
//! |---|---|
//! | `writer` | group commit: one thread, one frame, one sync for all commits that wait |
//! | `log`, `recover`, `compact` | the file, reading it back, making it small again |
//! | `state`, `encode`, `query` | documents and indexes in memory, and answers from them |
//! | `check`, `body`, `patch` | what a document may be, and what a patch makes of it: as Firestore has it |
//! | `watch` | waking whoever waits for a change |
//! | [`disk`] | the folder, as a seam for tests |

mod body;
mod check;
mod compact;
pub mod disk;
mod encode;
mod lock;
mod log;
mod patch;
mod query;
mod recover;
mod state;
mod watch;
mod writer;

use async_trait::async_trait;
use bytes::Bytes;
use disk::{Disk, Folder};
use futures::stream::BoxStream;
use model::index::{INDEXES, Index};
use model::port::store::{Change, Changed, Document, Page, Path, Query, StoreError, Version, Watch, Write};
use parking_lot::{Mutex, RwLock};
use state::{Catalog, State};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use writer::{Prepare, Prepared, Queue};

/// Writes in one commit, as Firestore has it.
const WRITES: usize = 500;
/// Bytes in one commit, as Firestore has it.
const COMMIT_BYTES: usize = 10 << 20;

/// How the store is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The indexes it keeps.
    pub indexes: &'static [Index],
    /// No compaction while the file is smaller than this, in bytes.
    pub compact_from: u64,
    /// How many times larger than what lives in it the file grows before it is compacted; at least 2.
    pub compact_ratio: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { indexes: INDEXES, compact_from: 32 << 20, compact_ratio: 4 }
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
    /// Syncs that made them durable; several commits share one.
    pub syncs: u64,
    /// Queries that no index answered, so that every document of their scope was looked at.
    pub scans: u64,
    /// Compactions completed.
    pub compactions: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    syncs: AtomicU64,
    scans: AtomicU64,
    compactions: AtomicU64,
}

/// What handle, writer and watchers share.
pub(crate) struct Shared {
    state: RwLock<State>,
    catalog: Arc<Catalog>,
    queue: Queue,
    registry: watch::Registry,
    disk: Box<dyn Disk>,
    options: Options,
    counters: Counters,
    stop: AtomicBool,
}

impl Shared {
    fn count_scan(&self, scanned: bool) {
        self.counters.scans.fetch_add(u64::from(scanned), Ordering::Relaxed);
    }
}

/// The embedded store. Dropping it finishes the commits that wait, then releases the folder.
pub struct Store {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: Option<lock::Lock>,
}

impl Store {
    /// Opens the store in a folder, which is created if need be.
    pub fn open(folder: &std::path::Path, options: Options) -> Result<Self, StoreError> {
        let lock = lock::Lock::take(folder)?;
        Self::start(Box::new(Folder::new(folder)), options, Some(lock))
    }

    /// Opens the store on any disk; whoever gives it sees to it that no one else has it.
    pub fn on(disk: Box<dyn Disk>, options: Options) -> Result<Self, StoreError> {
        Self::start(disk, options, None)
    }

    fn start(disk: Box<dyn Disk>, options: Options, lock: Option<lock::Lock>) -> Result<Self, StoreError> {
        let catalog = Arc::new(Catalog::new(options.indexes));
        let (state, start) = recover::recover(&*disk, Arc::clone(&catalog))?.split();
        let shared = Arc::new(Shared {
            state: RwLock::new(state),
            catalog,
            queue: Queue::default(),
            registry: watch::Registry::default(),
            disk,
            options,
            counters: Counters::default(),
            stop: AtomicBool::new(false),
        });
        let thread = writer::start(&shared, start);
        let thread =
            thread.map_err(|e| StoreError::Unavailable(format!("the store's thread can't start: {e}")))?;
        Ok(Self { shared, writer: Mutex::new(Some(thread)), _lock: lock })
    }

    /// What it holds and did.
    pub fn stats(&self) -> Stats {
        let (documents, bytes) = {
            let state = self.shared.state.read();
            (state.documents, state.bytes)
        };
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            documents,
            bytes,
            commits: read(&counters.commits),
            syncs: read(&counters.syncs),
            scans: read(&counters.scans),
            compactions: read(&counters.compactions),
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
                let keys = self.shared.catalog.keys(write.path.as_str(), &body.0)?;
                // A copy of its own size: the one that was handed in may hold on to more.
                Prepare::Put(Bytes::copy_from_slice(&body.0), keys)
            }
            Change::Patch { set, increment } => {
                patch::check(&set, &increment)?;
                Prepare::Patch { set, increment }
            }
            Change::Delete => Prepare::Delete,
        };
        Ok(Prepared { path: write.path.as_str().into(), precondition: write.precondition, change })
    }

    fn read(&self, path: &Path) -> Option<Document> {
        let record = self.shared.state.read().get(path.as_str()).cloned();
        record.map(|record| record.document())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.writer.lock().take() {
            drop(thread.join());
        }
    }
}

#[async_trait]
impl model::port::Store for Store {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        Ok(self.read(path))
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        Ok(paths.iter().map(|path| self.read(path)).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        query::check(query)?;
        let found = query::run(query, &self.shared.state);
        self.shared.count_scan(found.scanned);
        query::page(query, &found.records)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        let prepared = self.prepare(writes)?;
        if prepared.is_empty() {
            return Ok(vec![]);
        }
        let answer = self.shared.queue.push(prepared)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed meanwhile".into())))
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
}
