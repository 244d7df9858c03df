//! Against the embedded store.

use super::*;
use host::testing::{World, sample};
use machine::store::{Options, Store};
use model::message::{AboutAnomaly, Message};
use std::sync::Arc;

fn world(folder: &tempfile::TempDir) -> World {
    World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()))
}

/// Stores a window and delivers the news of it `times` times.
async fn measured(world: &World, minute: i64, requests: u64, times: usize) -> Vec<Outcome> {
    let seen = sample::observation(1, minute, requests, 10);
    world.observed(&seen).await;
    told(world, &seen, times).await
}

async fn told(world: &World, seen: &Observation, times: usize) -> Vec<Outcome> {
    let body = AboutObservation { observation: seen.id.clone(), service: seen.service.clone() };
    let message = Message::new(topic::OBSERVATIONS, kind::OBSERVATION_RECORDED, &seen.tenant, &body);
    let mut outcomes = vec![];
    for _ in 0..times {
        let (ctx, delivery) = world.delivery(message.clone());
        outcomes.push(handle(ctx, delivery).await.unwrap());
    }
    outcomes
}

fn anomalies(world: &World) -> Vec<AboutAnomaly> {
    world.published(kind::ANOMALY_DETECTED).iter().map(|message| message.body().unwrap()).collect()
}

#[tokio::test]
async fn an_anomaly_is_told_once_however_often_the_window_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    for minute in 0..20 {
        measured(&world, minute, 600 + (minute as u64 % 3) * 30, 2).await;
    }
    assert!(anomalies(&world).is_empty());
    let outcomes = measured(&world, 20, 60_000, 3).await;
    assert_eq!(outcomes, [Outcome::Done, Outcome::Duplicate, Outcome::Duplicate]);
    let told = anomalies(&world);
    let traffic = told.iter().find(|anomaly| anomaly.metric == "requests").unwrap();
    assert_eq!(traffic.severity, "high");
    let sentence = &traffic.sentence;
    assert!(
        sentence.starts_with("Traffic of shop is 1000.0 requests/s where 10.5 requests/s ± 0.5"),
        "{sentence}"
    );
    assert!(
        sentence.contains("since 2026-11-20 06:01 UTC") && sentence.contains("from 20 windows"),
        "{sentence}"
    );
    let before = told.len();
    measured(&world, 21, 60_000, 1).await;
    assert_eq!(anomalies(&world).len(), before, "it lasts: that is no news");
}

#[tokio::test]
async fn late_windows_are_not_judged() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    for minute in (0..30).filter(|minute| *minute != 7) {
        measured(&world, minute, 600, 1).await;
    }
    let before: Baseline = world.read(&baseline_path(&sample::acme(), &sample::shop())).await.unwrap();
    assert_eq!(measured(&world, 7, 90_000, 1).await, [Outcome::Duplicate]);
    let after: Baseline = world.read(&baseline_path(&sample::acme(), &sample::shop())).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn what_could_not_be_published_is_published_when_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    for minute in 0..20 {
        measured(&world, minute, 600, 1).await;
    }
    let seen = sample::observation(1, 20, 60_000, 10);
    world.observed(&seen).await;
    let body = AboutObservation { observation: seen.id.clone(), service: seen.service.clone() };
    let message = Message::new(topic::OBSERVATIONS, kind::OBSERVATION_RECORDED, &seen.tenant, &body);
    world.state().broker_down = true;
    let (ctx, delivery) = world.delivery(message);
    assert_eq!(handle(ctx, delivery).await.unwrap(), Outcome::Done, "the commit stands");
    world.state().broker_down = false;
    assert!(anomalies(&world).is_empty());
    assert_eq!(told(&world, &seen, 2).await, [Outcome::Duplicate, Outcome::Duplicate]);
    let traffic = anomalies(&world).iter().filter(|anomaly| anomaly.metric == "requests").count();
    assert_eq!(traffic, 1);
}

#[tokio::test]
async fn unknown_observations_are_rejected_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    let outcomes = told(&world, &sample::observation(1, 0, 1, 1), 1).await;
    assert!(matches!(&outcomes[..], [Outcome::Reject(_)]), "{outcomes:?}");
}
