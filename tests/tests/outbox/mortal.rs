//! A process that dies between any two calls of its ports, topics that fail, and a ledger of what was ever owed.

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::{
    message::Message,
    port::{
        Broker, PortError, Store,
        store::{Change, Changed, Document, Page, Path, Query, StoreError, Version, Watch, Write},
    },
};
use serde::Deserialize;
use std::sync::{Arc, Mutex};

/// How a process ends, if it does.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// Calls that it gets through before.
    pub calls: u32,
    /// Whether the next call is carried out and only its answer is lost.
    pub answer_lost: bool,
}

/// What publishing comes to.
#[derive(Clone, Copy, Debug)]
pub enum Topics {
    /// It works.
    Reached,
    /// It fails.
    OutOfReach,
    /// The first message goes out, and then it fails.
    Halfway,
}

/// One life of a process.
#[derive(Debug)]
pub struct Life {
    death: Option<Death>,
    topics: Topics,
    called: Mutex<u32>,
}

enum Call {
    Answered,
    Lost,
    Refused,
}

impl Life {
    pub fn new(death: Option<Death>, topics: Topics) -> Arc<Self> {
        Arc::new(Self { death, topics, called: Mutex::default() })
    }

    fn call(&self) -> Call {
        let mut called = self.called.lock().unwrap();
        *called += 1;
        match self.death {
            Some(death) if *called > death.calls + 1 => Call::Refused,
            Some(death) if *called == death.calls + 1 && death.answer_lost => Call::Lost,
            Some(death) if *called == death.calls + 1 => Call::Refused,
            Some(_) | None => Call::Answered,
        }
    }

    fn store<T>(&self, answer: Result<T, StoreError>, call: &Call) -> Result<T, StoreError> {
        match call {
            Call::Answered => answer,
            Call::Lost | Call::Refused => Err(StoreError::Unavailable("the process is dead".to_owned())),
        }
    }
}

/// Messages that some commit said it owes.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Message>>);

#[derive(Deserialize)]
struct Owing {
    #[serde(default)]
    outbox: Vec<Message>,
}

impl Ledger {
    fn note(&self, writes: &[Write]) {
        for write in writes {
            let Change::Put(body) = &write.change else { continue };
            let owing: Owing = body.parse().unwrap();
            self.0.lock().unwrap().extend(owing.outbox);
        }
    }

    pub fn owed(&self) -> Vec<Message> {
        self.0.lock().unwrap().clone()
    }
}

/// The store as a mortal process has it.
pub struct MortalStore {
    pub inner: Arc<dyn Store>,
    pub life: Arc<Life>,
    pub ledger: Arc<Ledger>,
}

#[async_trait]
impl Store for MortalStore {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.life.store(self.inner.get(path).await, &self.life.call())
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        self.life.store(self.inner.get_many(paths).await, &self.life.call())
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.life.store(self.inner.query(query).await, &self.life.call())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        let call = self.life.call();
        if matches!(call, Call::Refused) {
            return self.life.store(Ok(vec![]), &call);
        }
        let committed = self.inner.commit(writes.clone()).await;
        if committed.is_ok() {
            self.ledger.note(&writes);
        }
        self.life.store(committed, &call)
    }

    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        self.inner.watch(watch).await
    }
}

/// The topics as a mortal process has them.
pub struct MortalBroker {
    pub inner: Arc<dyn Broker>,
    pub life: Arc<Life>,
}

#[async_trait]
impl Broker for MortalBroker {
    async fn publish(&self, mut messages: Vec<Message>) -> Result<(), PortError> {
        let call = self.life.call();
        match (&call, self.life.topics) {
            (Call::Refused, _) | (_, Topics::OutOfReach) => messages.clear(),
            (_, Topics::Halfway) => messages.truncate(1),
            (Call::Answered | Call::Lost, Topics::Reached) => {}
        }
        self.inner.publish(messages).await?;
        match (call, self.life.topics) {
            (Call::Answered, Topics::Reached) => Ok(()),
            _ => Err(PortError::Transient("nobody hears of it".to_owned())),
        }
    }
}
