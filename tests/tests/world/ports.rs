//! Store, topics, timers and clocks: in memory, behind the gate.

use crate::gate::{Fate, Gate, Lasts, Port};
use async_trait::async_trait;
use futures::stream::BoxStream;
use model::{
    Timestamp,
    message::Message,
    port::{
        Broker, Clock, PortError, Random, Store, Timers,
        store::{Changed, Document, Page, Path, Query, StoreError, Version, Watch, Write},
    },
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tests::fake::{MemoryStore, splitmix};

/// The two clocks.
#[derive(Default)]
pub struct Times {
    now: AtomicI64,
    real: AtomicI64,
}

impl Times {
    pub fn start(at: Timestamp) -> Self {
        Self { now: AtomicI64::new(at.0), real: AtomicI64::new(at.0) }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    pub fn real(&self) -> Timestamp {
        Timestamp(self.real.load(Ordering::SeqCst))
    }

    /// Time passes, on both.
    pub fn pass(&self, ms: i64) {
        self.tick(ms);
        self.real.fetch_add(ms, Ordering::SeqCst);
    }

    /// The clock of timers alone goes on.
    pub fn tick(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }
}

/// The clocks as a port; only waiting has a gate.
pub struct WorldClock {
    pub gate: Gate,
    pub times: Arc<Times>,
}

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.times.now()
    }

    fn real(&self) -> Timestamp {
        self.times.real()
    }

    async fn sleep(&self, duration: Duration) {
        self.gate.sleep(self.times.real().plus(duration.as_millis() as i64)).await;
    }
}

/// Random bits from a seed.
pub struct Bits(pub AtomicU64);

impl Random for Bits {
    fn bits(&self) -> u128 {
        let mut state = self.0.fetch_add(2, Ordering::SeqCst);
        let high = splitmix(&mut state);
        (u128::from(high) << 64) | u128::from(splitmix(&mut state))
    }
}

/// A store behind the gate.
pub struct GatedStore {
    pub gate: Gate,
    pub inner: Arc<MemoryStore>,
}

impl GatedStore {
    async fn read<T>(&self, name: &'static str, answer: impl FnOnce() -> T) -> Result<T, StoreError> {
        match self.gate.pass(Port::Store, name).await {
            Fate::Works => Ok(answer()),
            Fate::Fails(_) | Fate::AnswerLost(_) => Err(StoreError::Unavailable("it is down".to_owned())),
        }
    }
}

#[async_trait]
impl Store for GatedStore {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.read("get", || self.inner.now(path)).await
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        self.read("get_many", || paths.iter().map(|path| self.inner.now(path)).collect()).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.query(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        match self.gate.pass(Port::Store, "commit").await {
            Fate::Works => self.inner.write(writes),
            Fate::Fails(_) => Err(StoreError::Unavailable("it is down".to_owned())),
            Fate::AnswerLost(_) => {
                let _ = self.inner.write(writes);
                Err(StoreError::Unavailable("its answer was lost".to_owned()))
            }
        }
    }

    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        self.inner.watch(watch).await
    }
}

/// Messages that were published or set to a time, and not delivered yet.
#[derive(Default)]
pub struct Mailbox(Mutex<Vec<Posted>>);

/// One of them.
pub struct Posted {
    pub not_before: Timestamp,
    pub message: Message,
    /// The timer's key, if it was one.
    pub timer: Option<String>,
}

impl Mailbox {
    pub fn post(&self, not_before: Timestamp, message: Message, timer: Option<&str>) {
        let timer = timer.map(str::to_owned);
        self.0.lock().unwrap().push(Posted { not_before, message, timer });
    }

    pub fn take(&self) -> Vec<Posted> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Topics and timers behind the gate.
pub struct Post {
    pub gate: Gate,
    pub times: Arc<Times>,
    pub mailbox: Arc<Mailbox>,
}

/// What a call of a port comes to.
pub fn fated(fate: Fate, act: impl FnOnce()) -> Result<(), PortError> {
    let (acts, lasts) = match fate {
        Fate::Works => (true, None),
        Fate::Fails(lasts) => (false, Some(lasts)),
        Fate::AnswerLost(lasts) => (true, Some(lasts)),
    };
    if acts {
        act();
    }
    lasts.map_or(Ok(()), |lasts| Err(failure(lasts)))
}

/// How a port fails.
pub fn failure(lasts: Lasts) -> PortError {
    match lasts {
        Lasts::Passing => PortError::Transient("it did not answer".to_owned()),
        Lasts::ForGood => PortError::Permanent("it refuses this for good".to_owned()),
    }
}

#[async_trait]
impl Broker for Post {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let fate = self.gate.pass(Port::Broker, "publish").await;
        let now = self.times.now();
        fated(fate, || messages.into_iter().for_each(|message| self.mailbox.post(now, message, None)))
    }
}

#[async_trait]
impl Timers for Post {
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError> {
        let fate = self.gate.pass(Port::Timers, "at").await;
        fated(fate, || self.mailbox.post(when, message, Some(key)))
    }
}
