//! Ports that open nothing until they are used: a function that has just started answers at once. Ports that can't be
//! had are the same, and never open.
//!
//! Invariant: everything is opened at most once; while it can't be, each call says why and tries again.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use model::{
    TenantId, Timestamp,
    message::Message,
    port::{
        Broker, Clock, KeyContext, Keys, Mail, Mailer, Objects, PortError, Ports, Random, Source, Store,
        Target, Timers, objects,
        source::{Archived, Claim, Digest, Fetched, Manifest, Opened, SourceRef, Upload},
        store::{Changed, Document, Page, Path, Query, StoreError, Version, Watch, Write},
        target::{
            BuildOrder, BuildState, Capabilities, Cost, LogPosition, Measured, Operation, Paths, Probe,
            Released, RevisionOrder, RuntimeLines, ServiceKey, Settings, TargetError, Traffic, TrafficToken,
            Window, WindowPolicy,
        },
    },
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::OnceCell;

/// Opens the ports.
pub type Open = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<Ports>, PortError>> + Send + Sync>;

/// All ports that reach outside, opened by the first call of any of them.
pub struct Lazy {
    way: Way,
    opened: OnceCell<Arc<Ports>>,
}

/// How to get at the ports.
enum Way {
    /// By opening them.
    Open(Open),
    /// There is none, for this reason.
    Never(String),
}

impl Lazy {
    /// Not open yet.
    pub fn new(open: Open) -> Arc<Self> {
        Arc::new(Self { way: Way::Open(open), opened: OnceCell::new() })
    }

    /// Fails whatever is asked of it, for this reason: a call is a mistake in the code, so no repeat helps.
    pub fn never(reason: String) -> Arc<Self> {
        Arc::new(Self { way: Way::Never(reason), opened: OnceCell::new() })
    }

    async fn ports(&self) -> Result<&Ports, PortError> {
        match &self.way {
            Way::Open(open) => self.opened.get_or_try_init(open).await.map(|ports| &**ports),
            Way::Never(reason) => Err(PortError::Permanent(reason.clone())),
        }
    }

    async fn store(&self) -> Result<&dyn Store, StoreError> {
        match self.ports().await {
            Ok(ports) => Ok(&*ports.store),
            Err(PortError::Transient(why)) => Err(StoreError::Unavailable(why)),
            Err(PortError::Permanent(why)) => Err(StoreError::Invalid(why)),
        }
    }

    /// What is open, for questions that can't fail. Panics where nothing ever opens: any answer would be made up.
    fn known(&self) -> Option<&Ports> {
        match &self.way {
            Way::Open(_) => self.opened.get().map(|ports| &**ports),
            #[expect(clippy::panic, reason = "the host turns it into an error of the request or delivery")]
            Way::Never(reason) => panic!("{reason}"),
        }
    }

    async fn target(&self) -> Result<&dyn Target, TargetError> {
        Ok(&*self.ports().await?.target)
    }
}

#[async_trait]
impl Store for Lazy {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.store().await?.get(path).await
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        self.store().await?.get_many(paths).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store().await?.query(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.store().await?.commit(writes).await
    }

    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        self.store().await?.watch(watch).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.store().await?.ready().await
    }
}

#[async_trait]
impl Broker for Lazy {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        self.ports().await?.broker.publish(messages).await
    }
}

#[async_trait]
impl Timers for Lazy {
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError> {
        self.ports().await?.timers.at(when, key, message).await
    }
}

#[async_trait]
impl Objects for Lazy {
    async fn create(&self, key: &str, data: Bytes) -> Result<bool, PortError> {
        self.ports().await?.objects.create(key, data).await
    }

    async fn create_from(&self, key: &str, data: objects::Stream) -> Result<bool, PortError> {
        self.ports().await?.objects.create_from(key, data).await
    }

    async fn put(&self, key: &str, data: Bytes) -> Result<(), PortError> {
        self.ports().await?.objects.put(key, data).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        self.ports().await?.objects.get(key).await
    }

    async fn read(&self, key: &str) -> Result<Option<objects::Stream>, PortError> {
        self.ports().await?.objects.read(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, PortError> {
        self.ports().await?.objects.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.ports().await?.objects.delete(key).await
    }

    async fn tidy(&self) -> Result<u64, PortError> {
        self.ports().await?.objects.tidy().await
    }
}

#[async_trait]
impl Keys for Lazy {
    async fn wrap(&self, context: &KeyContext, data_key: &[u8]) -> Result<Vec<u8>, PortError> {
        self.ports().await?.keys.wrap(context, data_key).await
    }

    async fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Vec<u8>, PortError> {
        self.ports().await?.keys.unwrap(context, wrapped).await
    }
}

#[async_trait]
impl Mailer for Lazy {
    async fn send(&self, mail: Mail) -> Result<(), PortError> {
        self.ports().await?.mailer.send(mail).await
    }
}

#[async_trait]
impl Source for Lazy {
    async fn check(&self, source: &SourceRef) -> Result<(), PortError> {
        self.ports().await?.source.check(source).await
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Fetched, PortError> {
        self.ports().await?.source.fetch(tenant, source, key, token).await
    }

    async fn open(&self, archived: &Archived) -> Result<Opened, PortError> {
        self.ports().await?.source.open(archived).await
    }

    async fn receive(&self, tenant: &TenantId, upload: Upload) -> Result<Manifest, PortError> {
        self.ports().await?.source.receive(tenant, upload).await
    }

    async fn keep(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &Digest,
    ) -> Result<Option<Manifest>, PortError> {
        self.ports().await?.source.keep(tenant, key, digest).await
    }

    async fn release(&self, tenant: &TenantId, key: &str) -> Result<(), PortError> {
        self.ports().await?.source.release(tenant, key).await
    }

    async fn forget(&self, claim: &Claim) -> Result<(), PortError> {
        self.ports().await?.source.forget(claim).await
    }

    async fn claims(&self, after: Option<&Claim>, limit: usize) -> Result<Vec<Claim>, PortError> {
        self.ports().await?.source.claims(after, limit).await
    }
}

/// What is known of the machine target without opening it is what it always says of itself.
#[async_trait]
impl Target for Lazy {
    fn name(&self) -> &'static str {
        self.known().map_or("machine", |ports| ports.target.name())
    }

    fn window_policy(&self) -> WindowPolicy {
        self.known().map_or(WindowPolicy::MACHINE, |ports| ports.target.window_policy())
    }

    fn capabilities(&self) -> Capabilities {
        self.known().map_or_else(Capabilities::default, |ports| ports.target.capabilities())
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        self.target().await?.start_build(order).await
    }

    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError> {
        self.target().await?.read_build(key).await
    }

    async fn cancel_build(&self, key: &str) -> Result<(), TargetError> {
        self.target().await?.cancel_build(key).await
    }

    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError> {
        self.target().await?.start_release(order).await
    }

    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError> {
        self.target().await?.read_release(service, revision).await
    }

    async fn open(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        self.target().await?.open(service, expected, key).await
    }

    async fn probe(&self, service: &ServiceKey, revision: &str, path: &str) -> Result<Probe, TargetError> {
        self.target().await?.probe(service, revision, path).await
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Traffic, TargetError> {
        self.target().await?.traffic(service).await
    }

    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        self.target().await?.start_traffic(service, expected, weights, key).await
    }

    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError> {
        self.target().await?.read_traffic(service, key).await
    }

    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        self.target().await?.observe_range(service, range, step_ms).await
    }

    async fn counted_since(&self) -> Result<Option<Timestamp>, TargetError> {
        self.target().await?.counted_since().await
    }

    async fn observe_paths(&self, service: &ServiceKey, range: Window) -> Result<Option<Paths>, TargetError> {
        self.target().await?.observe_paths(service, range).await
    }

    async fn cost(&self, service: &ServiceKey, window: Window) -> Result<Cost, TargetError> {
        self.target().await?.cost(service, window).await
    }

    async fn retire(
        &self,
        service: &ServiceKey,
        keep: &[String],
        remember: &[String],
    ) -> Result<(), TargetError> {
        self.target().await?.retire(service, keep, remember).await
    }

    async fn discard(&self, service: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        self.target().await?.discard(service, revision).await
    }

    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.target().await?.delete(service).await
    }

    async fn stop(&self, service: &ServiceKey, revisions: &[String]) -> Result<(), TargetError> {
        self.target().await?.stop(service, revisions).await
    }

    async fn restart(&self, service: &ServiceKey, revision: &str, key: &str) -> Result<(), TargetError> {
        self.target().await?.restart(service, revision, key).await
    }

    async fn configure(
        &self,
        service: &ServiceKey,
        settings: Settings,
        key: &str,
    ) -> Result<(), TargetError> {
        self.target().await?.configure(service, settings, key).await
    }

    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        from: Option<&LogPosition>,
        limit: usize,
    ) -> Result<RuntimeLines, TargetError> {
        self.target().await?.runtime_log(service, revision, from, limit).await
    }
}

/// Ports that open by `open` on first use.
pub fn ports(open: Open, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Ports {
    with(&Lazy::new(open), clock, random)
}

/// Ports that fail, all of them, for this reason.
pub fn none(reason: String, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Ports {
    with(&Lazy::never(reason), clock, random)
}

fn with(lazy: &Arc<Lazy>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Ports {
    Ports {
        store: lazy.clone(),
        broker: lazy.clone(),
        timers: lazy.clone(),
        target: lazy.clone(),
        objects: lazy.clone(),
        keys: lazy.clone(),
        mailer: lazy.clone(),
        source: lazy.clone(),
        clock,
        random,
    }
}
