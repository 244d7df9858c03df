//! Commands: each does its work once, and says why when it doesn't.

use crate::world::{World, tenant};
use host::Role;
use model::{
    deployment::{Answer, At, Input, batch, decide},
    document::{Ending, Status, Step},
};
use serde_json::{Value, json};

#[tokio::test]
async fn one_that_waits_is_cancelled_at_once() {
    let world = World::new();
    let running = world.start("shop").await;
    let waiting = world.start("shop").await;
    let answer = world.command(&waiting, "cancel", &Value::Null).await;
    assert_eq!(answer.status, 422, "null is no object");
    let answer = world
        .send("acme", Role::Deployer, None, &format!("/api/v1/deployments/{waiting}/cancel"), String::new())
        .await;
    assert_eq!(
        (answer.status, answer.text("status"), answer.json["changed"].as_bool()),
        (202, "CANCELLED", Some(true))
    );
    let service = world.service("shop").await;
    assert_eq!((service.slot.running, service.slot.queued), (Some(running), None));
    let stored = world.deployment(&waiting).await;
    assert!(stored.outbox.is_empty() && stored.next_due.is_none());
    world.published();
    let again = world.command(&waiting, "cancel", &json!({"seq": 1})).await;
    assert_eq!((again.status, again.json["changed"].as_bool()), (200, Some(false)));
    assert_eq!(world.published(), Vec::<String>::new());
}

#[tokio::test]
async fn the_next_one_is_woken_when_the_running_one_is_cancelled() {
    let world = World::new();
    let running = world.start("shop").await;
    let waiting = world.start("shop").await;
    world.published();
    assert_eq!(world.command(&running, "cancel", &json!({})).await.status, 202);
    assert_eq!(world.service("shop").await.slot.running, Some(waiting.clone()));
    let due: Vec<_> =
        world.outside.state().messages.iter().map(|m| (m.kind.clone(), m.data.clone())).collect();
    assert!(
        due.contains(&("deployment.due".into(), json!({"deployment": waiting.as_str()}).to_string())),
        "{due:?}"
    );
}

#[tokio::test]
async fn what_was_begun_goes_back_first() {
    let world = World::new();
    let id = world.start("shop").await;
    world
        .alter(&id, |d| {
            (d.status, d.step) = (Status::Building, Step::AwaitBuild);
            d.outbox.clear();
        })
        .await;
    world.published();
    let answer = world.command(&id, "cancel", &json!({})).await;
    assert_eq!(
        (answer.status, answer.text("status"), answer.text("message")),
        (202, "ROLLING_BACK", "Cancelling")
    );
    assert_eq!(world.published(), ["deployment.due"]);
    let stored = world.deployment(&id).await;
    assert_eq!((stored.step, stored.ending), (Step::Restore, Some(Ending::Cancelled)));
    assert_eq!(world.command(&id, "cancel", &json!({})).await.json["changed"], false);
}

#[tokio::test]
async fn a_rollback_goes_to_the_newest_kept_one() {
    let world = World::new();
    let first = world.deployed("shop").await;
    let second = world.deployed("shop").await;
    let third = world.deployed("shop").await;
    let stale = world.command(&second, "rollback", &json!({})).await;
    assert_eq!(
        (stale.status, stale.text("type"), stale.text("serving")),
        (409, "/errors#not-serving", third.as_str())
    );

    let unknown = world.command(&third, "rollback", &json!({"to": "shop-nope"})).await;
    assert_eq!((unknown.status, unknown.fields()), (422, vec!["to"]));
    world.published();
    let answer = world.command(&third, "rollback", &json!({})).await;
    assert_eq!((answer.status, answer.text("status")), (202, "ROLLING_BACK"));
    let stored = world.deployment(&third).await;
    assert_eq!(stored.last_good.unwrap().deployment, second);
    assert_eq!(world.service("shop").await.slot.running, Some(third.clone()));
    assert_eq!(world.published(), ["deployment.due"]);
    let again = world.command(&third, "rollback", &json!({})).await;
    assert_eq!((again.status, again.json["changed"].as_bool()), (200, Some(false)));
    world.alter(&third, |d| (d.status, d.step) = (Status::RolledBack, Step::Rest)).await;
    let after = world.command(&third, "rollback", &json!({"seq": 1})).await;
    assert_eq!((after.status, after.json["changed"].as_bool()), (200, Some(false)));
    let _ = first;
}

#[tokio::test]
async fn a_rollback_to_a_named_one() {
    let world = World::new();
    let first = world.deployed("shop").await;
    world.deployed("shop").await;
    let third = world.deployed("shop").await;
    let to = world.deployment(&first).await.revision_name();
    assert_eq!(world.command(&third, "rollback", &json!({"to": to})).await.status, 202);
    assert_eq!(world.deployment(&third).await.last_good.unwrap().revision, to);
}

#[tokio::test]
async fn a_rollback_waits_for_the_slot() {
    let world = World::new();
    world.deployed("shop").await;
    let serving = world.deployed("shop").await;
    let running = world.start("shop").await;
    let answer = world.command(&serving, "rollback", &json!({})).await;
    assert_eq!(
        (answer.status, answer.text("type"), answer.text("running")),
        (409, "/errors#service-busy", running.as_str())
    );
    assert_eq!(world.deployment(&serving).await.status, Status::Deployed);
}

#[tokio::test]
async fn nothing_to_go_back_to() {
    let world = World::new();
    let only = world.deployed("shop").await;
    let answer = world.command(&only, "rollback", &json!({})).await;
    assert_eq!((answer.status, answer.text("type")), (409, "/errors#refused"));
    assert!(answer.text("detail").contains("No earlier revision"), "{answer:?}");
}

#[tokio::test]
async fn a_shift_is_paused_and_promoted_once() {
    let world = World::new();
    world.deployed("shop").await;
    let id = world.start("shop").await;
    let refused = world.command(&id, "pause", &json!({})).await;
    assert_eq!((refused.status, refused.text("type")), (409, "/errors#refused"));
    world
        .alter(&id, |d| {
            (d.status, d.step) = (Status::Shifting, Step::Watch);
            d.outbox.clear();
        })
        .await;
    let paused = world.command(&id, "pause", &json!({})).await;
    assert_eq!((paused.status, paused.text("message")), (202, "Paused by hand"));
    assert_eq!(world.command(&id, "pause", &json!({})).await.json["changed"], false);
    world.published();
    let promoted = world.command(&id, "promote", &json!({"index": 0})).await;
    assert_eq!((promoted.status, promoted.json["changed"].as_bool()), (202, Some(true)), "{promoted:?}");
    assert_eq!(world.published(), ["deployment.due"]);
    assert_eq!(world.deployment(&id).await.canary.index, 1);
    let again = world.command(&id, "promote", &json!({"index": 0})).await;
    assert_eq!((again.status, again.json["changed"].as_bool()), (200, Some(false)));
    assert_eq!(world.deployment(&id).await.canary.index, 1);
}

#[tokio::test]
async fn a_command_for_another_phase_is_refused() {
    let world = World::new();
    let id = world.start("shop").await;
    let at = |deployment: &model::document::Deployment| At {
        now: deployment.created_at,
        real: deployment.created_at,
        owner: "test",
        alone: false,
        can_act: true,
        window: model::port::target::WindowPolicy::MACHINE,
    };
    // The pipeline goes on within its phase: the same command still means the same.
    let before = world.deployment(&id).await;
    let transition = decide(&before, Input::Wake, &at(&before));
    assert_eq!(transition.answer, Answer::Applied);
    let path = model::document::deployment_path(&tenant(), &id);
    let version = world.ports.store.get(&path).await.unwrap().unwrap().version;
    let (writes, next) = batch(&before, version, &transition, None, &at(&before)).unwrap();
    world.ports.store.commit(writes).await.unwrap();
    assert_eq!((before.seq, next.seq), (1, 2));
    world
        .alter(&id, |d| {
            (d.status, d.step, d.lease, d.seq) = (Status::Shifting, Step::Watch, None, 3);
            let mut entry = d.timeline[1].clone();
            (entry.seq, entry.status) = (3, Status::Shifting);
            d.timeline.push(entry);
        })
        .await;
    let stale = world.command(&id, "cancel", &json!({"seq": 2})).await;
    assert_eq!(
        (stale.status, stale.text("type"), stale.json["seq"].as_u64()),
        (409, "/errors#moved-on", Some(3))
    );
    assert!(stale.text("detail").contains("SECURITY_SCANNING when you looked"), "{stale:?}");
    assert_eq!(world.command(&id, "cancel", &json!({"seq": 99})).await.status, 409);
    assert_eq!(world.deployment(&id).await.status, Status::Shifting);
    assert_eq!(world.command(&id, "cancel", &json!({"seq": 3})).await.status, 202);
}

#[tokio::test]
async fn others_ids_are_unknown() {
    let world = World::new();
    let id = world.start("shop").await;
    for (command, body) in [
        ("cancel", json!({})),
        ("rollback", json!({})),
        ("promote", json!({"index": 0})),
        ("pause", json!({})),
    ] {
        let path = format!("/api/v1/deployments/{id}/{command}");
        assert_eq!(world.post_as("other", &path, &body).await.status, 404);
        let unknown = format!("/api/v1/deployments/dep_unknown/{command}");
        assert_eq!(world.post(&unknown, &body).await.status, 404);
        let malformed = format!("/api/v1/deployments/nonsense/{command}");
        assert_eq!(world.post(&malformed, &body).await.status, 422);
        let viewer = world.send("acme", Role::Viewer, None, &path, body.to_string()).await;
        assert_eq!(viewer.status, 403);
    }
    assert_eq!(world.deployment(&id).await.status, Status::Pending);
}

#[tokio::test]
async fn a_way_back_that_fails_can_be_given_up_by_hand_and_not_before() {
    let world = World::new();
    let id = world.start("shop").await;
    world
        .alter(&id, |deployment| {
            (deployment.status, deployment.step) = (Status::RollingBack, Step::Restore);
            deployment.ending = Some(Ending::Cancelled);
        })
        .await;
    let early = world.command(&id, "let-go", &json!({})).await;
    assert_eq!(early.status, 409, "{early:?}");
    assert!(early.text("detail").contains("nothing about that has failed yet"), "{early:?}");
    world.alter(&id, |deployment| deployment.tries = 3).await;
    let given_up = world.command(&id, "let-go", &json!({})).await;
    assert_eq!((given_up.status, given_up.text("status")), (202, "FAILED"), "{given_up:?}");
    assert_eq!(world.service("shop").await.slot.running, None, "the next one can run");
    assert_eq!(world.command(&id, "let-go", &json!({})).await.status, 409, "it has ended");
}
