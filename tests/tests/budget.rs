//! What one deployment may cost in documents and messages, counted at the adapters, and that it doesn't grow with
//! what is stored.

use model::{
    document::{Status, log::Head},
    port::{
        Store as _,
        store::{Query, Scope},
    },
};
use serde_json::json;
use tests::{
    fake::Traffic,
    world::{TENANT, World},
};

/// The budget of the design: a whole deployment, and one write and one read more for each canary window.
const MOST_WRITES: u64 = 40;
const MOST_READS: u64 = 60;
const MOST_MESSAGES: u64 = 25;
const WINDOWS: u64 = 30;
/// How long the build of that deployment writes its log, in seconds.
const TEN_MINUTES: i64 = 600;

fn functions() -> Vec<host::Function> {
    vec![register::function(), deploy_step::function(), console::function()]
}

/// Enough in each window to pass a weight when its bake time is over: 14 windows at 10 %, 15 at 50 %, one at 100 %.
fn policy() -> serde_json::Value {
    json!({"canary": {"weights": [10, 50, 100], "bake_windows": 14, "min_requests": 1, "deadline_windows": 1000, "window_ms": 20}})
}

/// One deployment of `service` after an earlier one: what it cost, and how many windows it looked at.
async fn second(world: &World, service: &str) -> ((u64, u64, u64, u64), u64) {
    let first = world.deploy(service, json!({"strategy": "instant"})).await;
    assert_eq!(world.rest(&first).await.status, Status::Deployed);
    let before = world.counts.now();
    let id = world.deploy(service, policy()).await;
    let deployment = world.rest(&id).await;
    assert_eq!(deployment.status, Status::Deployed, "{:?}", deployment.timeline);
    let windows = deployment.checks.iter().filter(|check| check.starts_with("at ")).count() as u64;
    assert_eq!(windows, 3, "{:?}", deployment.checks);
    let after = world.counts.now();
    ((after.0 - before.0, after.1 - before.1, after.2 - before.2, after.3 - before.3), deployment.seq)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_of_thirty_windows_keeps_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let traffic = Traffic { canary: 40, stable: 400 };
    let world = World::logging(folder.path(), functions(), traffic, Some(TEN_MINUTES));
    let ((writes, reads, messages, timers), lines) = second(&world, "shop").await;
    println!("writes {writes}, reads {reads}, messages {messages}, timers {timers}, lines {lines}");
    assert!(writes <= MOST_WRITES + WINDOWS, "{writes} writes");
    assert!(reads <= MOST_READS + WINDOWS, "{reads} reads");
    assert!(messages <= MOST_MESSAGES, "{messages} messages");
    assert!(timers <= WINDOWS + 10, "{timers} timers");
    // The log of ten minutes among them.
    let heads = Query::all(Scope::Collection(format!("tenants/{TENANT}/logs")), 10);
    let heads = world.store.query(&heads).await.unwrap().documents;
    let heads: Vec<Head> = heads.iter().map(|found| found.body.parse().unwrap()).collect();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| head.ended && head.lines == TEN_MINUTES as u64 + 1), "{heads:?}");
}

/// What reading a page of the list and the analytics asks of the store.
async fn looking(world: &World) -> (u64, u64) {
    let mut costs = vec![];
    for path in ["/api/v1/deployments?limit=2", "/api/v1/analytics?days=30"] {
        let before = world.counts.now().1;
        let (status, answer) = world.call("GET", path, None).await;
        assert_eq!(status, 200, "{answer}");
        costs.push(world.counts.now().1 - before);
    }
    (costs[0], costs[1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stored_deployments_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), functions(), Traffic { canary: 40, stable: 400 });
    let (alone, _) = second(&world, "shop").await;
    let seen = looking(&world).await;
    for _ in 0..50 {
        let ids = futures::future::join_all((0..20).map(|n| world.deploy_named(n))).await;
        for id in ids {
            world.rest(&id).await;
        }
    }
    let scans = world.store.stats().scans;
    assert_eq!(looking(&world).await, seen, "list or analytics read more when more is stored");
    let close = |a: u64, b: u64| a.abs_diff(b) <= 4;
    let mut seen = vec![];
    // A busy machine looks more often at what isn't ready yet; what grows with what is stored does so each time.
    for service in ["shop", "shop-again", "shop-once-more"] {
        let (crowded, _) = second(&world, service).await;
        assert_eq!(world.store.stats().scans, scans, "a query of the pipeline scans");
        if close(alone.0, crowded.0) && close(alone.1, crowded.1) {
            return;
        }
        seen.push(crowded);
    }
    panic!("{alone:?} grew to {seen:?}");
}
