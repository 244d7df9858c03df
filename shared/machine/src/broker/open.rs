//! Opening a broker's folder: the lock, the log, the dead letters, and what is owed because of them.
//!
//! Invariant: nothing on disk changes unless everything on disk could be read.

use super::{
    Error, Options,
    dead::DeadLetters,
    dispatch::Core,
    log::{self, Contents, Owed, Record},
    queue::{Entry, Queue},
    recent::Progress,
    writer::{self, Position, Writer},
};
use model::{
    Timestamp,
    port::{Clock, broker::Subscription},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

/// The shared state and the writer's thread.
pub(super) fn open(
    folder: &Path,
    subscriptions: Vec<Subscription>,
    clock: Arc<dyn Clock>,
    options: Options,
) -> Result<(Arc<Core>, JoinHandle<()>), Error> {
    check_names(&subscriptions)?;
    fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
    let lock = lock(folder)?;
    let dead = DeadLetters::open(folder)?;
    let mut loader = Loader {
        names: Vec::new(),
        ours: subscriptions.iter().map(|one| one.name.clone()).collect(),
        queue: Queue::new(subscriptions, options.remembered),
        next: dead.highest_number() + 1,
        dropped: 0,
    };
    let last = loader.load(folder, &dead)?;
    let position = position(folder, last, lock)?;
    loader.queue.open_home(position.segment);
    if loader.dropped > 0 {
        tracing::warn!(
            deliveries = loader.dropped,
            "dropped what was owed to subscriptions that this version does not have"
        );
    }
    let (sender, commands) = mpsc::channel();
    let segment_bytes = options.segment_bytes;
    let tickets = loader.queue.resume();
    let core = Arc::new(Core::new(loader.queue, dead, loader.next, clock, sender, options));
    core.offer(tickets);
    let writer = Writer::new(position, core.clone(), segment_bytes);
    let thread =
        std::thread::Builder::new().name("broker-log".to_owned()).spawn(move || writer.run(&commands));
    Ok((core, thread.map_err(|source| Error::io(folder, source))?))
}

fn check_names(subscriptions: &[Subscription]) -> Result<(), Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let twice = |name: &str| subscriptions.iter().filter(|one| one.name == name).count() > 1;
    let bad = subscriptions
        .iter()
        .find(|one| one.name.is_empty() || !one.name.bytes().all(legal) || twice(&one.name));
    bad.map_or(Ok(()), |one| Err(Error::Name { name: one.name.clone() }))
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|source| Error::io(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::io(&path, source)),
    }
}

/// The newest segment and what of it is good.
struct Last {
    segment: u64,
    end: u64,
    torn: bool,
    complete: bool,
}

struct Loader {
    /// What the log's indexes mean, as of the newest record of names.
    names: Vec<String>,
    ours: Vec<String>,
    queue: Queue,
    next: u64,
    dropped: usize,
}

impl Loader {
    fn load(&mut self, folder: &Path, dead: &DeadLetters) -> Result<Option<Last>, Error> {
        let segments = log::segments(folder).map_err(|source| Error::io(folder, source))?;
        let mut last = None;
        for (index, segment) in segments.iter().enumerate() {
            let path = log::path(folder, *segment);
            let damaged = |path, offset| Error::Damaged { path, folder: folder.to_owned(), offset };
            let bytes = fs::read(&path).map_err(|source| Error::io(&path, source))?;
            let contents = log::read(&bytes).map_err(|offset| damaged(path.clone(), offset))?;
            if let Some(next) = segments.get(index + 1) {
                if !contents.complete() {
                    return Err(damaged(path, contents.end));
                }
                if *next != segment + 1 {
                    return Err(damaged(log::path(folder, segment + 1), 0));
                }
            }
            let complete = contents.complete();
            last = Some(Last { segment: *segment, end: contents.end, torn: contents.torn, complete });
            self.apply(*segment, contents, dead).map_err(|()| damaged(path, 0))?;
        }
        Ok(last)
    }

    fn apply(&mut self, segment: u64, contents: Contents, dead: &DeadLetters) -> Result<(), ()> {
        self.queue.open_home(segment);
        for record in contents.records {
            match record {
                Record::Names(names) => self.names = names,
                Record::Next(number) => self.next = self.next.max(number),
                Record::Publish { number, published_at, owed, message } => {
                    self.next = self.next.max(number + 1);
                    let owed = self.ours(number, owed, dead);
                    let message = Arc::new(serde_json::from_slice(&message).map_err(drop)?);
                    let published_at = Timestamp(published_at);
                    self.queue.insert(Entry { number, published_at, message, home: segment, owed });
                }
                Record::Settled { number, lane } => {
                    if let Some(lane) = self.lane(lane) {
                        self.queue.settle(number, lane, Progress::Acknowledged);
                    }
                }
                Record::Tried { number, lane, attempts } => {
                    if let Some(lane) = self.lane(lane) {
                        self.queue.tried(number, lane, attempts);
                    }
                }
                Record::End => {}
            }
        }
        Ok(())
    }

    /// A subscription's index in this process; `None` if this version doesn't have it.
    fn lane(&self, index: u16) -> Option<u16> {
        let name = self.names.get(usize::from(index))?;
        self.ours.iter().position(|one| one == name).map(|lane| lane as u16)
    }

    fn ours(&mut self, number: u64, owed: Vec<Owed>, dead: &DeadLetters) -> Vec<Owed> {
        let before = owed.len();
        let mine: Vec<Owed> = owed
            .into_iter()
            .filter_map(|one| Some(Owed { lane: self.lane(one.lane)?, attempts: one.attempts }))
            .collect();
        self.dropped += before - mine.len();
        // A crash between burying a message and noting it: it lies among the dead letters, that is enough.
        mine.into_iter().filter(|one| !dead.contains(number, &self.ours[usize::from(one.lane)])).collect()
    }
}

/// Cuts the unfinished tail, if there is one, and says where to go on.
fn position(folder: &Path, last: Option<Last>, lock: File) -> Result<Position, Error> {
    let fresh = |segment| {
        let file = writer::create(folder, segment).map_err(|source| Error::io(folder, source))?;
        Ok((file, segment, 0))
    };
    let (file, segment, at) = match last {
        None => fresh(1)?,
        Some(last) if last.complete => fresh(last.segment + 1)?,
        Some(last) => {
            let path = log::path(folder, last.segment);
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .map_err(|source| Error::io(&path, source))?;
            if last.torn {
                tracing::warn!(path = %path.display(), offset = last.end, "cut off an unfinished batch that was never acknowledged");
                file.set_len(last.end)
                    .and_then(|()| file.sync_all())
                    .map_err(|source| Error::io(&path, source))?;
            }
            (file, last.segment, last.end)
        }
    };
    let allocated = file.metadata().map_err(|source| Error::io(folder, source))?.len();
    Ok(Position { folder: folder.to_owned(), segment, file, at, allocated, lock })
}
