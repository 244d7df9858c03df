//! Functions on a real store, with topics that only remember what was published.

use axum::{body::Body, http::Request};
use host::{
    Caller, Config, Function, Role, Runner, runner,
    testing::{START, World as Outside, sample},
    token,
};
use machine::store::{Options, Store};
use model::{
    message::{Message, kind, topic},
    port::{
        Delivery, Ports, Subscriber, Verdict,
        store::{Path, Query, Scope},
    },
    time::MINUTE_MS,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tower_service::Service as _;

/// Collections whose documents have an outbox.
const OWING: [&str; 5] = ["deployments", "services", "actions", "baselines", "learned"];

/// Functions, a store, and what is outside.
pub struct World {
    pub outside: Outside,
    _folder: TempDir,
}

#[derive(Deserialize)]
struct Owing {
    #[serde(default)]
    outbox: Vec<Message>,
}

fn functions() -> Vec<Function> {
    vec![
        register::function(),
        deploy_step::function(),
        collect_metrics::function(),
        advise::function(),
        send_feedback::function(),
        receive_feedback::function(),
        learn::function(),
        act::function(),
        sweep::function(),
    ]
}

impl World {
    /// With a service on which deployment 2 serves and deployment 1 is kept.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outside = Outside::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
        outside.with_service().await;
        outside.with_deployment(2).await;
        let mut service = sample::service();
        service.serve(sample::kept(2, START));
        outside.put(model::document::service_path(&service.tenant, &service.name), &service).await;
        outside.state().weights = [(sample::kept(2, START).revision, 100)].into();
        Self { outside, _folder: folder }
    }

    /// Functions on these ports.
    pub fn runner(&self, ports: Arc<Ports>) -> Runner {
        let config: Config = (*self.outside.context().config).clone();
        Runner::new(functions(), ports, Arc::new(config))
    }

    /// Delivers a message to a function.
    pub async fn deliver(&self, function: &str, message: &Message) -> Verdict {
        deliver(&self.runner(self.outside.ports()), function, message).await
    }

    /// The minute of a function's schedule.
    pub async fn minute(&self, function: &str) {
        let runner = self.runner(self.outside.ports());
        assert_eq!(schedule(&runner, function).await, Verdict::Ack, "{function}");
    }

    /// The minute of the sweep; whoever it wakes comes, as long as it wakes somebody.
    pub async fn sweep(&self) {
        let before = self.outside.state().messages.len();
        self.minute("sweep").await;
        let woken = self.outside.state().messages[before..].to_vec();
        for message in woken.iter().filter(|message| message.kind == kind::DEPLOYMENT_DUE) {
            self.deliver("deploy-step", message).await;
        }
    }

    /// A request of a signed-in user; its status and answer.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let runner = Arc::new(self.runner(self.outside.ports()));
        let key = signing_key();
        let caller = Caller { tenant: sample::acme(), user: "ann".into(), role: Role::Deployer };
        let now = self.outside.context().real();
        let token = token::mint(&key, &token::Claims::new(&caller, now, 60, 1)).unwrap();
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("host", "localhost:8080")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let answer = runner.router().call(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// What is owed, by document.
    pub async fn owing(&self) -> Vec<(Path, Vec<Message>)> {
        let mut owing = vec![];
        for group in OWING {
            let query = Query::all(Scope::Group(group.to_owned()), 1000);
            for document in self.outside.store().query(&query).await.unwrap().documents {
                let parsed: Owing = document.body.parse().unwrap();
                if !parsed.outbox.is_empty() {
                    owing.push((document.path, parsed.outbox));
                }
            }
        }
        owing
    }

    /// The topics are out of reach while something happens, which commits and so owes messages of these kinds. A
    /// minute later the sweep publishes each once, and never again.
    pub async fn publishes_a_minute_later(&self, kinds: &[&str], what: impl AsyncFnOnce(&Self)) {
        self.outside.state().messages.clear();
        self.outside.state().broker_down = true;
        what(self).await;
        assert!(self.outside.state().messages.is_empty());
        let owed: Vec<Message> = self.owing().await.into_iter().flat_map(|(_, owed)| owed).collect();
        assert!(kinds.iter().all(|kind| owed.iter().any(|owed| owed.kind == *kind)), "{kinds:?}: {owed:?}");
        self.outside.state().broker_down = false;
        self.outside.pass(MINUTE_MS);
        for minute in 1..=2 {
            self.sweep().await;
            for kind in kinds {
                assert_eq!(self.outside.published(kind).len(), 1, "{kind} after sweep {minute}");
            }
            self.outside.pass(MINUTE_MS);
        }
        assert_eq!(self.owing().await, []);
    }
}

fn signing_key() -> token::Key {
    token::Key::new(vec![7; 32]).unwrap()
}

/// Delivers a message to a function that a runner runs.
pub async fn deliver(runner: &Runner, function: &str, message: &Message) -> Verdict {
    let delivery = Delivery {
        subscription: format!("{function}.{}", message.topic),
        id: "1".to_owned(),
        published_at: START,
        attempt: 1,
        message: message.clone(),
    };
    runner.deliver(delivery).await
}

/// The minute of a function's schedule of the same name.
pub async fn schedule(runner: &Runner, function: &str) -> Verdict {
    let message =
        Message::new(runner::SCHEDULE_TOPIC, kind::SCHEDULE, &sample::acme(), &json!({ "name": function }));
    deliver(runner, function, &message).await
}

/// The news of a window that was measured.
pub async fn observed(world: &Outside, observation: &model::document::Observation) -> Message {
    world.observed(observation).await;
    let body =
        model::message::AboutObservation { observation: observation.id.clone(), service: sample::shop() };
    Message::new(topic::OBSERVATIONS, kind::OBSERVATION_RECORDED, &sample::acme(), &body)
}
