//! A service whose owner deploys one release after the other: good ones, bad ones, and some that are cancelled.

use super::{Dice, Enough, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tests::system::{System, app::App, load::Load, outside::Outside};

/// A deployment comes to rest within this, once nobody kills any more; while somebody does, it takes as long as that.
const LONGEST: Duration = Duration::from_mins(20);
const AT_REST: [&str; 6] =
    ["DEPLOYED", "SECURITY_FAILED", "FAILED", "CANCELLED", "SUPERSEDED", "ROLLED_BACK"];

/// What is to become of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    /// Answers most requests with a failure.
    Bad,
    Cancelled,
}

/// A release that was accepted.
#[derive(Debug)]
pub struct Release {
    pub name: String,
    pub kind: Kind,
    pub id: String,
    pub end: String,
    pub revision: String,
}

/// The owner.
pub struct Worker {
    app: App,
    outside: Outside,
    dice: Dice,
    load: Option<Load>,
    releases: Vec<Release>,
}

impl Worker {
    pub fn new(app: App, outside: Outside, dice: Dice) -> Self {
        Self { app, outside, dice, load: None, releases: vec![] }
    }

    /// Deploys until it is enough; the app, and what became of its releases.
    pub async fn work(mut self, work: PathBuf, enough: Enough) -> (App, Vec<Release>) {
        while !enough.get() {
            let name = format!("v{}", self.releases.len() + 1);
            let kind = match self.dice.roll(5) {
                _ if self.releases.is_empty() => Kind::Good,
                0 => Kind::Bad,
                1 => Kind::Cancelled,
                _ => Kind::Good,
            };
            let release = self.release(name, kind).await;
            self.releases.push(release);
            self.load
                .get_or_insert_with(|| Load::own_port(self.outside.http(), port(&work, &self.app.service)));
        }
        (self.app, self.releases)
    }

    async fn release(&mut self, name: String, kind: Kind) -> Release {
        let percent = if kind == Kind::Bad { "70" } else { "0" };
        let mut order = self.app.order_with(&name, "FAIL_PERCENT", percent);
        if kind == Kind::Bad {
            // Not to be passed before the evidence is in, however few requests get through.
            order["canary"]["bake_windows"] = 15.into();
        }
        let key = format!("{}-{name}", self.app.service);
        let path = "/api/v1/deployments";
        let started = self.outside.ask(Method::POST, path, Some(&key), Some(&order)).await.expect(201);
        let id = text(&started["deployment_id"]);
        if kind == Kind::Cancelled {
            tokio::time::sleep(Duration::from_millis(self.dice.roll(3_000))).await;
            self.cancel(&id).await;
        }
        let ended = self.rest(&id, kind).await;
        Release { name, kind, id, end: text(&ended["pipeline_status"]), revision: text(&ended["revision"]) }
    }

    async fn cancel(&self, id: &str) {
        let path = format!("/api/v1/deployments/{id}/cancel");
        let reply = self.outside.ask(Method::POST, &path, None, Some(&json!({}))).await;
        assert!(matches!(reply.status, 200 | 202 | 409), "{}", reply.text);
    }

    /// Looks until it is at rest. What is held for a person is cancelled by one.
    async fn rest(&self, id: &str, kind: Kind) -> Value {
        let resting = tokio::time::timeout(LONGEST, self.look(id, kind));
        resting.await.unwrap_or_else(|_| panic!("{kind:?} {id} never came to rest"))
    }

    async fn look(&self, id: &str, kind: Kind) -> Value {
        loop {
            let seen = self.outside.get(&format!("/api/v1/deployments/{id}")).await;
            if AT_REST.contains(&text(&seen["pipeline_status"]).as_str()) {
                return seen;
            }
            if kind == Kind::Bad && seen["canary"]["held"].is_string() {
                self.cancel(id).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The service's own port, which stays the same in every life.
fn port(work: &Path, service: &str) -> u16 {
    let file = work.join("data/services/local").join(service).join("service.json");
    let record: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    record["port"].as_u64().unwrap() as u16
}

/// By whom it happened to: the app's journal, the target's files, whoever visits it.
pub async fn check(system: &System, outside: &Outside, app: &App, releases: &[Release]) {
    let story = || format!("{}\n{releases:?}\n{}", app.journal(), system.log());
    for release in releases {
        let shown = outside.get(&format!("/api/v1/deployments/{}", release.id)).await;
        assert_eq!(text(&shown["pipeline_status"]), release.end, "what was at rest has moved: {shown:#}");
        let legal: &[&str] = match release.kind {
            Kind::Good => &["DEPLOYED"],
            Kind::Bad => &["ROLLED_BACK", "CANCELLED"],
            // Whoever comes too late finds it deployed.
            Kind::Cancelled => &["CANCELLED", "DEPLOYED"],
        };
        assert!(legal.contains(&release.end.as_str()), "{release:?}: {shown:#}");
        let (builds, starts) = (app.builds(&release.name), app.starts(&release.name));
        let finished = release.kind != Kind::Cancelled || release.end == "DEPLOYED";
        let right = if finished { (builds, starts) == (1, 1) } else { builds <= 1 && starts <= 1 };
        assert!(right, "{} was built {builds} and started {starts} times: {}", release.name, story());
    }
    let serving = releases.iter().rev().find(|release| release.end == "DEPLOYED").expect("the first is good");
    for release in releases {
        let expected = usize::from(release.name == serving.name);
        assert_eq!(app.running(&release.name).len(), expected, "of {}: {}", release.name, story());
    }
    let weights = system.traffic(&app.service).weights;
    assert_eq!(weights, BTreeMap::from([(serving.revision.clone(), 100)]), "{}", story());
    let answer = system.visit(&app.service).await.unwrap();
    assert_eq!(answer, (200, format!("hello from version {}\n", serving.name)), "{}", story());
    let service = outside.get(&format!("/api/v1/services/{}", app.service)).await;
    assert!(service.to_string().contains(&serving.revision), "{serving:?}: {service:#}");
}
