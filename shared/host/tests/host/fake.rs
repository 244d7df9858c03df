//! Ports that live in memory, as far as the host touches them; the rest refuses.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use host::Caller;
use model::{
    TenantId, Timestamp,
    message::Message,
    port::{
        Broker, Clock, KeyContext, Keys, Mail, Mailer, Objects, PortError, Ports, Random, Source, Store,
        Target, Timers,
        source::{Checkout, SourceRef},
        store::{
            Change, Changed, Document, Page, Path, Precondition, Query, StoreError, Version, Watch, Write,
        },
        target::{
            BuildOrder, BuildState, Cost, Measured, Probe, Released, RevisionOrder, ServiceKey, TargetError,
            Traffic, TrafficToken, Window,
        },
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Every port there is, in one.
pub struct Fake {
    pub documents: Mutex<BTreeMap<String, (i64, model::port::store::Body)>>,
    pub published: Mutex<Vec<Message>>,
    pub timers: Mutex<Vec<(Timestamp, String, Message)>>,
    pub reads: AtomicU64,
    pub writes: AtomicU64,
    pub real: AtomicI64,
    pub unreachable: AtomicBool,
    drawn: AtomicU64,
}

pub const START: i64 = 1_763_617_260_000;

impl Fake {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            documents: Mutex::default(),
            published: Mutex::default(),
            timers: Mutex::default(),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            real: AtomicI64::new(START),
            unreachable: AtomicBool::new(false),
            drawn: AtomicU64::new(0),
        })
    }

    pub fn ports(self: &Arc<Self>) -> Arc<Ports> {
        let fake = self;
        Arc::new(Ports {
            store: fake.clone(),
            broker: fake.clone(),
            timers: fake.clone(),
            target: fake.clone(),
            objects: fake.clone(),
            keys: fake.clone(),
            mailer: fake.clone(),
            source: fake.clone(),
            clock: fake.clone(),
            random: fake.clone(),
        })
    }

    pub fn advance(&self, ms: i64) {
        self.real.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn under(&self, prefix: &str) -> Vec<String> {
        let documents = self.documents.lock().unwrap();
        documents
            .iter()
            .filter(|(path, _)| path.starts_with(prefix))
            .map(|(_, (_, body))| format!("{body:?}"))
            .collect()
    }

    pub fn counted(&self) -> (u64, u64) {
        (self.reads.load(Ordering::SeqCst), self.writes.load(Ordering::SeqCst))
    }

    fn reachable(&self) -> Result<(), StoreError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("10.1.2.3:443 refused".into()));
        }
        Ok(())
    }
}

pub fn caller(tenant: &str, role: host::Role) -> Caller {
    Caller { tenant: TenantId::new(tenant).unwrap(), user: "ann".into(), role }
}

fn refuse<T>() -> Result<T, PortError> {
    Err(PortError::Permanent("not part of this test".into()))
}

#[async_trait]
impl Store for Fake {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.reachable()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        let documents = self.documents.lock().unwrap();
        let found = documents.get(path.as_str());
        Ok(found.map(|(version, body)| Document {
            path: path.clone(),
            version: Version(*version),
            body: body.clone(),
        }))
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        let mut all = vec![];
        for path in paths {
            all.push(Store::get(self, path).await?);
        }
        Ok(all)
    }

    async fn query(&self, _: &Query) -> Result<Page, StoreError> {
        Err(StoreError::Invalid("not part of this test".into()))
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.reachable()?;
        let mut documents = self.documents.lock().unwrap();
        for write in &writes {
            let version = documents.get(write.path.as_str()).map(|(version, _)| Version(*version));
            let holds = match write.precondition {
                Precondition::None => true,
                Precondition::Absent => version.is_none(),
                Precondition::Present => version.is_some(),
                Precondition::At(at) => version == Some(at),
            };
            if !holds {
                return Err(StoreError::Conflict { path: write.path.clone() });
            }
        }
        let mut versions = vec![];
        for write in writes {
            let Change::Put(body) = write.change else {
                return Err(StoreError::Invalid("not part of this test".into()));
            };
            let version = self.writes.fetch_add(1, Ordering::SeqCst) as i64 + 1;
            documents.insert(write.path.to_string(), (version, body));
            versions.push(Version(version));
        }
        Ok(versions)
    }

    async fn watch(&self, _: Watch) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        Err(StoreError::Invalid("not part of this test".into()))
    }
}

#[async_trait]
impl Broker for Fake {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        self.published.lock().unwrap().extend(messages);
        Ok(())
    }
}

#[async_trait]
impl Timers for Fake {
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError> {
        self.timers.lock().unwrap().push((when, key.to_owned(), message));
        Ok(())
    }
}

#[async_trait]
impl Clock for Fake {
    fn now(&self) -> Timestamp {
        self.real()
    }

    fn real(&self) -> Timestamp {
        Timestamp(self.real.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration.as_millis() as i64);
        tokio::task::yield_now().await;
    }
}

impl Random for Fake {
    fn bits(&self) -> u128 {
        // Different each time; nothing here needs more.
        u128::from(self.drawn.fetch_add(1, Ordering::SeqCst) + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// "Wrapping" that only holds the context to what it was.
#[async_trait]
impl Keys for Fake {
    async fn wrap(&self, context: &KeyContext, data_key: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok([&context.bytes(), data_key].concat())
    }

    async fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Vec<u8>, PortError> {
        wrapped
            .strip_prefix(context.bytes().as_slice())
            .map(<[u8]>::to_vec)
            .ok_or_else(|| PortError::Permanent("another context".into()))
    }
}

#[async_trait]
impl Objects for Fake {
    async fn create(&self, _: &str, _: Bytes) -> Result<bool, PortError> {
        refuse()
    }
    async fn put(&self, _: &str, _: Bytes) -> Result<(), PortError> {
        refuse()
    }
    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        refuse()
    }
    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, PortError> {
        refuse()
    }
    async fn delete(&self, _: &str) -> Result<(), PortError> {
        refuse()
    }
    async fn watch(&self, _: &str) -> Result<BoxStream<'static, ()>, PortError> {
        refuse()
    }
}

#[async_trait]
impl Mailer for Fake {
    async fn send(&self, _: Mail) -> Result<(), PortError> {
        refuse()
    }
}

#[async_trait]
impl Source for Fake {
    async fn checkout(&self, _: &SourceRef, _: &str, _: Option<&str>) -> Result<Checkout, PortError> {
        refuse()
    }
    async fn remove(&self, _: &str) -> Result<(), PortError> {
        refuse()
    }
}

#[async_trait]
impl Target for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn window_policy(&self) -> (i64, i64) {
        (0, 1000)
    }
    async fn start_build(&self, _: BuildOrder) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn read_build(&self, _: &str) -> Result<BuildState, TargetError> {
        Ok(refuse()?)
    }
    async fn cancel_build(&self, _: &str) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn create_revision(&self, _: RevisionOrder) -> Result<Released, TargetError> {
        Ok(refuse()?)
    }
    async fn probe(&self, _: &ServiceKey, _: &str, _: &str) -> Result<Probe, TargetError> {
        Ok(refuse()?)
    }
    async fn traffic(&self, _: &ServiceKey) -> Result<Traffic, TargetError> {
        Ok(refuse()?)
    }
    async fn set_traffic(
        &self,
        _: &ServiceKey,
        _: &TrafficToken,
        _: &BTreeMap<String, u32>,
        _: &str,
    ) -> Result<Traffic, TargetError> {
        Ok(refuse()?)
    }
    async fn observe(&self, _: &ServiceKey, _: Window) -> Result<Measured, TargetError> {
        Ok(refuse()?)
    }
    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        Ok(refuse()?)
    }
    async fn retire(&self, _: &ServiceKey, _: &[String], _: &[String]) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn restart(&self, _: &ServiceKey, _: &str) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn runtime_log(&self, _: &ServiceKey, _: &str, _: usize) -> Result<Vec<String>, TargetError> {
        Ok(refuse()?)
    }
}

impl Fake {
    pub fn clock_now(&self) -> Timestamp {
        Timestamp(self.real.load(Ordering::SeqCst))
    }
}
