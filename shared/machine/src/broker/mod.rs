//! The embedded broker: durable topics, pushed to subscribers at least once, in no order, with back-off and dead
//! letters, as Pub/Sub does it.
//!
//! Invariant: whatever `publish` answered `Ok` for is delivered until each subscription it is for has acknowledged
//! it or it lies among the dead letters, across any number of crashes.
//!
//! | file | holds |
//! |---|---|
//! | `stored` | what the [`engine`](crate::engine) holds of it, and what changes that |
//! | `open` | what was owed when the last process ended |
//! | `queue` | who is owed what |
//! | `dispatch` | workers, deadlines, back-off |
//! | `dead`, `recent`, `hostile` | dead letters; the newest messages; bad delivery for tests |

mod dead;
mod dispatch;
mod entry;
mod hostile;
mod open;
mod queue;
mod recent;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

pub use dead::DeadLetter;
pub use hostile::Hostile;
pub use recent::{Progress, Receiver, Recent};

use crate::engine::{self, Engine};
use async_trait::async_trait;
use dispatch::{Core, Running};
use entry::{Entry, Owed};
use model::port::store::StoreError;
use model::{
    message::Message,
    port::{
        self, Clock, PortError,
        broker::{Subscriber, Subscription},
    },
};
use parking_lot::Mutex;
use std::{path::Path, sync::Arc};
use stored::What;
use tokio::{runtime::Handle, sync::oneshot};

/// The largest message, as in Pub/Sub: 10 MB.
const MESSAGE_BYTES: usize = 10_000_000;

/// How the broker behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Back-off after the first failed try, in milliseconds. It doubles with each further one.
    pub backoff_min_ms: u64,
    /// The longest back-off, in milliseconds, before jitter.
    pub backoff_max_ms: u64,
    /// How many of the newest messages [`Broker::recent`] remembers.
    pub remembered: usize,
    /// Bad delivery, for tests.
    pub hostile: Option<Hostile>,
}

impl Default for Options {
    fn default() -> Self {
        Self { backoff_min_ms: 100, backoff_max_ms: 60_000, remembered: 1000, hostile: None }
    }
}

/// Why the broker could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine below can't be opened, or what it holds can't be read.
    #[error(transparent)]
    Store(StoreError),
    /// Names are part of keys.
    #[error("`{name}` can't be a subscription's name: use letters, digits, `.`, `-` and `_`, each name once")]
    Name {
        /// The name as it was given.
        name: String,
    },
}

/// The broker. Messages that were left over wait for [`Broker::start`].
pub struct Broker {
    core: Arc<Core>,
    engine: Mutex<Option<Arc<Engine>>>,
}

impl Broker {
    /// Opens or creates a broker with an engine of its own in a folder.
    pub fn open(
        folder: &Path,
        subscriptions: Vec<Subscription>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, Error> {
        let engine = Engine::open(folder, engine::Options::default()).map_err(Error::Store)?;
        Self::with(Arc::new(engine), subscriptions, clock, options)
    }

    /// The broker on an engine that others may use too.
    pub fn with(
        engine: Arc<Engine>,
        subscriptions: Vec<Subscription>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, Error> {
        let core = open::open(Arc::clone(engine.core()), subscriptions, clock, options)?;
        Ok(Self { core, engine: Mutex::new(Some(engine)) })
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
        let owed = vec![Owed { lane: lane.ok_or_else(gone)? as u16, attempts: 0 }];
        let message = Arc::new(letter.message.clone());
        let entry = Entry { number: letter.number, published_at: letter.published_at, message, owed };
        self.core.queue.lock().reserve(1);
        self.ask(What::Replay { letter: Box::new(letter), entry }).await
    }

    /// Stops delivering (deliveries under way are broken off and come again after the next start), writes what
    /// waits, and lets the engine go.
    pub async fn close(&self) {
        let engine = self.stop();
        // It ends after at most one group, if nobody else has it; it never panics on purpose.
        let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
    }

    fn stop(&self) -> Option<Arc<Engine>> {
        self.core.stopped.cancel();
        self.core.running.lock().take();
        self.engine.lock().take()
    }

    /// Hands a change to the engine, for which deliveries were reserved, and waits for its answer.
    async fn ask(&self, what: What) -> Result<(), PortError> {
        let (reply, answer) = oneshot::channel();
        self.core.change(what, Some(reply));
        let closed = || PortError::Transient("the broker is closed: Sextant is shutting down".to_owned());
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.stop());
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
        if entries.is_empty() {
            return Ok(());
        }
        self.ask(What::Publish(entries)).await
    }
}
