//! The one thread that writes: takes every commit that waits, checks them against each other, writes them as one
//! frame, syncs once, shows them to readers, and answers them all.
//!
//! Invariant: a commit is answered, and seen by anyone, only after the sync that made it durable. After a failed
//! sync nothing is known about the disk, so nothing more is written.

use super::Shared;
use super::compact::{self, Compacted};
use super::log::{Frame, Log};
use super::patch;
use super::recover::{Recovered, draft, failed, name};
use super::state::{Keys, Record, State};
use bytes::Bytes;
use model::port::store::{Field, Path, Precondition, StoreError, Version};
use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

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
/// More waiting commits than this are turned away.
const QUEUE: usize = 100_000;

/// A write that was checked by itself.
pub(super) struct Prepared {
    pub(super) path: Arc<str>,
    pub(super) precondition: Precondition,
    pub(super) change: Prepare,
}

/// What becomes of the document.
pub(super) enum Prepare {
    Put(Bytes, Keys),
    Patch { set: Vec<(Field, Option<Value>)>, increment: Vec<(Field, i64)> },
    Delete,
}

type Answer = Result<Vec<Version>, StoreError>;

/// A commit that waits.
struct Request {
    writes: Vec<Prepared>,
    answer: oneshot::Sender<Answer>,
}

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    /// The writer sleeps until this many wait.
    wanted: usize,
    compacted: Option<io::Result<Compacted>>,
    closing: bool,
}

impl Queue {
    /// Queues a commit.
    pub(super) fn push(&self, writes: Vec<Prepared>) -> Result<oneshot::Receiver<Answer>, StoreError> {
        let (answer, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.closing {
            return Err(StoreError::Unavailable("the store is being closed".into()));
        }
        if waiting.requests.len() >= QUEUE {
            return Err(StoreError::Unavailable(format!(
                "{QUEUE} commits wait already; the disk can't keep up"
            )));
        }
        waiting.requests.push_back(Request { writes, answer });
        let enough = waiting.requests.len() >= waiting.wanted;
        drop(waiting);
        if enough {
            self.bell.notify_one();
        }
        Ok(receiver)
    }

    /// Hands a compacted file over.
    pub(super) fn compacted(&self, result: io::Result<Compacted>) {
        self.waiting.lock().compacted = Some(result);
        self.bell.notify_one();
    }

    /// Lets the writer finish what waits, then end.
    pub(super) fn close(&self) {
        self.waiting.lock().closing = true;
        self.bell.notify_one();
    }
}

type Newest = Option<Arc<Record>>;

/// What a group changes, not yet durable.
#[derive(Default)]
struct Group {
    newest: HashMap<Arc<str>, Newest>,
    changes: Vec<(Arc<str>, Newest)>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

/// The writer's own state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    log: Option<Log>,
    generation: u64,
    highest: i64,
    frame: Frame,
    compaction: Option<JoinHandle<()>>,
    /// No compaction below this length, after one failed.
    patience: u64,
    /// Where the durable part of the file ends, for the compaction that reads it.
    durable: Arc<AtomicU64>,
    broken: Option<String>,
    wrote: bool,
    /// Commits in the last group.
    last: usize,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, log: Option<Log>, generation: u64, highest: i64) -> Self {
        let durable = Arc::new(AtomicU64::new(log.as_ref().map_or(0, |log| log.end)));
        let frame = Frame::new();
        Self {
            shared,
            log,
            generation,
            highest,
            frame,
            compaction: None,
            patience: 0,
            durable,
            broken: None,
            wrote: false,
            last: 0,
        }
    }

    /// Runs until the store is closed.
    pub(super) fn run(mut self) {
        let _last = Last(Arc::clone(&self.shared));
        let mut requests = VecDeque::new();
        while self.next(&mut requests) {
            self.group(&mut requests);
            self.consider_compaction();
        }
        self.finish();
    }

    /// Waits for work. False once closed and done.
    fn next(&mut self, requests: &mut VecDeque<Request>) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut waiting = shared.queue.waiting.lock();
        loop {
            if let Some(result) = waiting.compacted.take() {
                drop(waiting);
                self.switch(result);
                waiting = shared.queue.waiting.lock();
            }
            if requests.is_empty() {
                self.gather(&mut waiting);
                std::mem::swap(requests, &mut waiting.requests);
            }
            if !requests.is_empty() {
                return true;
            }
            if waiting.closing {
                return false;
            }
            shared.queue.bell.wait(&mut waiting);
        }
    }

    /// Where a crowd was answered, waits until as many are back and half as many more, but not for long.
    fn gather(&self, waiting: &mut MutexGuard<'_, Waiting>) {
        let more = if self.last < LARGE { self.last / 2 } else { 0 };
        let wanted = self.last + more;
        if self.last < CROWD
            || waiting.requests.is_empty()
            || waiting.requests.len() >= wanted
            || waiting.closing
        {
            return;
        }
        waiting.wanted = wanted;
        let patience = GATHER.min(GATHER_EACH * self.last as u32);
        self.shared.queue.bell.wait_for(waiting, patience);
        waiting.wanted = 0;
    }

    /// Takes commits until the group is full, and sees them through.
    fn group(&mut self, requests: &mut VecDeque<Request>) {
        let mut group = Group::default();
        self.frame.clear();
        let shared = Arc::clone(&self.shared);
        {
            let state = shared.state.read();
            while self.frame.len() < GROUP_BYTES
                && let Some(request) = requests.pop_front()
            {
                let answer = self.take(&state, &mut group, request.writes);
                group.answers.push((request.answer, answer));
            }
        }
        self.last = group.answers.len();
        let commits = group.answers.iter().filter(|(_, answer)| answer.is_ok()).count() as u64;
        if !group.changes.is_empty() {
            if let Err(e) = self.write() {
                for (_, answer) in &mut group.answers {
                    if answer.is_ok() {
                        *answer = Err(StoreError::Unavailable(e.clone()));
                    }
                }
                return Self::answer(group.answers);
            }
            let mut state = shared.state.write();
            for (path, newest) in &group.changes {
                match newest {
                    Some(record) => state.put(Arc::clone(record)),
                    None => state.remove(path),
                }
            }
        }
        shared.counters.commits.fetch_add(commits, Ordering::Relaxed);
        Self::answer(group.answers);
        shared.registry.changed(&group.changes);
    }

    fn answer(answers: Vec<(oneshot::Sender<Answer>, Answer)>) {
        for (sender, answer) in answers {
            drop(sender.send(answer)); // who asked may have gone
        }
    }

    /// Checks one commit against the state with the group's earlier commits, and adds it to the group.
    fn take(&mut self, state: &State, group: &mut Group, writes: Vec<Prepared>) -> Answer {
        for write in &writes {
            let now = look(state, group, &write.path).map(|record| record.version);
            let holds = match write.precondition {
                Precondition::None => true,
                Precondition::Absent => now.is_none(),
                Precondition::Present => now.is_some(),
                Precondition::At(Version(version)) => now == Some(version),
            };
            if !holds {
                return Err(StoreError::Conflict { path: Path::new(&*write.path) });
            }
        }
        let version = self.highest + 1;
        let mut changes = Vec::with_capacity(writes.len());
        for write in writes {
            let newest = match write.change {
                Prepare::Delete => None,
                Prepare::Put(body, keys) => {
                    Some(Arc::new(Record::new(Arc::clone(&write.path), version, body, keys)))
                }
                Prepare::Patch { set, increment } => {
                    let now = look(state, group, &write.path);
                    let body = patch::apply(now.map(|record| &*record.body), &set, &increment)?;
                    let body = Bytes::from(body.into_boxed_slice());
                    let keys = state.catalog.keys(&write.path, &body)?;
                    Some(Arc::new(Record::new(Arc::clone(&write.path), version, body, keys)))
                }
            };
            changes.push((write.path, newest));
        }
        self.highest = version;
        self.frame.highest(version);
        for (path, newest) in &changes {
            match newest {
                Some(record) => self.frame.put(record),
                None => self.frame.remove(path),
            }
            group.newest.insert(Arc::clone(path), newest.clone());
        }
        let versions = vec![Version(version); changes.len()];
        group.changes.append(&mut changes);
        Ok(versions)
    }

    /// Makes the frame durable.
    fn write(&mut self) -> Result<(), String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        if self.log.is_none() {
            self.create().map_err(|e| self.describe("Creating", self.generation + 1, &e))?;
        }
        let Some(log) = &mut self.log else { return Err("the store has no file".into()) };
        if let Err(e) = log.append(&mut self.frame) {
            return Err(self.describe("Writing", self.generation, &e));
        }
        let synced = log.file.sync();
        self.shared.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.wrote = true;
        if let Err(e) = synced {
            let why = self.describe("Syncing", self.generation, &e);
            self.broken = Some(why.clone());
            return Err(why);
        }
        self.durable.store(log.end, Ordering::Release);
        Ok(())
    }

    /// The first file: complete and durable under its name before anything is in it.
    fn create(&mut self) -> io::Result<()> {
        let disk = &self.shared.disk;
        let next = self.generation + 1;
        let file = disk.open(&draft(next), true)?;
        let log = Log::create(Arc::clone(&file))?;
        file.sync()?;
        disk.rename(&draft(next), &name(next))?;
        disk.sync()?;
        self.log = Some(log);
        self.generation = next;
        Ok(())
    }

    fn describe(&self, what: &str, generation: u64, e: &io::Error) -> String {
        match failed(what, &self.shared.disk.place(&name(generation)), e) {
            StoreError::Unavailable(text) => text,
            other => other.to_string(),
        }
    }

    /// Starts a compaction when the file is several times larger than what lives in it.
    fn consider_compaction(&mut self) {
        let Some(log) = &self.log else { return };
        let options = &self.shared.options;
        if self.compaction.is_some()
            || self.broken.is_some()
            || log.end < options.compact_from.max(self.patience)
        {
            return;
        }
        if log.end / options.compact_ratio.max(2) < self.shared.state.read().bytes {
            return;
        }
        let job = compact::Job {
            shared: Arc::clone(&self.shared),
            from: Arc::clone(&log.file),
            generation: self.generation + 1,
            start: (log.end, log.number),
            highest: self.highest,
            durable: Arc::clone(&self.durable),
        };
        let spawned = std::thread::Builder::new().name("store-compact".into()).spawn(move || job.run());
        match spawned {
            Ok(thread) => self.compaction = Some(thread),
            Err(_) => self.patience = log.end * 2,
        }
    }

    /// Goes on in the compacted file, once it holds everything; else stays in the old one.
    fn switch(&mut self, result: io::Result<Compacted>) {
        if let Some(thread) = self.compaction.take() {
            drop(thread.join());
        }
        let end = self.log.as_ref().map_or(0, |log| log.end);
        let next = self.generation + 1;
        let shared = Arc::clone(&self.shared);
        let disk = &*shared.disk;
        let renamed = result.and_then(|compacted| {
            let log = compacted.catch_up(end)?;
            disk.rename(&draft(next), &name(next))?;
            Ok(log)
        });
        let log = match renamed {
            Ok(log) => log,
            Err(e) => {
                tracing::warn!(error = %e, "compaction failed; the store goes on in its old file");
                self.patience = end * 2;
                drop(disk.remove(&draft(next)));
                return;
            }
        };
        if let Err(e) = disk.sync() {
            // Which of the two files a restart finds is unknown: neither may be written to.
            self.broken = Some(self.describe("Syncing", next, &e));
            return;
        }
        if self.generation > 1 {
            drop(disk.remove(&name(self.generation - 1)));
        }
        self.durable.store(log.end, Ordering::Release);
        self.log = Some(log);
        self.generation = next;
        self.patience = 0;
        shared.counters.compactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Leaves an empty frame, so that damage to the last real one is told apart from an interrupted write.
    fn finish(mut self) {
        if let Some(thread) = self.compaction.take() {
            self.shared.stop.store(true, Ordering::Release);
            drop(thread.join());
        }
        if self.wrote && self.broken.is_none() {
            self.frame.clear();
            self.frame.highest(self.highest);
            if let Err(e) = self.write() {
                tracing::warn!(error = e, "the store was closed without its last mark");
            }
        }
    }
}

/// However the thread ends, nobody waits for it any longer.
struct Last(Arc<Shared>);

impl Drop for Last {
    fn drop(&mut self) {
        let mut waiting = self.0.queue.waiting.lock();
        waiting.closing = true;
        waiting.requests.clear();
        drop(waiting);
        self.0.registry.close();
    }
}

fn look<'a>(state: &'a State, group: &'a Group, path: &str) -> Option<&'a Record> {
    match group.newest.get(path) {
        Some(newest) => newest.as_deref(),
        None => state.get(path).map(|record| &**record),
    }
}

/// Starts the thread.
pub(super) fn start(shared: &Arc<Shared>, recovered: Start) -> io::Result<JoinHandle<()>> {
    let writer = Writer::new(Arc::clone(shared), recovered.log, recovered.generation, recovered.highest);
    std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run())
}

/// Where the writer starts.
pub(super) struct Start {
    log: Option<Log>,
    generation: u64,
    highest: i64,
}

impl Recovered {
    /// The documents, and where the writer starts.
    pub(super) fn split(self) -> (State, Start) {
        (self.state, Start { log: self.log, generation: self.generation, highest: self.highest })
    }
}
