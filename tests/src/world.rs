//! Functions in one process on the embedded engines, with a target that answers at once: for what is about the
//! protocol itself (budget, throughput), where real builds would only take time.

use crate::fake::{CountedBroker, CountedStore, CountedTimers, Counts, InstantTarget, ReadySource, Traffic};
use axum::{Router, body::Body, http::Request};
use common::mail::Mailer;
use host::{Caller, Config, Function, Role, Runner, runner, token};
use machine::{
    broker::{self, Broker},
    clock::{MachineClock, OsRandom},
    engine::{self, Engine},
    keys::Keys,
    objects::Objects,
    store::Store,
    timers::Timers,
};
use model::{
    TenantId,
    index::INDEXES,
    port::{self, Clock as _, Ports},
};
use serde_json::Value;
use std::{path::Path, sync::Arc};
use tower_service::Service as _;

/// The tenant that everything belongs to.
pub const TENANT: &str = "acme";

/// Functions on embedded engines.
pub struct World {
    /// What the engines were asked.
    pub counts: Arc<Counts>,
    /// Documents.
    pub store: Arc<Store>,
    /// Topics.
    pub broker: Arc<Broker>,
    /// All of them, as functions see them.
    pub ports: Arc<Ports>,
    router: Router,
    token: String,
}

impl World {
    /// Opens everything in `folder`.
    pub fn open(folder: &Path, functions: Vec<Function>, traffic: Traffic) -> Self {
        Self::logging(folder, functions, traffic, None)
    }

    /// The same, with builds that write a log for so many seconds.
    pub fn logging(
        folder: &Path,
        functions: Vec<Function>,
        traffic: Traffic,
        log_seconds: Option<i64>,
    ) -> Self {
        let key = token::Key::new(vec![7; 32]).unwrap();
        let mut config = Config::local(8080, key.clone());
        config.settings.instance = "world".to_owned();
        config.settings.alone = true;
        config.max_concurrent = Some(4096);
        let counts = Arc::new(Counts::default());
        std::fs::create_dir_all(folder.join("store")).unwrap();
        let engine = Arc::new(Engine::open(&folder.join("store"), engine::Options::default()).unwrap());
        let store = Arc::new(Store::with(Arc::clone(&engine), INDEXES).unwrap());
        let clock = Arc::new(MachineClock::open(folder).unwrap());
        let subscriptions = runner::subscriptions(&functions, &config);
        let broker = Broker::with(engine, subscriptions, clock.clone(), broker::Options::default()).unwrap();
        let broker = Arc::new(broker);
        let counted = Arc::new(CountedBroker { inner: broker.clone(), counts: counts.clone() });
        let timers = Arc::new(Timers::new(clock.clone(), broker.clone()));
        let documents: Arc<dyn port::Store> =
            Arc::new(CountedStore { inner: store.clone(), counts: counts.clone() });
        let objects = Arc::new(Objects::open(&folder.join("objects")).unwrap());
        let mut target = InstantTarget::new(counted.clone(), traffic);
        if let Some(seconds) = log_seconds {
            target = target.logging(documents.clone(), objects.clone(), seconds);
        }
        let mail = folder.join("mail");
        std::fs::create_dir_all(&mail).unwrap();
        let ports = Arc::new(Ports {
            store: documents,
            broker: counted,
            timers: Arc::new(CountedTimers { inner: timers, counts: counts.clone() }),
            target: Arc::new(target),
            objects,
            keys: Arc::new(Keys::open(folder).unwrap()),
            mailer: Arc::new(Mailer::folder(&mail, "sextant@localhost").unwrap()),
            source: Arc::new(ReadySource::new(folder.join("app"))),
            clock: clock.clone(),
            random: Arc::new(OsRandom),
        });
        let caller = Caller { tenant: TenantId::new(TENANT).unwrap(), user: "ada".into(), role: Role::Owner };
        let claims = token::Claims::new(&caller, clock.real(), 3600, 1);
        let token = token::mint(&key, &claims).unwrap();
        let runner = Arc::new(Runner::new(functions, ports.clone(), Arc::new(config)));
        broker.start(runner.clone());
        Self { counts, store, broker, ports, router: runner.router(), token }
    }

    /// One request; its status and JSON answer.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        request = request
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = self.router.clone().call(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = axum::body::to_bytes(answer.into_body(), 16 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Starts a deployment of `service` and answers its id.
    pub async fn deploy(&self, service: &str, more: Value) -> String {
        let mut body = serde_json::json!({"service": service, "path": "/srv/shop", "strategy": "canary"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.call("POST", "/api/v1/deployments", Some(&body)).await;
        assert_eq!(status, 201, "{answer}");
        answer["deployment_id"].as_str().unwrap().to_owned()
    }

    /// Starts a quick deployment of the `n`th of many services.
    pub async fn deploy_named(&self, n: usize) -> String {
        self.deploy(&format!("app-{n}"), serde_json::json!({"strategy": "instant"})).await
    }

    /// Waits until a deployment is at rest, woken by the store; its document.
    pub async fn rest(&self, id: &str) -> model::document::Deployment {
        use futures::StreamExt;
        use model::port::{Store as _, store::Watch};
        let path = model::document::deployment_path(&TenantId::new(TENANT).unwrap(), &id.parse().unwrap());
        let mut changes = self.store.watch(Watch::Document(path)).await.unwrap();
        loop {
            let changed = changes.next().await.unwrap().unwrap();
            let Some(document) = changed.document else { continue };
            let deployment: model::document::Deployment = document.body.parse().unwrap();
            if deployment.status.at_rest() && deployment.outbox.is_empty() {
                return deployment;
            }
        }
    }
}
