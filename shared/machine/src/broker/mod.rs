//! The embedded broker: durable topics, pushed to subscribers at least once, in no order, with back-off and dead
//! letters, as Pub/Sub does it.
//!
//! Invariant: whatever `publish` answered `Ok` for is delivered until each subscription it is for has acknowledged
//! it or it lies among the dead letters, across any number of crashes. One process owns the folder.
//!
//! | file | holds |
//! |---|---|
//! | `log` | the bytes of the log |
//! | `writer` | the thread that writes it: group commit, segments, clean-up |
//! | `queue` | who is owed what |
//! | `dispatch` | workers, deadlines, back-off |
//! | `dead`, `recent`, `hostile` | dead letters; the newest messages; bad delivery for tests |

mod dead;
mod dispatch;
mod hostile;
mod log;
mod open;
mod queue;
mod recent;
#[cfg(test)]
mod tests;
mod writer;

pub use dead::DeadLetter;
pub use hostile::Hostile;
pub use recent::{Progress, Receiver, Recent};

use async_trait::async_trait;
use dispatch::{Core, Running};
use model::{
    message::Message,
    port::{
        self, Clock, PortError,
        broker::{Subscriber, Subscription},
    },
};
use parking_lot::Mutex;
use queue::Entry;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::{runtime::Handle, sync::oneshot};
use writer::Command;

/// The largest message, as in Pub/Sub: 10 MB.
const MESSAGE_BYTES: usize = 10_000_000;

/// How the broker behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Back-off after the first failed try, in milliseconds. It doubles with each further one.
    pub backoff_min_ms: u64,
    /// The longest back-off, in milliseconds, before jitter.
    pub backoff_max_ms: u64,
    /// A segment of the log is closed at this size.
    pub segment_bytes: u64,
    /// How many of the newest messages [`Broker::recent`] remembers.
    pub remembered: usize,
    /// Bad delivery, for tests.
    pub hostile: Option<Hostile>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backoff_min_ms: 100,
            backoff_max_ms: 60_000,
            segment_bytes: 8 * 1024 * 1024,
            remembered: 1000,
            hostile: None,
        }
    }
}

/// Why the broker could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two processes on one folder would tear each other's log.
    #[error(
        "`{folder}` is in use by another Sextant: stop that one, or give this one a data folder of its own"
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// What the log holds is not what was written. Nothing was changed.
    #[error(
        "`{path}` is damaged at byte {offset}, and messages after that would be lost, so nothing was changed: restore the folder `{folder}` from a backup; or move it away to start with an empty queue, and the sweep will find what is due"
    )]
    Damaged {
        /// The file, or the one that is missing.
        path: PathBuf,
        /// The folder it is in.
        folder: PathBuf,
        /// Where the first bad batch begins.
        offset: u64,
    },
    /// A dead letter can't be read.
    #[error(
        "the dead letter `{path}` can't be read ({source}): restore it from a backup, or move it away to go on without it"
    )]
    Letter {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Names become file names.
    #[error("`{name}` can't be a subscription's name: use letters, digits, `.`, `-` and `_`, each name once")]
    Name {
        /// The name as it was given.
        name: String,
    },
    /// The file system refused.
    #[error("`{path}` can't be read or written ({source}): check its owner and the free space on the disk")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// The broker. Messages that were left over wait for [`Broker::start`].
pub struct Broker {
    core: Arc<Core>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Broker {
    /// Opens or creates the broker of a folder. Damage is refused, and nothing changed then.
    pub fn open(
        folder: &Path,
        subscriptions: Vec<Subscription>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, Error> {
        let (core, thread) = open::open(folder, subscriptions, clock, options)?;
        Ok(Self { core, thread: Mutex::new(Some(thread)) })
    }

    /// Begins to deliver, first of all what was left over. Call it once, inside a tokio runtime.
    pub fn start(&self, subscriber: Arc<dyn Subscriber>) {
        let runtime = Handle::current();
        let before = self.core.running.lock().replace(Running { runtime: runtime.clone(), subscriber });
        if before.is_none() {
            runtime.spawn(dispatch::alarm(self.core.clone()));
            self.core.wake_all();
        }
    }

    /// Deliveries that are still owed: queued, under way or backing off. Dead letters are not.
    pub fn pending(&self) -> usize {
        self.core.queue.lock().outstanding()
    }

    /// Resolves when nothing is queued, under way or backing off. Timers that are yet to fire don't count.
    pub async fn idle(&self) {
        self.core.wait_idle().await;
    }

    /// The newest messages and how far they got, newest first.
    pub fn recent(&self, limit: usize) -> Vec<Recent> {
        let queue = self.core.queue.lock();
        queue.recent.list(limit, &queue.lanes)
    }

    /// Messages that were given up, oldest first.
    pub fn dead_letters(&self, limit: usize) -> Vec<DeadLetter> {
        self.core.dead.lock().list(limit)
    }

    /// Queues one dead letter again, for the subscription that did not take it.
    pub async fn replay(&self, id: &str) -> Result<(), PortError> {
        let letter = self.core.dead.lock().find(id);
        let missing = || {
            PortError::Permanent(format!(
                "there is no dead letter `{id}`: list them with `sextant dead-letters`"
            ))
        };
        self.replay_letter(letter.ok_or_else(missing)?).await
    }

    /// Queues every dead letter again; answers how many.
    pub async fn replay_all(&self) -> Result<usize, PortError> {
        let letters = self.dead_letters(usize::MAX);
        for letter in &letters {
            self.replay_letter(letter.clone()).await?;
        }
        Ok(letters.len())
    }

    async fn replay_letter(&self, letter: DeadLetter) -> Result<(), PortError> {
        let lane = self.core.names().iter().position(|name| *name == letter.subscription);
        let gone = || {
            let text = format!(
                "nobody can take `{}`: this version has no subscription `{}`",
                letter.id, letter.subscription
            );
            PortError::Permanent(text)
        };
        let owed = vec![log::Owed { lane: lane.ok_or_else(gone)? as u16, attempts: 0 }];
        let message = Arc::new(letter.message.clone());
        let entry =
            Entry { number: letter.number, published_at: letter.published_at, message, home: 0, owed };
        self.core.queue.lock().reserve(1);
        self.ask(1, |reply| Command::Replay { letter: Box::new(letter), entry, reply }).await
    }

    /// Stops delivering (deliveries under way are broken off and come again after the next start), writes what
    /// waits, and lets the folder go.
    pub async fn close(&self) {
        let thread = self.stop();
        if let Some(thread) = thread {
            // The thread ends after at most one batch; it never panics on purpose, and if it did, the log says so.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn stop(&self) -> Option<JoinHandle<()>> {
        self.core.stopped.cancel();
        self.core.running.lock().take();
        self.core.command(Command::Stop);
        self.thread.lock().take()
    }

    /// Hands a command to the writer, for which `deliveries` were reserved, and waits for its answer.
    async fn ask(
        &self,
        deliveries: usize,
        command: impl FnOnce(oneshot::Sender<Result<(), PortError>>) -> Command,
    ) -> Result<(), PortError> {
        let closed = || PortError::Transient("the broker is closed: Sextant is shutting down".to_owned());
        let (reply, answer) = oneshot::channel();
        if !self.core.command(command(reply)) {
            self.core.release(deliveries);
            return Err(closed());
        }
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl port::Broker for Broker {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        if let Some(large) = messages.iter().find(|message| message.data.len() > MESSAGE_BYTES) {
            let text = format!(
                "a `{}` message has {} bytes, and a message may have {MESSAGE_BYTES}: keep the data in an object and send its key",
                large.kind,
                large.data.len()
            );
            return Err(PortError::Permanent(text));
        }
        let entries = self.core.entries(messages);
        let deliveries = entries.iter().map(|entry| entry.owed.len()).sum();
        if entries.is_empty() {
            return Ok(());
        }
        let mut records = Vec::new();
        for entry in &entries {
            writer::publish_record(entry).encode(&mut records);
        }
        self.ask(deliveries, |reply| Command::Publish { entries, records, reply }).await
    }
}
