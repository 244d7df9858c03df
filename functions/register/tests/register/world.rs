//! One installation: a real store, real keys, and receivers that count.

use axum::{
    body::Body,
    http::{Method, Request},
};
use host::{
    Caller, Config, Role, Runner,
    testing::{World as Outside, archived},
    token,
};
use http_body_util::BodyExt;
use machine::{
    clock::{MachineClock, OsRandom},
    keys::Keys,
    store::{Options, Store},
};
use model::{
    DecisionId, DeploymentId, ServiceName, TenantId,
    document::{
        Decision, Deployment, Kept, Service, Status, Step, collection, decision_path, deployment_path,
        service_path,
    },
    port::{
        Ports,
        store::{Precondition, Query, Scope, Write},
        target::Plan,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;
use tower_service::Service as _;

pub const TENANT: &str = "acme";

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
    /// The ports that only remember: topics, repositories, and those that this function has no business with.
    pub outside: Outside,
    pub folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store"), Options::default()).unwrap();
        let outside = Outside::new(Arc::new(store));
        let ports = Arc::new(Ports {
            keys: Arc::new(Keys::open(folder.path()).unwrap()),
            clock: Arc::new(MachineClock::open(folder.path()).unwrap()),
            random: Arc::new(OsRandom),
            ..(*outside.ports()).clone()
        });
        let config = Config::local(8080, signing_key());
        let runner = Arc::new(Runner::new(vec![register::function()], ports.clone(), Arc::new(config)));
        Self { runner, ports, outside, folder }
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

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, TENANT, Role::Deployer, None, path, String::new()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PATCH, TENANT, Role::Deployer, None, path, body.to_string()).await
    }

    pub async fn send(
        &self,
        tenant: &str,
        role: Role,
        key: Option<&str>,
        path: &str,
        body: String,
    ) -> Answer {
        self.request(Method::POST, tenant, role, key, path, body).await
    }

    async fn request(
        &self,
        method: Method,
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
            .method(method)
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
            service.slot.running = None;
        })
        .await;
        id
    }

    /// As if the pipeline had fetched, scanned and built it on its way there.
    pub async fn built(&self, service: &str) -> DeploymentId {
        let id = self.deployed(service).await;
        self.outside.state().repository = Some(self.folder.path().to_owned());
        self.alter(&id, |deployment| {
            deployment.archive = Some(archived(&"c".repeat(40)));
            deployment.artifact = Some(format!("{}-b1", deployment.id));
            deployment.plan = Some(Plan { start_command: Some("node server.js".into()), ..Plan::default() });
        })
        .await;
        id
    }

    /// Types of what was published, oldest first, and forgets it.
    pub fn published(&self) -> Vec<String> {
        std::mem::take(&mut self.outside.state().messages).into_iter().map(|m| m.kind).collect()
    }
}

pub fn tenant() -> TenantId {
    TenantId::new(TENANT).unwrap()
}

fn signing_key() -> token::Key {
    token::Key::new(vec![7; 32]).unwrap()
}
