//! The threads that write full tables to disk, and merge them, while commits go on.
//!
//! Invariant: a file of the journal is removed only once every table that was filled from it is durable. What fails
//! (a full disk) is tried again; meanwhile the journal keeps it.

use super::Core;
use super::recover::name;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// How long to wait after merging failed: what a try leaves behind lies on the disk until the next start.
const UNMERGED: Duration = Duration::from_mins(1);
/// And after it failed again and again.
const UNMERGED_MOST: Duration = Duration::from_hours(1);
/// With no table written for so long it is calm.
const CALM: Duration = Duration::from_secs(1);
/// Tables that may lie unmerged when it is calm.
pub(super) const FEW: u8 = 4;
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
    /// Merging failed, or did too little: nobody waits for it, since more tables cost reads and nothing else.
    pub unmergeable: bool,
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

    /// Tables that lie unmerged slow reads down, so no more are written than merging keeps up with. Where it can't, the
    /// writing goes on: a commit must not hang on what only costs time.
    fn wait_for_merges(&self) {
        let mut work = self.work.lock();
        while self.table.unmerged() >= TOO_MANY && !work.unmergeable && !work.closing {
            self.work_bell.wait_for(&mut work, AGAIN);
        }
    }

    /// Runs until the store is closed. Under load tables are merged many at a time, since each merge writes most of
    /// what is stored again; once it is calm they are merged until few are left, since each is looked into by reads.
    pub(super) fn merge_tables(self: &Arc<Self>) {
        let mut pause = UNMERGED;
        while let Some(load) = self.wait_for_tables() {
            let from = if load == Load::Calm { FEW } else { MANY };
            let merged = self.merge(from);
            {
                let mut work = self.work.lock();
                work.unmergeable = merged.is_err() || self.table.unmerged() >= TOO_MANY;
                work.untidy |= merged.is_err();
            }
            self.work_bell.notify_all();
            match merged {
                Ok(()) => pause = UNMERGED,
                Err(why) => {
                    tracing::warn!(error = why, "tables can't be merged; it is tried again in a while");
                    self.rest(pause);
                    pause = UNMERGED_MOST.min(pause * 2);
                }
            }
        }
    }

    /// Waits, unless the store is closed meanwhile.
    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut work = self.work.lock();
        while !work.closing && !self.merge_bell.wait_until(&mut work, until).timed_out() {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Options, journal::State};

    /// Merging had not kept up when the process died: the next one writes its first table all the same.
    #[tokio::test]
    async fn many_tables_that_were_left_unmerged_hold_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), Options::default()).unwrap();
        for number in 0..=TOO_MANY as u64 {
            let entry = (format!("m\0{number}").into_bytes(), number.to_le_bytes());
            engine.core().put_all(vec![entry]).await.unwrap();
            let (_, state): (u64, State) = engine.core().table.mark().unwrap();
            engine.core().table.seal(0, &state);
            engine.core().table.flush().unwrap();
        }
        assert!(engine.core().table.unmerged() > TOO_MANY, "{}", engine.core().table.unmerged());
        drop(engine);
        // Each commit fills a table.
        let engine = Engine::open(folder.path(), Options { table_bytes: 1, ..Options::default() }).unwrap();
        for number in 0..10_u64 {
            let entry = (format!("m\0again{number}").into_bytes(), number.to_le_bytes());
            engine.core().put_all(vec![entry]).await.unwrap();
        }
        drop(engine);
        let engine = Engine::open(folder.path(), Options::default()).unwrap();
        let kept = engine.core().snapshot().get(b"m\0again9").unwrap();
        assert_eq!(kept.as_deref(), Some(&9_u64.to_le_bytes()[..]));
    }
}
