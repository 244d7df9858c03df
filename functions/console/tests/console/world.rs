//! One installation: a real store, real objects and the host's own HTTP. Shared by the tests and the preview.

use async_trait::async_trait;
use axum::{
    body::{Body, Bytes},
    http::{Request, Response},
};
use futures::{StreamExt, stream::BoxStream};
use host::{Caller, Config, Role, Runner, testing, token};
use http_body_util::BodyExt;
use machine::{
    clock::{MachineClock, OsRandom},
    objects::Objects,
    store::{Options, Store},
};
use model::{
    TenantId, Timestamp,
    document::{
        Deployment, deployment_path,
        log::{Head, head_path, segment_key},
    },
    port::{
        self, Clock as _, Ports, Store as _,
        store::{Changed, Document, Page, Path, Precondition, Query, StoreError, Version, Watch, Write},
    },
};
use serde::Serialize;
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;
use tower_service::Service as _;

pub const TENANT: &str = "acme";

/// The embedded store, counting its watches.
pub struct Counting {
    pub store: Store,
    /// Watches begun so far.
    pub begun: AtomicUsize,
    /// Held by each watch that is open.
    pub open: Arc<()>,
}

#[async_trait]
impl port::Store for Counting {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.store.get(path).await
    }
    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        self.store.get_many(paths).await
    }
    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }
    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.store.commit(writes).await
    }
    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let open = self.open.clone();
        let held = move |change| {
            let _ = &open;
            change
        };
        Ok(self.store.watch(watch).await?.map(held).boxed())
    }
}

/// One installation.
pub struct World {
    pub runner: Arc<Runner>,
    pub ports: Arc<Ports>,
    pub store: Arc<Counting>,
    pub clock: Arc<MachineClock>,
    /// What lives in memory, the target among it.
    pub outside: testing::World,
    _folder: TempDir,
}

pub fn tenant() -> TenantId {
    TenantId::new(TENANT).unwrap()
}

pub fn signing_key() -> token::Key {
    token::Key::new(vec![9; 32]).unwrap()
}

impl World {
    pub fn new() -> Self {
        Self::at(8080)
    }

    pub fn at(port: u16) -> Self {
        Self::configured_at(port, |_| {})
    }

    pub fn configured(change: impl FnOnce(&mut Config)) -> Self {
        Self::configured_at(8080, change)
    }

    fn configured_at(port: u16, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store"), Options::default()).unwrap();
        let store = Arc::new(Counting { store, begun: AtomicUsize::new(0), open: Arc::new(()) });
        let outside = testing::World::new(store.clone());
        let mut ports = (*outside.ports()).clone();
        let clock = Arc::new(MachineClock::open(folder.path()).unwrap());
        ports.objects = Arc::new(Objects::open(&folder.path().join("objects")).unwrap());
        ports.clock = clock.clone();
        ports.random = Arc::new(OsRandom);
        let ports = Arc::new(ports);
        let mut config = Config::local(port, signing_key());
        change(&mut config);
        let runner = Arc::new(Runner::new(vec![console::function()], ports.clone(), Arc::new(config)));
        Self { runner, ports, store, clock, outside, _folder: folder }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn token(&self, tenant: &str, user: &str, role: Role) -> String {
        let caller = Caller { tenant: TenantId::new(tenant).unwrap(), user: user.into(), role };
        let claims = token::Claims::new(&caller, self.clock.real(), 3600, self.ports.random.bits());
        token::mint(&signing_key(), &claims).unwrap()
    }

    pub async fn send(&self, tenant: &str, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.send_as(tenant, "ann", path, headers).await
    }

    pub async fn send_as(
        &self,
        tenant: &str,
        user: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response<Body> {
        let mut request = Request::builder()
            .uri(path)
            .header("host", "localhost:8080")
            .header("authorization", format!("Bearer {}", self.token(tenant, user, Role::Viewer)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.runner.router().call(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// Status and text.
    pub async fn text(&self, path: &str) -> (u16, String) {
        let response = self.send(TENANT, path, &[]).await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// JSON of a 200.
    pub async fn json(&self, path: &str) -> Value {
        let (status, text) = self.text(path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The problem that a request is refused with: status and document.
    pub async fn problem(&self, tenant: &str, path: &str) -> (u16, Value) {
        let response = self.send(tenant, path, &[]).await;
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    pub async fn put<T: Serialize>(&self, path: Path, document: &T) {
        self.add(Write::put(path, Precondition::None, document).unwrap()).await;
    }

    pub async fn add(&self, write: Write) {
        self.store.commit(vec![write]).await.unwrap();
    }

    pub async fn save(&self, deployment: &Deployment) {
        self.put(deployment_path(&deployment.tenant, &deployment.id), deployment).await;
    }

    /// Writes one segment of a deployment's log.
    pub async fn log(&self, deployment: &Deployment, segment: u32, lines: &[(&str, &str)]) {
        let at = self.clock.real();
        let mut bytes = vec![];
        for (stream, text) in lines {
            let line = serde_json::json!({ "t": at, "s": stream, "l": text });
            serde_json::to_writer(&mut bytes, &line).unwrap();
            bytes.push(b'\n');
        }
        self.segment(deployment, segment, &bytes).await;
        self.head(deployment, segment, &bytes).await;
    }

    /// Stores a segment that no head tells of.
    pub async fn segment(&self, deployment: &Deployment, segment: u32, bytes: &[u8]) {
        let key = segment_key(&deployment.log_prefix(), segment);
        assert!(self.ports.objects.create(&key, Bytes::copy_from_slice(bytes)).await.unwrap());
    }

    /// Tells of a segment in the log's head, as the target does.
    async fn head(&self, deployment: &Deployment, segment: u32, bytes: &[u8]) {
        let path = head_path(&deployment.tenant, &deployment.id);
        let known = self.store.get(&path).await.unwrap().map(|found| found.body.parse::<Head>().unwrap());
        let now = self.clock.real();
        let head = match known {
            Some(head) => head.with(segment, bytes, now),
            None => Head::new(&deployment.tenant, &deployment.id, segment, bytes, now),
        };
        self.put(path, &Head { at: now, ..head }).await;
    }
}
