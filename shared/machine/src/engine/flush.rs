//! The threads that write full tables to disk, and merge them, while commits go on.
//!
//! Invariant: a file of the journal is removed only once every table that was filled from it is durable. What fails
//! (a full disk) is tried again; meanwhile the journal keeps it.

use super::Core;
use super::recover::name;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// With no table written for so long it is calm.
const CALM: Duration = Duration::from_secs(1);
/// Tables that may lie unmerged when it is calm.
const FEW: u8 = 4;
/// While tables are being written.
const MANY: u8 = 12;
/// However much is written.
const TOO_MANY: usize = 32;

/// How much is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Busy,
    Calm,
}

/// Work for the thread.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Files of the journal whose tables are full, oldest first.
    pub sealed: Vec<u64>,
    /// Why the last try failed.
    pub failed: Option<String>,
    /// A table was written since merging looked.
    pub fresh: bool,
    /// More tables than a few may lie unmerged.
    pub untidy: bool,
    pub closing: bool,
}

impl Core {
    /// Runs until the store is closed. What wasn't written then is in the journal.
    pub(super) fn keep_tables(self: &Arc<Self>) {
        loop {
            {
                let mut work = self.work.lock();
                while !work.closing && work.sealed.is_empty() {
                    self.work_bell.wait(&mut work);
                }
                if work.closing {
                    return;
                }
            }
            if let Err(why) = self.write_tables() {
                tracing::warn!(error = why, "a full table can't be written to disk; it is tried again");
                let mut work = self.work.lock();
                work.failed = Some(why);
                self.work_bell.wait_for(&mut work, AGAIN);
            }
        }
    }

    fn write_tables(&self) -> Result<(), String> {
        self.wait_for_merges();
        // Before the flush: whatever is listed now is sealed, and so is written by it.
        let sealed = self.work.lock().sealed.clone();
        self.table.flush()?;
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        {
            let mut work = self.work.lock();
            work.failed = None;
            work.fresh = true;
            work.sealed.retain(|file| !sealed.contains(file));
        }
        self.merge_bell.notify_one();
        for file in sealed {
            if let Err(e) = self.disk.remove(&name(file)) {
                tracing::warn!(error = %e, file, "a file of the journal that isn't needed any more can't be removed");
            }
        }
        Ok(())
    }

    /// No more tables lie unmerged than can be read at once; commits wait behind this once memory is full.
    fn wait_for_merges(&self) {
        let mut work = self.work.lock();
        while self.table.unmerged() >= TOO_MANY && !work.closing {
            self.work_bell.wait_for(&mut work, AGAIN);
        }
    }

    /// Runs until the store is closed. Under load tables are merged many at a time, since each merge writes most of
    /// what is stored again; once it is calm they are merged until few are left, since each is looked into by reads.
    pub(super) fn merge_tables(self: &Arc<Self>) {
        while let Some(load) = self.wait_for_tables() {
            let from = if load == Load::Calm { FEW } else { MANY };
            if let Err(why) = self.merge(from) {
                tracing::warn!(error = why, "tables can't be merged; it is tried again");
                let mut work = self.work.lock();
                work.untidy = true;
            }
            self.work_bell.notify_all();
        }
    }

    fn merge(&self, from: u8) -> Result<(), String> {
        while !self.work.lock().closing && self.table.compact(from)? {}
        Ok(())
    }

    /// Waits for tables to merge; none once closing.
    fn wait_for_tables(&self) -> Option<Load> {
        let mut work = self.work.lock();
        while !work.closing {
            if std::mem::take(&mut work.fresh) {
                work.untidy = true;
                return Some(Load::Busy);
            }
            if !work.untidy {
                self.merge_bell.wait(&mut work);
            } else if self.merge_bell.wait_for(&mut work, CALM).timed_out() && !work.fresh {
                work.untidy = false;
                return Some(Load::Calm);
            }
        }
        None
    }
}
