//! The thread that writes full tables to disk and merges them, while commits go on.
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

/// Work for the thread.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Files of the journal whose tables are full, oldest first.
    pub sealed: Vec<u64>,
    /// Why the last try failed.
    pub failed: Option<String>,
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
        // Before the flush: whatever is listed now is sealed, and so is written by it.
        let sealed = self.work.lock().sealed.clone();
        self.table.flush()?;
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        {
            let mut work = self.work.lock();
            work.failed = None;
            work.sealed.retain(|file| !sealed.contains(file));
        }
        for file in sealed {
            if let Err(e) = self.disk.remove(&name(file)) {
                tracing::warn!(error = %e, file, "a file of the journal that isn't needed any more can't be removed");
            }
        }
        while !self.work.lock().closing && self.table.compact()? {}
        Ok(())
    }
}
