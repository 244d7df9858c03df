//! What a test of a target is handed, and the steps that most of them begin with.

use super::http::{Reply, get};
use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use model::{
    DeploymentId, ServiceName, TenantId,
    document::log::{Head, head_path},
    message::Message,
    port::{
        Broker, Objects, PortError, Redact, Store, Target,
        redact::LineRedactor,
        source::{Archived, Origin},
        store::{Changed, Watch},
        target::{
            Bounds, BuildOrder, BuildState, Placement, Plan, Released, RevisionOrder, ServiceKey, Traffic,
            secretless::Variable,
        },
    },
};
use std::{
    any::Any,
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Nothing takes this long; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_mins(1);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A folder as an archive in the objects.
pub async fn archived(objects: &dyn Objects, folder: &Path) -> Archived {
    let tree = archive::walk(folder, &archive::Rules::default()).unwrap();
    let mut packed = Vec::new();
    let contents = archive::pack(&tree, &mut packed, archive::Limits::default(), &mut |_| {}).unwrap();
    let key = format!("sources/tests/{}", contents.digest);
    objects.create(&key, packed.into()).await.unwrap();
    Archived { key, manifest: contents.manifest(Origin::default()) }
}

/// How the test app gets to the target.
#[derive(Clone, Debug)]
pub struct App {
    /// A source tree, packed.
    pub archive: Archived,
    /// What starts the test app there.
    pub start_command: String,
}

/// A target to test.
pub struct Fixture {
    /// The target.
    pub target: Arc<dyn Target>,
    /// Where it writes build logs.
    pub objects: Arc<dyn Objects>,
    /// Where it writes how far they have come.
    pub store: Arc<dyn Store>,
    /// What it announced.
    pub heard: Arc<Heard>,
    /// What to deploy.
    pub app: App,
    /// Real time in milliseconds, as the target reads it.
    pub now_ms: fn() -> i64,
    /// A service that nobody else uses.
    pub service: ServiceKey,
    /// What must live as long as the test.
    pub guard: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    /// A tenant and a service that nobody else uses.
    pub fn service() -> ServiceKey {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}x{number}", std::process::id());
        ServiceKey {
            tenant: TenantId::new(format!("t{unique}")).unwrap(),
            service: ServiceName::new(format!("s{unique}")).unwrap(),
        }
    }

    /// The test app's plan with these install and build commands.
    pub fn plan(&self, install: Option<&str>, build: Option<&str>) -> Plan {
        Plan {
            provider: "shell".into(),
            install_command: install.map(str::to_owned),
            build_command: build.map(str::to_owned),
            start_command: Some(self.app.start_command.clone()),
            health_path: Some("/healthz".into()),
            ..Plan::default()
        }
    }

    /// An order of a build of the test app.
    pub fn build_order(&self, key: &str, plan: Plan) -> BuildOrder {
        BuildOrder {
            key: format!("{}-{key}", self.service.service),
            deployment: DeploymentId::from_random(u128::from(NEXT.fetch_add(1, Ordering::Relaxed))),
            service: self.service.clone(),
            archive: self.app.archive.clone(),
            plan,
            variables: BTreeMap::new(),
            redact: Vec::new(),
            log_prefix: format!("logs/{}/{key}", self.service.service),
            log_from: 0,
            timeout_ms: 60_000,
        }
    }

    /// Waits until the end of the build is announced, then how it stands.
    pub async fn built(&self, order: &BuildOrder) -> BuildState {
        self.heard.wait_for(&order.deployment).await;
        self.target.read_build(&order.key).await.unwrap()
    }

    /// Builds the test app and answers its artifact.
    pub async fn artifact(&self, key: &str) -> String {
        let order = self.build_order(key, self.plan(None, None));
        self.target.start_build(order.clone()).await.unwrap();
        match self.built(&order).await {
            BuildState::Succeeded { artifact, .. } => artifact,
            other => panic!("the test app was not built: {other:?}"),
        }
    }

    /// An order of a revision with `VERSION` set to its name.
    pub fn revision_order(&self, name: &str, artifact: &str) -> RevisionOrder {
        let variable = |value: &str, secret| match secret {
            true => Variable::Secret(value.to_owned()),
            false => Variable::Plain(value.to_owned()),
        };
        RevisionOrder {
            revision: format!("{}-{name}", self.service.service),
            service: self.service.clone(),
            artifact: artifact.to_owned(),
            plan: self.plan(None, None),
            variables: BTreeMap::from([
                ("VERSION".into(), variable(name, false)),
                ("SECRET".into(), variable("correct-horse-battery", true)),
            ]),
            tag: name.to_owned(),
            cpu_milli: 1000,
            memory_mib: 512,
            concurrency: 80,
            placement: Placement::default(),
            bounds: Bounds::default(),
            public: true,
        }
    }

    /// Releases a revision and waits until it is well.
    pub async fn release(&self, name: &str) -> Released {
        let artifact = self.artifact(name).await;
        let released = self.target.create_revision(self.revision_order(name, &artifact)).await.unwrap();
        self.healthy(&released.revision).await;
        released
    }

    /// Probes until it is healthy; a dead one never gets there.
    pub async fn healthy(&self, revision: &str) {
        let probing = async {
            loop {
                let probe = self.target.probe(&self.service, revision, "/healthz").await.unwrap();
                assert!(!probe.dead, "{}", probe.detail);
                if probe.healthy {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, probing).await.expect("the revision never got healthy");
    }

    /// Sets weights with the token of now.
    pub async fn shift(&self, weights: &[(&Released, u32)], key: &str) -> Traffic {
        let now = self.target.traffic(&self.service).await.unwrap();
        let weights = weights.iter().map(|(released, weight)| (released.revision.clone(), *weight)).collect();
        self.target.set_traffic(&self.service, &now.token, &weights, key).await.unwrap()
    }

    /// Which version answers.
    pub async fn version(&self, url: &str) -> String {
        let reply = get(url, "/").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body.trim().trim_start_matches("version ").to_owned()
    }

    /// Whether its revisions are processes that answer; a target in memory has none.
    pub fn has_processes(&self) -> bool {
        self.target.name() != "slow"
    }

    /// This version answers there, where there are processes.
    pub async fn answers(&self, url: &str, version: &str) {
        if self.has_processes() {
            assert_eq!(self.version(url).await, version);
        }
    }

    /// A request is answered with this status, where there are processes.
    pub async fn refuses(&self, url: &str, status: u16) {
        if self.has_processes() {
            let reply = get(url, "/").await;
            assert_eq!(reply.status, status, "{}", reply.body);
        }
    }

    /// Which process answers there, where there are processes.
    pub async fn process(&self, url: &str) -> Option<String> {
        if self.has_processes() { Some(get(url, "/process").await.body) } else { None }
    }

    /// The newest lines of a revision's log, once one of them has this text in it.
    pub async fn wrote(&self, revision: &str, text: &str) -> Vec<String> {
        let reading = async {
            loop {
                let lines = self.target.runtime_log(&self.service, revision, None, 100).await.unwrap().lines;
                if lines.iter().any(|line| line.contains(text)) {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("that was never written")
    }

    /// The head of a build's log as it is and as it changes.
    pub async fn heads(&self, order: &BuildOrder) -> BoxStream<'static, Head> {
        let path = head_path(&order.service.tenant, &order.deployment);
        let changes = self.store.watch(Watch::Document(path)).await.unwrap();
        let head = async |changed: Result<Changed, _>| {
            Some(changed.unwrap().document?.body.parse().expect("a head"))
        };
        changes.filter_map(head).boxed()
    }

    /// Every line of a build's log, and that it is well-formed: times rise, the end is last.
    pub async fn log(&self, order: &BuildOrder) -> Vec<(String, String)> {
        let prefix = format!("{}/", order.log_prefix);
        let keys = self.objects.list(&prefix, None, 10_000).await.unwrap();
        let mut lines = Vec::new();
        let mut last = 0;
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(key, &format!("{prefix}{number:06}"), "segments have no gaps");
            let data = self.objects.get(key).await.unwrap().unwrap();
            assert!(data.len() <= 256 * 1024, "{key} has {} bytes", data.len());
            for line in String::from_utf8(data.to_vec()).unwrap().lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let at = line["t"].as_i64().unwrap();
                assert!(at >= last);
                last = at;
                lines.push((line["s"].as_str().unwrap().to_owned(), line["l"].as_str().unwrap().to_owned()));
            }
        }
        let ends = lines.iter().filter(|(stream, _)| stream == "end").count();
        assert_eq!(ends, 1, "{lines:?}");
        assert_eq!(lines.last().unwrap().0, "end");
        lines
    }

    /// Asks until the answer is as wanted.
    pub async fn until(&self, url: &str, path: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let asking = async {
            loop {
                let reply = get(url, path).await;
                if wanted(&reply) {
                    return reply;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the answer never came")
    }
}

/// A broker that keeps what was published.
#[derive(Default)]
pub struct Heard {
    messages: Mutex<Vec<Message>>,
    bell: tokio::sync::Notify,
}

impl Heard {
    /// Every message about the deployment so far.
    pub fn about(&self, deployment: &DeploymentId) -> Vec<Message> {
        let about = |message: &&Message| message.data.contains(deployment.as_str());
        self.messages.lock().unwrap().iter().filter(about).cloned().collect()
    }

    /// Waits for the first message about the deployment.
    pub async fn wait_for(&self, deployment: &DeploymentId) {
        let waiting = async {
            loop {
                let bell = self.bell.notified();
                tokio::pin!(bell);
                bell.as_mut().enable();
                if !self.about(deployment).is_empty() {
                    return;
                }
                bell.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the end of the build was never announced");
    }
}

#[async_trait]
impl Broker for Heard {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        self.messages.lock().unwrap().extend(messages);
        self.bell.notify_waiters();
        Ok(())
    }
}

/// A redactor for tests: literals, `SECRET-…` words and key blocks become stars.
pub struct Stars;

struct StarLines {
    literals: Vec<String>,
    block: bool,
}

impl Redact for Stars {
    fn stream(&self, literals: &[String]) -> Box<dyn LineRedactor> {
        Box::new(StarLines { literals: literals.to_vec(), block: false })
    }
}

impl LineRedactor for StarLines {
    fn line(&mut self, line: &str) -> String {
        let (begins, ends) = (line.contains("-----BEGIN"), line.contains("-----END"));
        let hidden = self.block || begins;
        self.block = (self.block || begins) && !ends;
        if hidden {
            return "***".into();
        }
        let words = line.split(' ').map(|word| if word.starts_with("SECRET-") { "***" } else { word });
        let text: String = words.collect::<Vec<_>>().join(" ");
        self.literals.iter().fold(text, |text, literal| text.replace(literal.as_str(), "***"))
    }
}
