//! Writes what lives into a new file while commits go on in the old one.
//!
//! Invariant: until the new file is complete and renamed, the old one alone counts; then the old one stays as the
//! backup. The snapshot need not be of one moment: every frame since it began is copied behind it, and frames
//! carry whole documents, so the end state is the same.

use super::Shared;
use super::disk::DiskFile;
use super::log::{Frame, Frames, Log, Next};
use super::recover::draft;
use super::state::Record;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Documents read under one lock.
const BATCH: usize = 256;
/// Bytes of a snapshot's frame.
const FRAME_BYTES: usize = 1 << 20;
/// The writer itself copies no more than about this.
const REST: u64 = 256 * 1024;

/// One compaction.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) from: Arc<dyn DiskFile>,
    pub(super) generation: u64,
    /// Offset and number of the first frame that the snapshot may lack.
    pub(super) start: (u64, u64),
    pub(super) highest: i64,
    pub(super) durable: Arc<AtomicU64>,
}

/// A new file that holds the old one up to an offset.
pub(super) struct Compacted {
    log: Log,
    from: Arc<dyn DiskFile>,
    copied: (u64, u64),
}

impl Job {
    /// Compacts and tells the writer.
    pub(super) fn run(self) {
        let result = self.compact();
        self.shared.queue.compacted(result);
    }

    fn compact(&self) -> io::Result<Compacted> {
        let file = self.shared.disk.open(&draft(self.generation), true)?;
        let mut log = Log::create(file)?;
        self.snapshot(&mut log)?;
        let mut compacted = Compacted { log, from: Arc::clone(&self.from), copied: self.start };
        loop {
            let durable = self.durable.load(Ordering::Acquire);
            compacted.copy(durable)?;
            compacted.log.file.sync()?;
            if self.durable.load(Ordering::Acquire) - compacted.copied.0 < REST {
                return Ok(compacted);
            }
            self.stopped()?;
        }
    }

    fn stopped(&self) -> io::Result<()> {
        if self.shared.stop.load(Ordering::Acquire) {
            Err(io::Error::other("the store is being closed"))
        } else {
            Ok(())
        }
    }

    fn snapshot(&self, log: &mut Log) -> io::Result<()> {
        let mut frame = Frame::new();
        let collections: Vec<Box<str>> = self.shared.state.read().collections.keys().cloned().collect();
        for collection in collections {
            let mut last = None;
            while let Some(batch) = self.batch(&collection, last.as_deref()) {
                for record in &batch {
                    frame.put(record);
                }
                last = batch.last().map(|record| Box::from(super::state::split(&record.path).1));
                if frame.len() >= FRAME_BYTES {
                    self.flush(log, &mut frame)?;
                }
            }
        }
        self.flush(log, &mut frame)
    }

    /// The next documents of a collection, `None` behind the last one.
    fn batch(&self, collection: &str, last: Option<&str>) -> Option<Vec<Arc<Record>>> {
        let state = self.shared.state.read();
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let documents = &state.collections.get(collection)?.documents;
        let batch: Vec<_> = documents
            .range::<str, _>((from, Bound::Unbounded))
            .take(BATCH)
            .map(|(_, r)| Arc::clone(r))
            .collect();
        (!batch.is_empty()).then_some(batch)
    }

    fn flush(&self, log: &mut Log, frame: &mut Frame) -> io::Result<()> {
        self.stopped()?;
        frame.highest(self.highest);
        log.append(frame)?;
        frame.clear();
        Ok(())
    }
}

impl Compacted {
    /// Copies what was committed meanwhile and makes it all durable.
    pub(super) fn catch_up(mut self, end: u64) -> io::Result<Log> {
        self.copy(end)?;
        self.log.file.sync()?;
        Ok(self.log)
    }

    fn copy(&mut self, end: u64) -> io::Result<()> {
        let mut frames = Frames::new(&*self.from, self.copied.0, self.copied.1);
        while frames.offset < end {
            match frames.next()? {
                Next::Payload(payload) => self.log.append(&mut Frame::of(&payload))?,
                Next::End => return Err(io::Error::other("the old file ends early")),
                Next::Damaged(why) => return Err(io::Error::other(why)),
            }
        }
        self.copied = (frames.offset, frames.number);
        Ok(())
    }
}
