//! One installation: a real store, real keys, and receivers that count.

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Method, Request},
};
use bytes::Bytes;
use futures::stream::BoxStream;
use host::{Caller, Config, Role, Runner, token};
use http_body_util::BodyExt;
use machine::{
    clock::{MachineClock, OsRandom},
    keys::Keys,
    store::{Options, Store},
};
use model::{
    DecisionId, DeploymentId, ServiceName, TenantId, Timestamp,
    document::{
        Decision, Deployment, Kept, Service, Status, Step, collection, decision_path, deployment_path,
        service_path,
    },
    message::Message,
    port::{
        Broker, Mail, Mailer, Objects, PortError, Ports, Source, Target, Timers,
        source::{Checkout, SourceRef},
        store::{Precondition, Query, Scope, Write},
        target::{
            BuildOrder, BuildState, Cost, Measured, Probe, Released, RevisionOrder, ServiceKey, TargetError,
            Traffic, TrafficToken, Window,
        },
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use tower_service::Service as _;

pub const TENANT: &str = "acme";

/// Takes messages, or is out of reach.
#[derive(Default)]
pub struct Topics {
    pub published: Mutex<Vec<Message>>,
    pub down: AtomicBool,
}

#[async_trait]
impl Broker for Topics {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(PortError::Transient("the topics are out of reach".into()));
        }
        self.published.lock().unwrap().extend(messages);
        Ok(())
    }
}

/// Hands out one folder; remembers what was asked.
#[derive(Default)]
pub struct Repositories {
    pub folder: Mutex<Option<PathBuf>>,
    pub fetched: Mutex<Vec<(SourceRef, String, Option<String>)>>,
    pub removed: Mutex<Vec<String>>,
}

#[async_trait]
impl Source for Repositories {
    async fn checkout(
        &self,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Checkout, PortError> {
        self.fetched.lock().unwrap().push((source.clone(), key.to_owned(), token.map(str::to_owned)));
        let folder = self.folder.lock().unwrap().clone();
        let folder = folder.ok_or_else(|| PortError::Permanent("there is no such repository".into()))?;
        Ok(Checkout { folder, commit: "c".repeat(40), bytes: 1 })
    }

    async fn remove(&self, key: &str) -> Result<(), PortError> {
        self.removed.lock().unwrap().push(key.to_owned());
        Ok(())
    }
}

/// A port that this function must not use.
struct Untouched;

fn untouched<T>() -> Result<T, PortError> {
    panic!("register used a port that it has no business with")
}

#[async_trait]
impl Timers for Untouched {
    async fn at(&self, _: Timestamp, _: &str, _: Message) -> Result<(), PortError> {
        untouched()
    }
}

#[async_trait]
impl Mailer for Untouched {
    async fn send(&self, _: Mail) -> Result<(), PortError> {
        untouched()
    }
}

#[async_trait]
impl Objects for Untouched {
    async fn create(&self, _: &str, _: Bytes) -> Result<bool, PortError> {
        untouched()
    }
    async fn put(&self, _: &str, _: Bytes) -> Result<(), PortError> {
        untouched()
    }
    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        untouched()
    }
    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, PortError> {
        untouched()
    }
    async fn delete(&self, _: &str) -> Result<(), PortError> {
        untouched()
    }
    async fn watch(&self, _: &str) -> Result<BoxStream<'static, ()>, PortError> {
        untouched()
    }
}

#[async_trait]
impl Target for Untouched {
    fn name(&self) -> &'static str {
        "untouched"
    }
    fn window_policy(&self) -> (i64, i64) {
        (0, 1000)
    }
    async fn start_build(&self, _: BuildOrder) -> Result<(), TargetError> {
        Ok(untouched()?)
    }
    async fn read_build(&self, _: &str) -> Result<BuildState, TargetError> {
        Ok(untouched()?)
    }
    async fn cancel_build(&self, _: &str) -> Result<(), TargetError> {
        Ok(untouched()?)
    }
    async fn create_revision(&self, _: RevisionOrder) -> Result<Released, TargetError> {
        Ok(untouched()?)
    }
    async fn probe(&self, _: &ServiceKey, _: &str, _: &str) -> Result<Probe, TargetError> {
        Ok(untouched()?)
    }
    async fn traffic(&self, _: &ServiceKey) -> Result<Traffic, TargetError> {
        Ok(untouched()?)
    }
    async fn set_traffic(
        &self,
        _: &ServiceKey,
        _: &TrafficToken,
        _: &BTreeMap<String, u32>,
        _: &str,
    ) -> Result<Traffic, TargetError> {
        Ok(untouched()?)
    }
    async fn observe(&self, _: &ServiceKey, _: Window) -> Result<Measured, TargetError> {
        Ok(untouched()?)
    }
    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        Ok(untouched()?)
    }
    async fn retire(&self, _: &ServiceKey, _: &[String], _: &[String]) -> Result<(), TargetError> {
        Ok(untouched()?)
    }
    async fn restart(&self, _: &ServiceKey, _: &str) -> Result<(), TargetError> {
        Ok(untouched()?)
    }
    async fn runtime_log(&self, _: &ServiceKey, _: &str, _: usize) -> Result<Vec<String>, TargetError> {
        Ok(untouched()?)
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub replayed: bool,
    pub json: Value,
}

impl Answer {
    /// The value at a JSON pointer's first level, as text.
    pub fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {self:?}"))
    }

    /// The fields that a problem names.
    pub fn fields(&self) -> Vec<&str> {
        self.json["errors"]
            .as_array()
            .map(|all| all.iter().filter_map(|e| e["field"].as_str()).collect())
            .unwrap_or_default()
    }
}

/// One installation.
pub struct World {
    pub runner: Arc<Runner>,
    pub ports: Arc<Ports>,
    pub topics: Arc<Topics>,
    pub repositories: Arc<Repositories>,
    pub folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (topics, repositories) = (Arc::<Topics>::default(), Arc::<Repositories>::default());
        let ports = Arc::new(Ports {
            store: Arc::new(Store::open(&folder.path().join("store"), Options::default()).unwrap()),
            broker: topics.clone(),
            timers: Arc::new(Untouched),
            target: Arc::new(Untouched),
            objects: Arc::new(Untouched),
            keys: Arc::new(Keys::open(folder.path()).unwrap()),
            mailer: Arc::new(Untouched),
            source: repositories.clone(),
            clock: Arc::new(MachineClock::open(folder.path()).unwrap()),
            random: Arc::new(OsRandom),
        });
        let config = Config::local(8080, signing_key());
        let runner = Arc::new(Runner::new(vec![register::function()], ports.clone(), Arc::new(config)));
        Self { runner, ports, topics, repositories, folder }
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(TENANT, Role::Deployer, None, path, body.to_string()).await
    }

    pub async fn post_as(&self, tenant: &str, path: &str, body: &Value) -> Answer {
        self.send(tenant, Role::Deployer, None, path, body.to_string()).await
    }

    pub async fn post_with_key(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(TENANT, Role::Deployer, Some(key), path, body.to_string()).await
    }

    pub async fn send(
        &self,
        tenant: &str,
        role: Role,
        key: Option<&str>,
        path: &str,
        body: String,
    ) -> Answer {
        let caller = Caller { tenant: TenantId::new(tenant).unwrap(), user: "ann".into(), role };
        let claims = token::Claims::new(&caller, self.ports.clock.real(), 60, self.ports.random.bits());
        let token = token::mint(&signing_key(), &claims).unwrap();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", "localhost:8080")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.runner.router().call(request).await.unwrap();
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotent-replay");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, replayed, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// Deploys a folder to a service and answers the deployment's id.
    pub async fn start(&self, service: &str) -> DeploymentId {
        let body = serde_json::json!({"path": "/srv/app", "service": service});
        let answer = self.post("/api/v1/deployments", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        DeploymentId::new(answer.text("deployment_id")).unwrap()
    }

    /// A command on a deployment.
    pub async fn command(&self, id: &DeploymentId, command: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/deployments/{id}/{command}"), body).await
    }

    pub async fn deployment(&self, id: &DeploymentId) -> Deployment {
        self.document(&deployment_path(&tenant(), id)).await.expect("the deployment is stored")
    }

    pub async fn service(&self, name: &str) -> Service {
        let path = service_path(&tenant(), &ServiceName::new(name).unwrap());
        self.document(&path).await.expect("the service is stored")
    }

    pub async fn decision(&self, id: &str) -> Option<Decision> {
        self.document(&decision_path(&tenant(), &DecisionId::new(id).unwrap())).await
    }

    pub async fn document<T: DeserializeOwned>(&self, path: &model::port::store::Path) -> Option<T> {
        self.ports.store.get(path).await.unwrap().map(|found| found.body.parse().unwrap())
    }

    /// How many documents a collection of the tenant has.
    pub async fn count(&self, name: &str) -> usize {
        let query = Query::all(Scope::Collection(collection(&tenant(), name)), 1000);
        self.ports.store.query(&query).await.unwrap().documents.len()
    }

    /// Changes a deployment behind everybody's back, as the pipeline would have.
    pub async fn alter(&self, id: &DeploymentId, change: impl FnOnce(&mut Deployment)) {
        let mut deployment = self.deployment(id).await;
        change(&mut deployment);
        let path = deployment_path(&tenant(), id);
        let write = Write::put(path, Precondition::Present, &deployment).unwrap();
        self.ports.store.commit(vec![write]).await.unwrap();
    }

    /// The same for a service.
    pub async fn alter_service(&self, name: &str, change: impl FnOnce(&mut Service)) {
        let mut service = self.service(name).await;
        change(&mut service);
        let path = service_path(&tenant(), &service.name);
        let write = Write::put(path, Precondition::Present, &service).unwrap();
        self.ports.store.commit(vec![write]).await.unwrap();
    }

    /// As if the pipeline had brought this deployment to success.
    pub async fn deployed(&self, service: &str) -> DeploymentId {
        let id = self.start(service).await;
        self.alter(&id, |deployment| {
            (deployment.status, deployment.step) = (Status::Deployed, Step::Rest);
            deployment.ended_at = Some(deployment.created_at);
            deployment.outbox.clear();
        })
        .await;
        let revision = self.deployment(&id).await.revision_name();
        let deployment = id.clone();
        self.alter_service(service, move |service| {
            let since = service.created_at;
            service.serve(Kept { revision, deployment, decision: None, commit: None, since });
            service.running = None;
        })
        .await;
        id
    }

    /// Types of what was published, oldest first, and forgets it.
    pub fn published(&self) -> Vec<String> {
        std::mem::take(&mut *self.topics.published.lock().unwrap()).into_iter().map(|m| m.kind).collect()
    }
}

pub fn tenant() -> TenantId {
    TenantId::new(TENANT).unwrap()
}

fn signing_key() -> token::Key {
    token::Key::new(vec![7; 32]).unwrap()
}
