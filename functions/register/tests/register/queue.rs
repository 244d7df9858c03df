//! One runs, one waits, the rest are superseded.

use crate::world::World;
use model::document::{Status, Step};
use serde_json::json;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once() {
    let world = Arc::new(World::new());
    let tasks = (0..16).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.start("shop").await })
    });
    let ids: Vec<_> = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let service = world.service("shop").await;
    let (mut runs, mut waits, mut superseded) = (vec![], vec![], 0);
    for id in &ids {
        let deployment = world.deployment(id).await;
        match (deployment.status, deployment.step) {
            (Status::Pending, Step::Scan) => runs.push(deployment),
            (Status::Pending, Step::Queue) => waits.push(deployment),
            (Status::Superseded, Step::Rest) => {
                superseded += 1;
                assert!(
                    deployment.outbox.is_empty() && deployment.next_due.is_none(),
                    "it owes nothing more"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((runs.len(), waits.len(), superseded), (1, 1, 14));
    assert_eq!(
        (service.slot.running.as_ref(), service.slot.queued.as_ref()),
        (Some(&runs[0].id), Some(&waits[0].id))
    );
    assert!(runs[0].awaited, "whoever runs knows that another waits");
    let published = world.published();
    assert_eq!(published.iter().filter(|kind| *kind == "deployment.requested").count(), 16);
    assert_eq!(published.iter().filter(|kind| *kind == "deployment.ended").count(), 14);
    let day = model::document::counters_path(&crate::world::tenant(), world.ports.clock.now());
    let counters: serde_json::Value = world.document(&day).await.unwrap();
    assert_eq!(counters["superseded"], 14);
}

#[tokio::test]
async fn whoever_waits_says_so() {
    let world = World::new();
    world.start("shop").await;
    let answer = world.post("/api/v1/deployments", &json!({"path": "/srv/shop"})).await;
    assert_eq!(answer.json["queued"], true);
    assert!(answer.text("expected").starts_with("Waits for the deployment that is running"));
    let other = world.post_as("other", "/api/v1/deployments", &json!({"path": "/srv/shop"})).await;
    assert_eq!(other.json["queued"], false, "another tenant's service of the same name is another service");
}

#[tokio::test]
async fn a_held_one_goes_back_at_once() {
    let world = World::new();
    let held = world.start("shop").await;
    world
        .alter(&held, |deployment| {
            (deployment.status, deployment.step) = (Status::Shifting, Step::Watch);
            deployment.canary.held = Some("thin evidence".into());
            deployment.outbox.clear();
        })
        .await;
    world.published();
    let next = world.start("shop").await;
    let held = world.deployment(&held).await;
    assert_eq!((held.status, held.step), (Status::RollingBack, Step::Restore));
    let published = world.published();
    assert!(published.contains(&"deployment.due".to_owned()), "it is woken: {published:?}");
    let service = world.service("shop").await;
    assert_eq!((service.slot.running, service.slot.queued), (Some(held.id), Some(next)));
}

#[tokio::test]
async fn one_that_shifts_is_told_and_goes_on() {
    let world = World::new();
    let running = world.start("shop").await;
    world.alter(&running, |d| (d.status, d.step) = (Status::Shifting, Step::Watch)).await;
    world.start("shop").await;
    world.start("shop").await;
    let running = world.deployment(&running).await;
    assert_eq!((running.status, running.awaited), (Status::Shifting, true));
}

#[tokio::test]
async fn whoever_was_granted_the_service_is_not_superseded() {
    let world = World::new();
    let first = world.start("shop").await;
    let second = world.start("shop").await;
    assert_eq!(world.command(&first, "cancel", &json!({})).await.status, 202);
    // `second` has the service now, but was not woken yet.
    let third = world.start("shop").await;
    let service = world.service("shop").await;
    assert_eq!((service.slot.running, service.slot.queued), (Some(second.clone()), Some(third)));
    let second = world.deployment(&second).await;
    assert_eq!((second.status, second.awaited), (Status::Pending, true));
}
