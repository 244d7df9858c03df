//! Against the embedded store, with a target that answers what it is told to.

use super::*;
use host::testing::{START, World, sample};
use machine::store::{Options, Store};
use model::{
    Micros,
    document::{Observation, collection, service_path},
    message::{AboutObservation, Message, kind},
    port::target::{Cost, Measured, RevisionWindow},
    time::{HOUR_MS, MINUTE_MS},
};
use std::{collections::BTreeMap, sync::Arc};

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.with_service().await;
    let counts = RevisionWindow {
        requests: 600,
        latency: vec![(14, 600)],
        cpu_ms: 3_000,
        memory_mib: 32,
        instance_ms: 60_000,
        ..RevisionWindow::default()
    };
    let revisions = BTreeMap::from([(sample::kept(1, START).revision, counts)]);
    let cost =
        Cost { total: Micros(100), estimated: true, cpu_seconds: 3.0, gib_seconds: 1.9, requests: 600 };
    world.state().measured = Some((Measured { revisions }, cost));
    world
}

/// The schedule's minute, twice, as a hostile broker would have it.
async fn minute(world: &World) {
    for _ in 0..2 {
        let body = serde_json::json!({"name": "collect-metrics"});
        let (_, delivery) = world.delivery(Message::new("schedule", kind::SCHEDULE, &sample::acme(), &body));
        assert_eq!(handle(world.context(), delivery).await.unwrap(), Outcome::Done);
    }
}

async fn service(world: &World) -> Service {
    world.read(&service_path(&sample::acme(), &sample::shop())).await.unwrap()
}

/// Oldest first.
async fn observations(world: &World) -> Vec<Observation> {
    let query = Query::all(Scope::Collection(collection(&sample::acme(), "observations")), 100)
        .filter("service", Comparison::Equal, "shop")
        .order("to", true);
    let page = world.store().query(&query).await.unwrap();
    page.documents.iter().rev().map(|found| found.body.parse().unwrap()).collect()
}

#[tokio::test]
async fn windows_follow_each_other_and_each_is_measured_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    minute(&world).await;
    assert!(observations(&world).await.is_empty(), "not due yet");
    for _ in 0..20 {
        world.pass(MINUTE_MS);
        minute(&world).await;
    }
    let seen = observations(&world).await;
    let spans: Vec<(i64, i64)> = seen
        .iter()
        .map(|seen| (seen.window.from.since(START) / MINUTE_MS, seen.window.to.since(START) / MINUTE_MS))
        .collect();
    assert_eq!(spans, [(0, 1), (1, 6), (6, 11), (11, 16)]);
    let told = world.published(kind::OBSERVATION_RECORDED);
    let about: Vec<AboutObservation> = told.iter().map(|message| message.body().unwrap()).collect();
    assert_eq!(about.len(), 4);
    assert_eq!(about[0].observation, seen[0].id);
    assert_eq!((seen[0].decision.clone(), seen[0].utilization.cpu), (Some(sample::decision_id(1)), 50_000));
    assert_eq!(seen[0].utilization.cost_month, 100 * 43_200);
    let spent: Vec<i64> = seen.iter().map(|seen| seen.spent.as_ref().unwrap().micros).collect();
    assert_eq!(spent, [100, 200, 300, 400], "each window once");
    let service = service(&world).await;
    assert!(service.outbox.is_empty() && service.next_due.is_none());
    assert_eq!(service.measuring.measured_to, START.plus(16 * MINUTE_MS));
}

#[tokio::test]
async fn timers_that_jump_dont_stretch_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.state().real += MINUTE_MS;
    world.tick(7 * 24 * HOUR_MS);
    minute(&world).await;
    let seen = observations(&world).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].window.to.since(seen[0].window.from), MINUTE_MS);
    world.tick(HOUR_MS);
    minute(&world).await;
    assert_eq!(
        observations(&world).await.len(),
        1,
        "no real time has passed, so there is nothing to measure"
    );
}

#[tokio::test]
async fn a_long_silence_is_cut_to_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.pass(5 * HOUR_MS);
    minute(&world).await;
    let seen = observations(&world).await;
    assert_eq!(seen[0].window.to.since(seen[0].window.from), HOUR_MS);
}

#[tokio::test]
async fn what_could_not_be_published_is_owed() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.pass(MINUTE_MS);
    world.state().broker_down = true;
    minute(&world).await;
    let owing = service(&world).await;
    assert_eq!((owing.outbox.len(), observations(&world).await.len()), (1, 1));
    assert!(owing.next_due.is_some(), "the sweep finds it");
    world.state().broker_down = false;
    world.pass(5 * MINUTE_MS);
    minute(&world).await;
    assert_eq!(world.published(kind::OBSERVATION_RECORDED).len(), 1, "the one before is the sweep's");
    let left = service(&world).await;
    assert_eq!((left.outbox, left.next_due), (owing.outbox, owing.next_due), "it is not put off by the next");
}

#[tokio::test]
async fn a_target_that_cannot_be_read_is_asked_again_for_the_same_window() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let measured = world.state().measured.take();
    world.pass(MINUTE_MS);
    minute(&world).await;
    assert!(observations(&world).await.is_empty());
    world.state().measured = measured;
    world.pass(MINUTE_MS);
    minute(&world).await;
    let seen = observations(&world).await;
    assert_eq!((seen.len(), seen[0].window.from), (1, START));
}

#[tokio::test]
async fn what_must_not_be_measured_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let mut service = sample::service();
    service.measuring.metrics_due = None;
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    world.pass(HOUR_MS);
    minute(&world).await;
    assert!(observations(&world).await.is_empty());
    let mut idle = sample::service();
    idle.slot.serving = None;
    world.put(service_path(&sample::acme(), &sample::shop()), &idle).await;
    minute(&world).await;
    assert!(observations(&world).await.is_empty());
}
