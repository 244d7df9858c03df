//! Timers in process: one heap, one task, nothing durable.
//!
//! Invariant: whatever is due by the clock is published in the order of its due times, at once when the clock is
//! moved. A restart forgets all of it on purpose: what is due stands in documents, and the sweep finds it there.

use crate::clock::MachineClock;
use async_trait::async_trait;
use model::{
    Timestamp,
    message::Message,
    port::{self, Broker, Clock, PortError},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// How long to wait after the broker refused, in real time.
const RETRY: Duration = Duration::from_secs(1);

/// When, and a number that keeps equal times in the order they were set.
type Place = (Timestamp, u64);

#[derive(Default)]
struct Pending {
    by_time: BTreeMap<Place, (String, Message)>,
    by_key: HashMap<String, Place>,
    count: u64,
}

impl Pending {
    fn set(&mut self, when: Timestamp, key: &str, message: Message) {
        self.count += 1;
        let place = (when, self.count);
        if let Some(old) = self.by_key.insert(key.to_owned(), place) {
            self.by_time.remove(&old);
        }
        self.by_time.insert(place, (key.to_owned(), message));
    }

    fn take_due(&mut self, now: Timestamp) -> Vec<(Timestamp, String, Message)> {
        let mut due = Vec::new();
        while let Some(first) = self.by_time.first_entry().filter(|first| first.key().0 <= now) {
            let ((when, _), (key, message)) = first.remove_entry();
            self.by_key.remove(&key);
            due.push((when, key, message));
        }
        due
    }
}

struct Shared {
    pending: Mutex<Pending>,
    changed: Notify,
    clock: Arc<MachineClock>,
    broker: Arc<dyn Broker>,
}

/// One timer, for people who look on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Timer {
    /// When it fires.
    pub when: Timestamp,
    /// What replaces it.
    pub key: String,
    /// What it publishes.
    pub message: Message,
}

/// The timers of one process. They stop when this is dropped.
pub struct Timers {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

impl Timers {
    /// Starts without timers. Call it inside a tokio runtime.
    pub fn new(clock: Arc<MachineClock>, broker: Arc<dyn Broker>) -> Self {
        let shared = Arc::new(Shared { pending: Mutex::default(), changed: Notify::new(), clock, broker });
        let task = AbortOnDropHandle::new(tokio::spawn(run(shared.clone())));
        Self { shared, _task: task }
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.shared.pending.lock().by_time.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next `limit` of them, soonest first.
    pub fn list(&self, limit: usize) -> Vec<Timer> {
        let pending = self.shared.pending.lock();
        let timer = |((when, _), (key, message)): (&Place, &(String, Message))| Timer {
            when: *when,
            key: key.clone(),
            message: message.clone(),
        };
        pending.by_time.iter().take(limit).map(timer).collect()
    }
}

#[async_trait]
impl port::Timers for Timers {
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError> {
        self.shared.pending.lock().set(when, key, message);
        self.shared.changed.notify_one();
        Ok(())
    }
}

async fn run(shared: Arc<Shared>) {
    loop {
        let due = shared.pending.lock().take_due(shared.clock.now());
        if !due.is_empty() {
            publish(&shared, due).await;
            continue;
        }
        let next = shared.pending.lock().by_time.first_key_value().map(|(place, _)| place.0);
        let until = async {
            match next {
                Some(when) => shared.clock.until(when).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = until => {}
            () = shared.changed.notified() => {}
        }
    }
}

/// Publishes what is due; what the broker refuses is set again, unless its key was set anew meanwhile.
async fn publish(shared: &Shared, due: Vec<(Timestamp, String, Message)>) {
    let messages = due.iter().map(|(.., message)| message.clone()).collect();
    let Err(error) = shared.broker.publish(messages).await else { return };
    if !error.is_transient() {
        return tracing::error!(%error, timers = due.len(), "due timers can't be published and are dropped; the sweep finds what they were for");
    }
    tracing::warn!(%error, timers = due.len(), "due timers can't be published now; trying again in a second");
    {
        let mut pending = shared.pending.lock();
        for (when, key, message) in due {
            if !pending.by_key.contains_key(&key) {
                pending.set(when, &key, message);
            }
        }
    }
    tokio::time::sleep(RETRY).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{TenantId, time::DAY_MS};
    use port::Timers as _;
    use tokio::sync::mpsc;

    struct Recorder(mpsc::UnboundedSender<String>, Mutex<u32>);

    #[async_trait]
    impl Broker for Recorder {
        async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
            let refuse = {
                let mut refusals = self.1.lock();
                *refusals = refusals.saturating_sub(1);
                *refusals > 0
            };
            if refuse {
                return Err(PortError::Transient("full".into()));
            }
            for message in messages {
                self.0.send(message.data).unwrap();
            }
            Ok(())
        }
    }

    fn message(body: u32) -> Message {
        Message::new("deployments", "deployment.due", &TenantId::new("acme").unwrap(), &body)
    }

    fn timers(
        refusals: u32,
    ) -> (tempfile::TempDir, Arc<MachineClock>, Timers, mpsc::UnboundedReceiver<String>) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MachineClock::open(folder.path()).unwrap());
        let (sender, receiver) = mpsc::unbounded_channel();
        let timers = Timers::new(clock.clone(), Arc::new(Recorder(sender, Mutex::new(refusals))));
        (folder, clock, timers, receiver)
    }

    #[tokio::test]
    async fn moved_past_several_timers_they_fire_in_order_of_time() {
        let (_folder, clock, timers, mut receiver) = timers(0);
        let now = clock.now();
        for (days, body) in [(3, 3), (1, 1), (9, 9), (2, 2)] {
            timers.at(now.plus(days * DAY_MS), &format!("key-{body}"), message(body)).await.unwrap();
        }
        assert_eq!(
            timers.list(2).iter().map(|timer| timer.key.as_str()).collect::<Vec<_>>(),
            ["key-1", "key-2"]
        );
        clock.advance(5 * DAY_MS).unwrap();
        for body in ["1", "2", "3"] {
            assert_eq!(receiver.recv().await.unwrap(), body);
        }
        assert_eq!(timers.len(), 1);
    }

    #[tokio::test]
    async fn the_same_key_replaces() {
        let (_folder, clock, timers, mut receiver) = timers(0);
        timers.at(clock.now().plus(DAY_MS), "key", message(1)).await.unwrap();
        timers.at(clock.now(), "key", message(2)).await.unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "2");
        assert!(timers.is_empty());
        clock.advance(2 * DAY_MS).unwrap();
        timers.at(clock.now(), "other", message(3)).await.unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "3");
    }

    #[tokio::test]
    async fn what_the_broker_refuses_fires_later() {
        let (_folder, clock, timers, mut receiver) = timers(2);
        timers.at(clock.now(), "key", message(1)).await.unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "1");
    }
}
