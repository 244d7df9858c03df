//! Engines that count: documents written and read, messages published, timers set.

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::{
    Timestamp,
    message::Message,
    port::{
        Broker, PortError, Store, Timers,
        store::{Changed, Document, Page, Path, Query, StoreError, Version, Watch, Write},
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What was asked of the engines so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Documents written: puts, patches and deletes alike, those of commits that conflicted too.
    pub writes: AtomicU64,
    /// Documents asked for or answered; a query that finds nothing counts as one.
    pub reads: AtomicU64,
    /// Messages published.
    pub messages: AtomicU64,
    /// Timers set.
    pub timers: AtomicU64,
}

impl Counts {
    /// (writes, reads, messages, timers) so far.
    pub fn now(&self) -> (u64, u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        (read(&self.writes), read(&self.reads), read(&self.messages), read(&self.timers))
    }
}

/// A store that counts.
pub struct CountedStore {
    /// The engine.
    pub inner: Arc<dyn Store>,
    /// What it was asked.
    pub counts: Arc<Counts>,
}

#[async_trait]
impl Store for CountedStore {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.counts.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.get(path).await
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        self.counts.reads.fetch_add(paths.len() as u64, Ordering::SeqCst);
        self.inner.get_many(paths).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let page = self.inner.query(query).await?;
        self.counts.reads.fetch_add(page.documents.len().max(1) as u64, Ordering::SeqCst);
        Ok(page)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.counts.writes.fetch_add(writes.len() as u64, Ordering::SeqCst);
        self.inner.commit(writes).await
    }

    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        self.inner.watch(watch).await
    }
}

/// A broker that counts.
pub struct CountedBroker {
    /// The engine.
    pub inner: Arc<dyn Broker>,
    /// What it was asked.
    pub counts: Arc<Counts>,
}

#[async_trait]
impl Broker for CountedBroker {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        self.counts.messages.fetch_add(messages.len() as u64, Ordering::SeqCst);
        self.inner.publish(messages).await
    }
}

/// Timers that count.
pub struct CountedTimers {
    /// The engine.
    pub inner: Arc<dyn Timers>,
    /// What it was asked.
    pub counts: Arc<Counts>,
}

#[async_trait]
impl Timers for CountedTimers {
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError> {
        self.counts.timers.fetch_add(1, Ordering::SeqCst);
        self.inner.at(when, key, message).await
    }
}
