//! A deployment is accepted.

use crate::world::World;
use model::{
    document::{CarriedOutBy, Status, Step, Strategy, Took},
    port::source::SourceRef,
};
use serde_json::json;

#[tokio::test]
async fn the_first_one_runs() {
    let world = World::new();
    let body = json!({
        "url": "https://github.com/ann/My_Shop.git", "branch": "main", "env": {"GREETING": "hi"},
        "canary": {"weights": [25, 100]}, "limits": {"verify_ms": 5000},
    });
    let answer = world.post("/api/v1/deployments", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(
        (answer.text("service"), answer.text("status"), answer.json["queued"].as_bool()),
        ("my-shop", "PENDING", Some(false))
    );
    let id = answer.text("deployment_id").parse().unwrap();
    assert_eq!(answer.text("events_url"), format!("/api/v1/deployments/{id}/events"));
    assert_eq!(answer.text("logs_url"), format!("/api/v1/deployments/{id}/logs"));
    assert!(answer.text("expected").contains("nothing serves before it"), "{answer:?}");

    let stored = world.deployment(&id).await;
    assert_eq!(
        (stored.status, stored.step, stored.strategy),
        (Status::Pending, Step::Scan, Strategy::Canary)
    );
    assert_eq!(stored.policy.weights, [25, 100]);
    assert_eq!(stored.policy.min_requests, 59);
    assert_eq!(stored.limits.verify_ms, 5000);
    assert_eq!(stored.variables["GREETING"], "hi");
    assert_eq!(stored.requested_by, "ann");
    let SourceRef::Git { url, branch, commit } = stored.source.unwrap() else { panic!("a repository") };
    assert_eq!(
        (url.as_str(), branch.as_deref(), commit),
        ("https://github.com/ann/My_Shop.git", Some("main"), None)
    );
    let service = world.service("my-shop").await;
    assert_eq!((service.slot.running, service.slot.queued, service.owner.as_str()), (Some(id), None, "ann"));
    assert_eq!(service.carried_out_by, CarriedOutBy::Sextant);
    assert_eq!(world.published(), ["deployment.requested"]);
}

#[tokio::test]
async fn what_serves_is_what_it_goes_back_to() {
    let world = World::new();
    let first = world.deployed("shop").await;
    let took = Took { build_ms: Some(12_000), release_ms: Some(2_500) };
    world.alter_service("shop", |service| service.slot.took = vec![took]).await;
    let body = json!({"source": {"kind": "folder", "path": "/srv/shop"}, "strategy": "canary"});
    let answer = world.post("/api/v1/deployments", &body).await;
    assert!(answer.text("expected").contains("10 %, 50 %, 100 %"), "{answer:?}");
    assert!(
        answer.text("expected").contains("A build, usually 12 s by its last build (at most"),
        "{answer:?}"
    );
    let second = world.deployment(&answer.text("deployment_id").parse().unwrap()).await;
    assert_eq!(second.last_good.unwrap().deployment, first);
}

#[tokio::test]
async fn environments_are_services_of_their_own() {
    let world = World::new();
    let long = "a".repeat(40);
    let body = json!({"path": format!("/srv/{long}"), "environment": "staging"});
    let answer = world.post("/api/v1/deployments", &body).await;
    assert_eq!(answer.text("service"), format!("{}-staging", "a".repeat(26)));
    let body = json!({"path": "/srv/x", "service": "shop", "environment": "staging"});
    assert_eq!(world.post("/api/v1/deployments", &body).await.text("service"), "shop-staging");
    let body = json!({"path": "/srv/x", "service": "shop-staging"});
    let taken = world.post("/api/v1/deployments", &body).await;
    assert_eq!((taken.status, taken.text("type")), (409, "/errors#name-taken"));
    assert_eq!(world.count("deployments").await, 2);
}

#[tokio::test]
async fn an_unreachable_broker_loses_nothing() {
    let world = World::new();
    world.outside.state().broker_down = true;
    let id = world.start("shop").await;
    let stored = world.deployment(&id).await;
    assert_eq!(stored.outbox.len(), 1);
    assert!(stored.next_due.is_some(), "the sweep finds it");
}

#[tokio::test]
async fn nothing_outside_is_touched_but_topics() {
    let world = World::new();
    let id = world.start("shop").await;
    world.command(&id, "cancel", &json!({})).await;
    let outside = world.outside.state();
    assert_eq!(outside.messages.len(), 2, "{:?}", outside.messages);
    assert!(outside.acts.is_empty() && outside.mails.is_empty() && outside.timers.is_empty());
    assert!(outside.fetched.is_empty(), "the source is deploy-step's to fetch");
}

#[tokio::test]
async fn what_is_allowed_is_kept_with_its_reason_and_never_without() {
    let world = World::new();
    let with = |allow: serde_json::Value| json!({"path": "/srv/shop", "service": "shop", "allow": allow});
    for (allow, field) in [
        (json!([{"finding": "stripe-key:a.js:1", "why": " "}]), "allow[0].why"),
        (json!([{"finding": "", "why": "x"}]), "allow[0].finding"),
        (json!([{"finding": "a\nb", "why": "x"}]), "allow[0].finding"),
        (json!(vec![json!({"finding": "a", "why": "x"}); 21]), "allow"),
    ] {
        let answer = world.post("/api/v1/deployments", &with(allow)).await;
        assert!(answer.status == 422 && answer.text("detail").contains(&format!("`{field}`")), "{answer:?}");
    }
    let allow = json!([{"finding": "stripe-key:a.js:1", "why": "revoked"}]);
    let answer = world.post("/api/v1/deployments", &with(allow)).await;
    let stored = world.deployment(&answer.text("deployment_id").parse().unwrap()).await;
    assert_eq!(
        (stored.allow[0].finding.as_str(), stored.allow[0].why.as_str()),
        ("stripe-key:a.js:1", "revoked")
    );
}
