//! The one thread that commits: takes every transaction that waits, checks them against each other, writes them as one
//! frame, syncs once, shows them to readers, and answers them all.
//!
//! Invariant: a transaction is answered, and seen by anyone, only after the sync that made it durable. After a failed
//! sync nothing is known about the disk, so nothing more is written.

use super::Core;
use super::checkpoint::Checkpoint;
use super::group::{Group, Transaction};
use super::journal::{Frame, Log, State};
use super::recover::{Recovered, draft, failed, name};
use model::port::store::StoreError;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A group is closed at this many bytes.
const GROUP_BYTES: usize = 8 << 20;
/// A group of this many is a crowd: its members come back soon, so the next group is let grow for a moment. Few large
/// groups cost less than many small ones, whose syncs and wake-ups are most of their price: with 64 clients over HTTP
/// more is accepted, and each waits less.
const CROWD: usize = 4;
/// A group of this many is large enough: nobody is waited for beyond its number.
const LARGE: usize = 32;
/// How long that may take at most, for each member of the last group.
const GATHER_EACH: Duration = Duration::from_micros(50);
/// However large it was.
const GATHER: Duration = Duration::from_millis(1);
/// More waiting transactions than this are turned away.
const QUEUE: usize = 100_000;
/// How long what may wait does wait for company.
const LAZY: Duration = Duration::from_millis(20);
/// How old the checkpoint may be.
const CHECKPOINT: Duration = Duration::from_secs(1);
/// With more full tables than this in memory, commits wait until one is on disk.
const TABLES: usize = 3;

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Default)]
struct Waiting {
    transactions: VecDeque<Box<dyn Transaction>>,
    /// How many of them may wait no longer.
    urgent: usize,
    /// The writer sleeps until this many wait.
    wanted: usize,
    closing: bool,
}

impl Queue {
    /// Queues a transaction; it is handed back where none is taken.
    pub fn push(&self, transaction: Box<dyn Transaction>) -> Result<(), StoreError> {
        let mut waiting = self.waiting.lock();
        if waiting.closing {
            return Err(StoreError::Unavailable("the store is being closed".into()));
        }
        if waiting.transactions.len() >= QUEUE {
            let text = format!("{QUEUE} commits wait already; the disk can't keep up");
            return Err(StoreError::Unavailable(text));
        }
        let first = waiting.transactions.is_empty();
        let urgent = !transaction.may_wait();
        waiting.urgent += usize::from(urgent);
        waiting.transactions.push_back(transaction);
        let ring = if urgent { waiting.urgent >= waiting.wanted } else { first };
        drop(waiting);
        if ring {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Lets the writer finish what waits, then end.
    pub fn close(&self) {
        self.waiting.lock().closing = true;
        self.bell.notify_one();
    }
}

/// The writer's own state.
pub(super) struct Writer {
    core: Arc<Core>,
    log: Option<Log>,
    file: u64,
    /// Files whose frames are in the table in memory.
    open: Vec<u64>,
    number: u64,
    change: u64,
    state: State,
    frame: Frame,
    checkpoint: Checkpoint,
    checked: Instant,
    broken: Option<String>,
    /// Bytes of the largest frame that could not be written; before all is well again there must be room for it.
    refused: usize,
    /// Transactions in the last group.
    last: usize,
}

impl Writer {
    pub fn new(core: Arc<Core>, recovered: Recovered) -> Self {
        let Recovered { log, file, open, number, change, state, checkpoint } = recovered;
        let frame = Frame::new();
        let checked = Instant::now();
        Self {
            core,
            log,
            file,
            open,
            number,
            change,
            state,
            frame,
            checkpoint,
            checked,
            broken: None,
            refused: 0,
            last: 0,
        }
    }

    /// Runs until the store is closed.
    pub fn run(mut self) {
        let _last = Last(Arc::clone(&self.core));
        let mut transactions = VecDeque::new();
        while self.next(&mut transactions) {
            self.group(&mut transactions);
            // At once after the very first: from then on a folder is never taken for a new one.
            self.keep_checkpoint(if self.checkpoint.change == 0 { Duration::ZERO } else { CHECKPOINT });
            self.seal(self.core.options.table_bytes);
        }
        self.keep_checkpoint(Duration::ZERO);
    }

    /// Waits for work. False once closed and done.
    fn next(&mut self, transactions: &mut VecDeque<Box<dyn Transaction>>) -> bool {
        let core = Arc::clone(&self.core);
        loop {
            let mut waiting = core.queue.waiting.lock();
            if transactions.is_empty() {
                self.gather(&mut waiting);
                std::mem::swap(transactions, &mut waiting.transactions);
                waiting.urgent = 0;
            }
            if !transactions.is_empty() {
                return true;
            }
            if waiting.closing {
                return false;
            }
            if self.checkpoint.change == self.change || self.broken.is_some() {
                core.queue.bell.wait(&mut waiting);
            } else if core.queue.bell.wait_for(&mut waiting, CHECKPOINT).timed_out() {
                drop(waiting);
                self.keep_checkpoint(CHECKPOINT);
            }
        }
    }

    /// Where a crowd was answered, waits until as many are back and half as many more, but not for long. What may
    /// wait does so for company.
    fn gather(&self, waiting: &mut MutexGuard<'_, Waiting>) {
        let bell = &self.core.queue.bell;
        if waiting.urgent == 0 && !waiting.transactions.is_empty() && !waiting.closing {
            bell.wait_for(waiting, LAZY);
        }
        let more = if self.last < LARGE { self.last / 2 } else { 0 };
        let wanted = self.last + more;
        if self.last < CROWD || waiting.urgent == 0 || waiting.urgent >= wanted || waiting.closing {
            return;
        }
        waiting.wanted = wanted;
        bell.wait_for(waiting, GATHER.min(GATHER_EACH * self.last as u32));
        waiting.wanted = 0;
    }

    /// Takes transactions until the group is full, and sees them through.
    fn group(&mut self, transactions: &mut VecDeque<Box<dyn Transaction>>) {
        let core = Arc::clone(&self.core);
        let room = self.wait_for_room();
        if let Err(why) = &room {
            *core.failing.lock() = Some(why.clone());
        }
        let mut frame = std::mem::take(&mut self.frame);
        let mut group = Group::new(&core.table, &mut frame, self.state);
        let mut answers = Vec::with_capacity(transactions.len().min(256));
        let mut urgent = 0;
        while group.frame.len() < GROUP_BYTES
            && let Some(mut transaction) = transactions.pop_front()
        {
            urgent += usize::from(!transaction.may_wait());
            let answer = match &room {
                Ok(()) => transaction.apply(&mut group),
                Err(why) => Err(StoreError::Unavailable(why.clone())),
            };
            answers.push((transaction, answer));
        }
        self.last = urgent;
        let (newest, state) = (group.newest, group.state);
        let probed = room.is_ok() && frame.is_empty() && core.failing.lock().is_some();
        let written = if frame.is_empty() && !probed { Ok(false) } else { self.write(&mut frame, &state) };
        self.frame = frame;
        if let Ok(true) = written {
            core.table.apply(newest);
            self.state = state;
            *core.state.lock() = state;
        }
        answer(answers, written.err());
    }

    /// Full tables wait in memory to be written: not too many of them, and not for ever.
    fn wait_for_room(&self) -> Result<(), String> {
        while self.core.table.waiting() >= TABLES {
            let work = self.core.work.lock();
            if let Some(why) = &work.failed {
                return Err(format!(
                    "the store's tables can't be written: {why}. See that the disk has room"
                ));
            }
            if work.closing {
                return Err("the store is being closed".to_owned());
            }
            drop(work);
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Makes the frame durable.
    fn write(&mut self, frame: &mut Frame, state: &State) -> Result<bool, String> {
        let written = self.try_write(frame, state);
        let mut failing = self.core.failing.lock();
        match &written {
            Ok(()) => {
                self.refused = 0;
                failing.take();
            }
            Err(why) => {
                self.refused = self.refused.max(frame.len());
                *failing = Some(why.clone());
            }
        }
        written.map(|()| true)
    }

    fn try_write(&mut self, frame: &mut Frame, state: &State) -> Result<(), String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        if self.log.is_none() {
            self.create().map_err(|e| self.describe("Creating", self.file + 1, &e))?;
        }
        let change = self.change + 1;
        frame.head(change, self.change, state);
        let Some(log) = &mut self.log else { return Err("the store has no file".into()) };
        if let Err(e) = log.reserve(self.refused).and_then(|()| log.append(frame)) {
            return Err(self.describe("Writing", self.file, &e));
        }
        let synced = log.file.sync();
        self.core.counters.syncs.fetch_add(1, Ordering::Relaxed);
        if let Err(e) = synced {
            let why = self.describe("Syncing", self.file, &e);
            self.broken = Some(why.clone());
            return Err(why);
        }
        (self.number, self.change) = (log.number, change);
        Ok(())
    }

    /// A new file: complete and durable under its name before any frame is in it.
    fn create(&mut self) -> io::Result<()> {
        let disk = &self.core.disk;
        let next = self.file + 1;
        let file = disk.open(&draft(next), true)?;
        let log = Log::create(Arc::clone(&file), self.number)?;
        file.sync()?;
        disk.rename(&draft(next), &name(next))?;
        disk.sync()?;
        self.log = Some(log);
        self.file = next;
        self.open.push(next);
        Ok(())
    }

    fn describe(&self, what: &str, file: u64, e: &io::Error) -> String {
        match failed(what, &self.core.disk.place(&name(file)), e) {
            StoreError::Unavailable(text) => text,
            other => other.to_string(),
        }
    }

    /// Hands a full table, and the files it was filled from, to the thread that writes tables.
    fn seal(&mut self, from: u64) {
        if self.core.table.filled() < from || self.broken.is_some() {
            return;
        }
        self.core.table.seal(self.change, &self.state);
        self.log = None;
        let mut work = self.core.work.lock();
        work.sealed.append(&mut self.open);
        drop(work);
        self.core.work_bell.notify_one();
    }

    /// Names the newest change in the checkpoint, if it is old enough.
    fn keep_checkpoint(&mut self, age: Duration) {
        let due = self.checkpoint.change != self.change && self.checked.elapsed() >= age;
        if !due || self.broken.is_some() {
            return;
        }
        self.checked = Instant::now();
        if let Err(e) = self.checkpoint.write(self.change) {
            tracing::warn!(error = %e, "the store's checkpoint can't be written; it is tried again");
        }
    }
}

fn answer(mut answers: Vec<(Box<dyn Transaction>, Result<(), StoreError>)>, failure: Option<String>) {
    for (transaction, answer) in &mut answers {
        let outcome = match (&failure, std::mem::replace(answer, Ok(()))) {
            (Some(why), Ok(())) => Err(StoreError::Unavailable(why.clone())),
            (_, answer) => answer,
        };
        transaction.done(outcome);
    }
    for (transaction, _) in answers {
        transaction.told();
    }
}

/// However the thread ends, nobody waits for it any longer.
struct Last(Arc<Core>);

impl Drop for Last {
    fn drop(&mut self) {
        let mut waiting = self.0.queue.waiting.lock();
        waiting.closing = true;
        waiting.transactions.clear();
        drop(waiting);
        for ended in self.0.ended.lock().drain(..) {
            ended();
        }
    }
}
