//! The engine under store and broker: sorted tables on disk (fjall's `lsm-tree`), and one journal for both.
//!
//! Invariant: what was answered is durable; readers see only what is durable, and whole groups of it; damaged or
//! shortened files are refused, never written over; one process owns the folder; memory is bounded, whatever is stored.
//!
//! The tables are a library's, the journal is ours: fjall's own cuts off what it can't read, refuses what an interrupted
//! write leaves, and takes nothing more after a full disk until it is opened again.
//!
//! | module | does |
//! |---|---|
//! | `writer`, `group` | group commit: one thread, one frame, one sync for all that wait |
//! | `journal`, `recover`, `checkpoint` | the journal, reading it back, telling when something is missing |
//! | `table`, `flush` | the tables, and the thread that writes and merges them |
//! | [`disk`] | the folder of the journal, as a seam for tests |

mod checkpoint;
pub mod disk;
mod flush;
mod group;
pub(crate) mod journal;
mod lock;
mod recover;
mod table;
mod writer;

pub use lock::Lock;

use disk::{Disk, Folder};
pub(crate) use group::{Group, Transaction};
use journal::State;
use lsm_tree::Slice;
use model::port::store::StoreError;
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread::JoinHandle;
pub(crate) use table::Snapshot;
use table::Table;
use tokio::sync::oneshot;

/// How the engine is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A table in memory is written to disk at this size, in bytes.
    pub table_bytes: u64,
    /// Bytes of tables that are kept in memory after they were read.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { table_bytes: 16 << 20, cache_bytes: 16 << 20 }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub syncs: AtomicU64,
    pub flushes: AtomicU64,
}

/// What writer, readers and the keeper of tables share.
pub(crate) struct Core {
    table: Arc<Table>,
    queue: writer::Queue,
    disk: Box<dyn Disk>,
    options: Options,
    pub(crate) counters: Counters,
    state: Mutex<State>,
    work: Mutex<flush::Work>,
    work_bell: Condvar,
    merge_bell: Condvar,
    /// Why the last write failed; `None` while all is well.
    failing: Mutex<Option<String>>,
    /// Called when no more is taken.
    ended: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Core {
    /// Queues a transaction.
    pub fn push(&self, transaction: Box<dyn Transaction>) -> Result<(), StoreError> {
        self.queue.push(transaction)
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.table.snapshot()
    }

    /// What is known of everything together.
    pub fn state(&self) -> State {
        *self.state.lock()
    }

    /// Calls back once no more is taken.
    pub fn when_ended(&self, call: impl FnOnce() + Send + 'static) {
        self.ended.lock().push(Box::new(call));
    }

    /// Puts keys of our own beside documents and queue; durable on return.
    pub async fn put_all(&self, entries: Vec<(Vec<u8>, [u8; 8])>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.push(Box::new(Puts { entries, answer: Some(answer) }))?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed".into())))
    }

    /// Whether commits can be made. After a failure one is tried, so that it shows when all is well again.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if self.failing.lock().is_none() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.push(Box::new(Probe(Some(answer))))?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed".into())))
    }
}

/// Changes nothing.
struct Probe(Option<oneshot::Sender<Result<(), StoreError>>>);

impl Transaction for Probe {
    fn apply(&mut self, _: &mut Group<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn done(&mut self, outcome: Result<(), StoreError>) {
        if let Some(answer) = self.0.take() {
            drop(answer.send(outcome)); // who asked may have gone
        }
    }
}

struct Puts {
    entries: Vec<(Vec<u8>, [u8; 8])>,
    answer: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Transaction for Puts {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        for (key, value) in self.entries.drain(..) {
            group.put(key.into(), value.into());
        }
        Ok(())
    }

    fn done(&mut self, outcome: Result<(), StoreError>) {
        if let Some(answer) = self.answer.take() {
            drop(answer.send(outcome)); // who asked may have gone
        }
    }
}

/// Sets what is known of everything together, where all was written anew.
pub(crate) struct Totals {
    state: State,
    answer: mpsc::Sender<Result<(), StoreError>>,
}

impl Totals {
    /// Blocks until it is durable.
    pub fn set(core: &Core, state: State) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::channel();
        core.push(Box::new(Self { state, answer }))?;
        answered.recv().unwrap_or_else(|_| Err(StoreError::Unavailable("the store was closed".into())))
    }
}

impl Transaction for Totals {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        group.state = self.state;
        // A group without a key isn't written.
        group.put(Slice::from(b"m\0totals"), Slice::from(b"1"));
        Ok(())
    }

    fn done(&mut self, outcome: Result<(), StoreError>) {
        drop(self.answer.send(outcome)); // who asked may have gone
    }
}

/// The engine of a folder. Dropping it finishes the transactions that wait, then releases the folder.
pub struct Engine {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: Option<Lock>,
}

impl Engine {
    /// Whether a folder holds what an engine, or an older store, wrote.
    pub fn is_in(folder: &Path) -> bool {
        let names = Folder::new(folder).names().unwrap_or_default();
        crate::migrate::is_old(folder)
            || names
                .iter()
                .any(|name| name == "checkpoint" || name == "tables" || name.starts_with("journal-"))
    }

    /// Opens the engine of a folder, which is created if need be.
    pub fn open(folder: &Path, options: Options) -> Result<Self, StoreError> {
        let lock = Lock::take(folder)?;
        if crate::migrate::is_old(folder) {
            return Err(StoreError::Unavailable(format!(
                "the store in `{}` was written by an older version. Start `sextant up` once, which takes it over",
                folder.display()
            )));
        }
        Self::start(Box::new(Folder::new(folder)), &folder.join("tables"), options, Some(lock))
    }

    /// Opens it beside files of the older format, which is being taken over.
    pub(crate) fn beside_old(folder: &Path, options: Options) -> Result<Self, StoreError> {
        let lock = Lock::take(folder)?;
        Self::start(Box::new(Folder::new(folder)), &folder.join("tables"), options, Some(lock))
    }

    /// Opens it with its journal on any disk, and its tables in a folder; whoever gives them sees to it that no one
    /// else has them.
    pub fn on(disk: Box<dyn Disk>, tables: &Path, options: Options) -> Result<Self, StoreError> {
        Self::start(disk, tables, options, None)
    }

    fn start(
        disk: Box<dyn Disk>,
        tables: &Path,
        options: Options,
        lock: Option<Lock>,
    ) -> Result<Self, StoreError> {
        recover::check_tables(&*disk, tables)?;
        let table = Arc::new(Table::open(tables, options.cache_bytes)?);
        let recovered = recover::recover(&*disk, &table)?;
        // What was left unmerged is merged once it is calm; where nothing was, nobody is woken for it.
        let untidy = table.unmerged() >= usize::from(flush::FEW);
        let work = flush::Work { untidy, ..flush::Work::default() };
        let core = Arc::new(Core {
            table,
            queue: writer::Queue::default(),
            disk,
            options,
            counters: Counters::default(),
            state: Mutex::new(recovered.state),
            work: Mutex::new(work),
            work_bell: Condvar::new(),
            merge_bell: Condvar::new(),
            failing: Mutex::default(),
            ended: Mutex::default(),
        });
        let writer = writer::Writer::new(Arc::clone(&core), recovered);
        let (keeper, merger) = (Arc::clone(&core), Arc::clone(&core));
        let failed = |e| StoreError::Unavailable(format!("the store's threads can't start: {e}"));
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let tables = named("store-tables").spawn(move || keeper.keep_tables()).map_err(failed)?;
        let merges = named("store-merges").spawn(move || merger.merge_tables()).map_err(failed)?;
        let writer = named("store-writer").spawn(move || writer.run()).map_err(failed)?;
        Ok(Self { core, threads: Mutex::new(vec![writer, tables, merges]), _lock: lock })
    }

    /// What readers share.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Engine {
    /// Finishes the transactions that wait, names the last one in the checkpoint, and takes no more. Blocks.
    pub fn close(&self) {
        self.core.queue.close();
        let mut threads = std::mem::take(&mut *self.threads.lock()).into_iter();
        // The writer first: it may wait for a table to be written.
        if let Some(writer) = threads.next() {
            drop(writer.join());
        }
        self.core.work.lock().closing = true;
        self.core.work_bell.notify_all();
        self.core.merge_bell.notify_all();
        for thread in threads {
            drop(thread.join());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
