//! What a customer carries out and registers.

use crate::world::World;
use model::{
    Timestamp,
    document::{CarriedOutBy, Status},
    time::DAY_MS,
};
use serde_json::{Value, json};
use std::sync::Arc;

const PATH: &str = "/api/v1/deployments/register";

/// A body as the existing client sends it.
pub fn body(decision: &str) -> Value {
    json!({
        "decision_id": decision, "user_id": "bea", "session_id": "s-1", "gcp_project_id": "acme-prod-1",
        "gcp_credentials": "{\"type\":\"service_account\"}", "deployment_region": "europe-west1",
        "recommended_architecture": "Cloud Run with FastAPI", "recommended_cost": 20.0,
        "recommended_specs": {"cpu": 2, "memory": "2Gi", "concurrency": 50, "min_instances": 1},
        "expected_launch_date": "2100-01-01", "should_collect_metrics": true,
    })
}

#[tokio::test]
async fn an_unknown_decision_becomes_one() {
    let world = World::new();
    let answer = world.post(PATH, &body("dec_client-1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text("webhook_secret").starts_with("whsec_"));
    let id = answer.text("deployment_id").parse().unwrap();
    let deployment = world.deployment(&id).await;
    assert_eq!((deployment.carried_out_by, deployment.status), (CarriedOutBy::Customer, Status::Deployed));
    assert!(deployment.next_due.is_none() && deployment.outbox.is_empty());
    let decision = world.decision("dec_client-1").await.unwrap();
    assert_eq!(decision.deployment.as_ref(), Some(&id));
    assert_eq!(deployment.decision.as_ref(), Some(&decision.id));
    assert_eq!(decision.class, "python/fastapi");
    let configuration = &decision.configuration;
    assert_eq!(
        (configuration.cpu_milli, configuration.memory_mib, configuration.concurrency),
        (2000, 2048, 50)
    );
    assert_eq!((configuration.min_instances, configuration.region.as_str()), (1, "europe-west1"));
    assert_eq!(decision.prediction.cost_month.base, 20_000_000);
    assert!(
        decision.prediction.cost_month.low < 20_000_000 && decision.prediction.cost_month.high > 20_000_000
    );
    let registration = decision.registration.unwrap();
    assert_eq!((registration.user_id.as_str(), registration.project.as_str()), ("bea", "acme-prod-1"));
    assert_eq!(registration.webhook_secret_hash.len(), 64);

    let launch = Timestamp::parse("2100-01-01").unwrap();
    let service = world.service(&decision.service.unwrap()).await;
    assert_eq!(service.carried_out_by, CarriedOutBy::Customer);
    assert_eq!(
        (service.measuring.metrics_due, service.asking.ask_due),
        (Some(launch), Some(launch.plus(7 * DAY_MS)))
    );
    assert_eq!((service.owner.as_str(), service.slot.serving.unwrap().deployment), ("bea", id));
    assert_eq!(world.published(), Vec::<String>::new());
}

#[tokio::test]
async fn the_least_that_a_client_sends() {
    let world = World::new();
    let body = json!({
        "decision_id": "7f3c", "user_id": "u", "session_id": "s", "gcp_project_id": "acme-prod-1",
        "gcp_credentials": {"type": "service_account", "private_key": "x"}, "something_new": 1,
        "recommended_cost": null, "recommended_specs": null,
    });
    assert_eq!(world.post(PATH, &body).await.status, 200);
    let decision = world.decision("7f3c").await.unwrap();
    assert_eq!(decision.class, "unknown");
    assert!(decision.prediction.cost_month.base > 0);
    assert!(decision.registration.unwrap().collect);
}

#[tokio::test]
async fn metrics_only_where_they_may_be_collected() {
    let world = World::new();
    let mut body = body("dec_quiet");
    body["should_collect_metrics"] = false.into();
    assert_eq!(world.post(PATH, &body).await.status, 200);
    let decision = world.decision("dec_quiet").await.unwrap();
    assert!(!decision.registration.as_ref().unwrap().collect);
    let name = decision.service.unwrap();
    assert_eq!(world.service(&name).await.measuring.metrics_due, None);

    body["should_collect_metrics"] = true.into();
    world.post(PATH, &body).await;
    assert!(world.service(&name).await.measuring.metrics_due.is_some(), "a later registration may allow it");
    body["should_collect_metrics"] = false.into();
    world.post(PATH, &body).await;
    assert_eq!(world.service(&name).await.measuring.metrics_due, None, "and take it back");
}

#[tokio::test]
async fn again_is_the_same_deployment() {
    let world = World::new();
    let first = world.post(PATH, &body("dec_1")).await;
    let again = world.post(PATH, &body("dec_1")).await;
    assert_eq!(first.text("deployment_id"), again.text("deployment_id"));
    assert_eq!(again.json.get("webhook_secret"), None, "it is shown once");
    assert_eq!(world.count("deployments").await, 1);
    let mut other = body("dec_1");
    other["gcp_project_id"] = "another-project".into();
    let refused = world.post(PATH, &other).await;
    assert_eq!((refused.status, refused.text("type")), (409, "/errors#already-registered"));
    assert_eq!(world.decision("dec_1").await.unwrap().registration.unwrap().project, "acme-prod-1");
    let elsewhere = world.post_as("other", PATH, &body("dec_1")).await;
    assert_ne!(elsewhere.text("deployment_id"), first.text("deployment_id"), "another tenant's is another");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once_are_one() {
    let world = Arc::new(World::new());
    let tasks = (0..16).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.post(PATH, &body("dec_1")).await.text("deployment_id").to_owned() })
    });
    let mut ids: Vec<_> = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!((world.count("deployments").await, world.count("services").await), (1, 1));
}

#[tokio::test]
async fn our_own_decision_carried_out_by_the_customer() {
    let world = World::new();
    let made = world.post("/api/v1/decisions", &json!({"class": "node/express", "service": "web"})).await;
    let id = made.text("decision_id").to_owned();
    let answer = world.post(PATH, &body(&id)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let decision = world.decision(&id).await.unwrap();
    assert_eq!((decision.class.as_str(), decision.service.as_deref()), ("node/express", Some("web")));
    assert_eq!(world.service("web").await.slot.serving.unwrap().decision, Some(decision.id));
}

#[tokio::test]
async fn services_that_we_deploy_are_not_taken() {
    let world = World::new();
    world.deployed("web").await;
    let made = world.post("/api/v1/decisions", &json!({"class": "node", "service": "web"})).await;
    let refused = world.post(PATH, &body(made.text("decision_id"))).await;
    assert_eq!((refused.status, refused.text("type")), (409, "/errors#name-taken"));
    assert_eq!(world.service("web").await.carried_out_by, CarriedOutBy::Sextant);

    let answer = world.post(PATH, &body("dec_2")).await;
    let id = answer.text("deployment_id").parse().unwrap();
    for (command, body) in [("rollback", json!({})), ("cancel", json!({})), ("pause", json!({}))] {
        let refused = world.command(&id, command, &body).await;
        assert_eq!((refused.status, refused.text("type")), (409, "/errors#refused"), "{command}");
    }
    let name = world.decision("dec_2").await.unwrap().service.unwrap();
    let path = format!("/api/v1/services/{name}/actions");
    let refused = world.post(&path, &json!({"action": "stop"})).await;
    assert_eq!((refused.status, refused.text("type")), (409, "/errors#not-ours"));
    let body = json!({"path": "/srv/x", "service": name});
    let taken = world.post("/api/v1/deployments", &body).await;
    assert_eq!((taken.status, taken.text("type")), (409, "/errors#name-taken"));
}

#[tokio::test]
async fn a_webhooks_secret_is_shown_again_and_changed() {
    let world = World::new();
    let first = world.post(PATH, &body("dec_1")).await.text("webhook_secret").to_owned();
    let path = "/api/v1/decisions/dec_1/webhook-secret";
    let again = world.post(path, &json!({})).await;
    assert_eq!((again.status, again.text("webhook_secret")), (200, first.as_str()));
    assert_eq!((&again.json["rotated"], again.json.get("previous_valid_until")), (&json!(false), None));
    let changed = world.post_with_key("change", path, &json!({"rotate": true})).await;
    let second = changed.text("webhook_secret").to_owned();
    assert!(second != first && second.starts_with("whsec_") && changed.json["rotated"] == true);
    assert!(Timestamp::parse(changed.text("previous_valid_until")).is_some(), "{changed:?}");
    let repeated = world.post_with_key("change", path, &json!({"rotate": true})).await;
    assert_eq!((repeated.text("webhook_secret"), repeated.replayed), (second.as_str(), true));
    // Neither showing nor registering again changes it.
    assert_eq!(world.post(path, &json!({"rotate": false})).await.text("webhook_secret"), second);
    assert_eq!(world.post(PATH, &body("dec_1")).await.status, 200);
    let known = world.decision("dec_1").await.unwrap().registration.unwrap();
    assert_eq!((known.webhook_generation, known.webhook_former.is_some()), (1, true));
    assert_eq!(world.post(path, &json!({})).await.text("webhook_secret"), second);
    for (tenant, decision, status) in [("other", "dec_1", 404), ("acme", "dec_9", 404)] {
        let path = format!("/api/v1/decisions/{decision}/webhook-secret");
        assert_eq!(world.post_as(tenant, &path, &json!({})).await.status, status);
    }
    let ours =
        world.post("/api/v1/decisions", &json!({"class": "node"})).await.text("decision_id").to_owned();
    let none = world.post(&format!("/api/v1/decisions/{ours}/webhook-secret"), &json!({})).await;
    assert_eq!((none.status, none.text("type")), (409, "/errors#not-registered"));
}
