//! The tables on disk and in memory: fjall's tree of sorted tables, with what a store needs around it.
//!
//! Invariant: holds only what the journal made durable. Readers see whole groups: each reads as of
//! one number, and nothing that is still read is removed. What was damaged is refused: each block has a checksum, and the
//! list of tables, which the tree itself doesn't check, is checked here before it is opened.

use super::journal::{State, u64_at};
use hashbrown::HashMap;
use lsm_tree::{AbstractTree as _, AnyTree, Cache, Config, Guard as _, SequenceNumberCounter, Slice};
use model::port::store::StoreError;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where each table says up to which change it goes; the last thing put into it.
const MARK: &[u8] = b"m\0mark";
/// Above every change: the newest tables, and all that is in them.
const EVERYTHING: u64 = u64::MAX >> 1;

/// The tree.
pub(super) struct Table {
    tree: AnyTree,
    folder: PathBuf,
    /// The tree's own numbers, of groups and of what it does itself.
    changes: SequenceNumberCounter,
    /// Readers see what is numbered below this.
    visible: AtomicU64,
    reading: Mutex<BTreeMap<u64, usize>>,
    /// Held while a group is put in, so that nobody is shown half of it.
    applying: Mutex<()>,
}

/// What one reader sees, until dropped.
pub(crate) struct Snapshot {
    table: Arc<Table>,
    at: u64,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut reading = self.table.reading.lock();
        if let Some(readers) = reading.get_mut(&self.at) {
            *readers -= 1;
            if *readers == 0 {
                reading.remove(&self.at);
            }
        }
    }
}

impl Table {
    /// Opens or creates the tree of a folder.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        check_list(folder).map_err(|why| damaged(folder, &why))?;
        let changes = SequenceNumberCounter::default();
        let config = Config::new(folder, changes.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(cache_bytes)));
        let tree = guarded(|| config.open()).map_err(|why| damaged(folder, &why))?;
        changes.fetch_max(tree.get_highest_seqno().map_or(1, |highest| highest + 1));
        let reading = Mutex::default();
        let visible = AtomicU64::new(changes.get());
        let applying = Mutex::default();
        Ok(Self { tree, folder: folder.to_owned(), changes, visible, reading, applying })
    }

    /// Up to which change the tables on disk go, and what held then.
    pub fn mark(&self) -> Result<(u64, State), StoreError> {
        let mark = self.get_at(MARK, EVERYTHING)?;
        Ok(mark.map_or_else(Default::default, |mark| (u64_at(&mark, 0), State::decode(&mark[8..]))))
    }

    /// Whether any table is on disk.
    pub fn is_empty(&self) -> bool {
        self.tree.table_count() == 0
    }

    /// Puts a group in and shows it to readers. In order, since neighbours in the table are neighbours in memory then:
    /// at random most of the time would go to waiting for memory.
    pub fn apply(&self, group: HashMap<Slice, Option<Slice>>) {
        let mut entries: Vec<_> = group.into_iter().collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let _applying = self.applying.lock();
        // Numbered here and not when it was written: what is shown meanwhile doesn't reach into it.
        let at = self.changes.next();
        for (key, value) in entries {
            match value {
                Some(value) => self.tree.insert(key, value, at),
                None => self.tree.remove(key, at),
            };
        }
        self.visible.fetch_max(at + 1, Ordering::AcqRel);
    }

    /// Bytes of the table that is being filled.
    pub fn filled(&self) -> u64 {
        self.tree.active_memtable().size()
    }

    /// How many full tables wait to be written.
    pub fn waiting(&self) -> usize {
        self.tree.sealed_memtable_count()
    }

    /// Closes the table in memory, behind the group of a change.
    pub fn seal(&self, change: u64, state: &State) {
        let _applying = self.applying.lock();
        let mark = Slice::from([&change.to_le_bytes()[..], &state.encode()].concat());
        self.tree.insert(MARK, mark, self.changes.next());
        self.tree.rotate_memtable();
    }

    /// Writes what was sealed to disk, durably, and merges tables where there are too many.
    pub fn flush(&self) -> Result<(), String> {
        guarded(|| {
            let lock = self.tree.get_flush_lock();
            self.tree.flush(&lock, self.oldest())
        })?;
        self.catch_up();
        Ok(())
    }

    /// How many tables lie unmerged.
    pub fn unmerged(&self) -> usize {
        self.tree.l0_run_count()
    }

    /// One step of merging, from so many unmerged tables on; whether something was done.
    pub fn compact(&self, from: u8) -> Result<bool, String> {
        let before = self.tree.current_version().id();
        let leveled = lsm_tree::compaction::Leveled::default();
        let strategy = Arc::new(leveled.with_table_target_size(32 << 20).with_l0_threshold(from));
        guarded(|| self.tree.compact(strategy, self.oldest()))?;
        self.catch_up();
        Ok(self.tree.current_version().id() != before)
    }

    /// Shows readers the tables as they are now, so that older ones can go.
    fn catch_up(&self) {
        {
            let _applying = self.applying.lock();
            self.visible.fetch_max(self.changes.get(), Ordering::AcqRel);
        }
        let tidied = self.tree.get_version_history_lock().maintenance(&self.folder, self.oldest());
        if let Err(e) = tidied {
            tracing::warn!(error = %e, "an old list of tables can't be removed");
        }
    }

    /// What is older than this nobody reads.
    fn oldest(&self) -> u64 {
        let reading = self.reading.lock();
        let oldest = reading.first_key_value().map(|(at, _)| *at);
        oldest.unwrap_or_else(|| self.visible.load(Ordering::Acquire))
    }

    /// Everything as it is now.
    pub fn snapshot(self: &Arc<Self>) -> Snapshot {
        let mut reading = self.reading.lock();
        let at = self.visible.load(Ordering::Acquire);
        *reading.entry(at).or_default() += 1;
        Snapshot { table: Arc::clone(self), at }
    }

    /// A value as the writer sees it: the newest. Only for the thread that writes.
    pub fn newest(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.get_at(key, EVERYTHING)
    }

    fn get_at(&self, key: &[u8], at: u64) -> Result<Option<Slice>, StoreError> {
        guarded(|| self.tree.get(key, at)).map_err(|why| damaged(&self.folder, &why))
    }
}

impl Snapshot {
    /// A value.
    pub fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.table.get_at(key, self.at)
    }

    /// Keys from (inclusive) and below (exclusive), in order.
    pub fn range(&self, from: &[u8], below: Option<&[u8]>) -> Range<'_> {
        let bounds = (Bound::Included(from), below.map_or(Bound::Unbounded, Bound::Excluded));
        let entries: Entries = if below.is_some_and(|below| below <= from) {
            Box::new(std::iter::empty())
        } else {
            self.table.tree.range::<&[u8], _>(bounds, self.at, None)
        };
        Range { entries, snapshot: self }
    }
}

type Entries = Box<dyn DoubleEndedIterator<Item = lsm_tree::IterGuardImpl> + Send>;

/// Keys with their values, from either end.
pub(crate) struct Range<'a> {
    entries: Entries,
    snapshot: &'a Snapshot,
}

impl Range<'_> {
    fn read(
        &self,
        entry: std::thread::Result<Option<lsm_tree::IterGuardImpl>>,
    ) -> Option<Result<(Slice, Slice), StoreError>> {
        let folder = &self.snapshot.table.folder;
        match entry {
            Ok(entry) => {
                entry.map(|entry| guarded(|| entry.into_inner()).map_err(|why| damaged(folder, &why)))
            }
            Err(_) => Some(Err(damaged(folder, PANICKED))),
        }
    }
}

impl Iterator for Range<'_> {
    type Item = Result<(Slice, Slice), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = catch_unwind(AssertUnwindSafe(|| self.entries.next()));
        self.read(entry)
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = catch_unwind(AssertUnwindSafe(|| self.entries.next_back()));
        self.read(entry)
    }
}

const PANICKED: &str = "what lies there makes no sense";

/// Damaged tables make the tree fail, now and then by a panic.
fn guarded<T>(work: impl FnOnce() -> lsm_tree::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|e| e.to_string()),
        Err(_) => Err(PANICKED.to_owned()),
    }
}

/// The tree's own list of tables says its checksum in another file, which the tree doesn't look at: tables that a
/// damaged list doesn't name would be removed as left over.
fn check_list(folder: &Path) -> Result<(), String> {
    let current = folder.join("current");
    let tables = std::fs::read_dir(folder.join("tables")).map_or(0, Iterator::count);
    if tables == 0 && !current.exists() {
        return Ok(()); // new, or its creation was interrupted
    }
    let said = std::fs::read(&current).map_err(|e| format!("`current` can't be read: {e}"))?;
    if said.len() != 25 {
        return Err("`current` has the wrong length".to_owned());
    }
    let name = format!("v{}", u64_at(&said, 0));
    let list = std::fs::read(folder.join(&name)).map_err(|e| format!("`{name}` can't be read: {e}"))?;
    let sum = u128::from_le_bytes(said[8..24].try_into().map_err(|_| "`current` is too short".to_owned())?);
    if xxhash_rust::xxh3::xxh3_128(&list) == sum {
        Ok(())
    } else {
        Err(format!("the checksum of `{name}` doesn't match"))
    }
}

fn damaged(folder: &Path, why: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "The store's tables in `{}` can't be read: {why}. Nothing was changed. Restore the data folder with `sextant \
         restore` from a backup, or start with an empty store by `--fresh`.",
        folder.display()
    ))
}
