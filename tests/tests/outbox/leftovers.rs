//! Whatever a commit owes when the topics are out of reach, the next sweep publishes: for each document with an
//! outbox, by each function that writes it.

use crate::world::{World, observed};
use host::testing::{START, sample};
use model::{
    Micros, Timestamp,
    document::{
        Deployment, Feedback, FeedbackKind, SCHEMA, Status, Step, deployment_path, feedback_path,
        service_path,
    },
    message::{AboutDeployment, AboutFeedback, Action, ActionRequest, Message, kind, topic},
    port::target::{Cost, Measured, RevisionWindow},
    time::{DAY_MS, MINUTE_MS},
};
use serde_json::json;
use std::collections::BTreeMap;

pub fn action(id: &str, action: Action) -> Message {
    let request = ActionRequest {
        id: id.into(),
        service: sample::shop(),
        action,
        to: None,
        min_instances: None,
        max_instances: None,
        requested_by: "ann".into(),
        reason: None,
    };
    Message::new(topic::ACTIONS, kind::ACTION_REQUESTED, &sample::acme(), &request)
}

#[tokio::test]
async fn the_end_of_an_action() {
    let world = World::new().await;
    let act = async |world: &World| {
        world.deliver("act", &action("act_1", Action::Stop)).await;
    };
    world.publishes_a_minute_later(&[kind::ACTION_DONE], act).await;
}

#[tokio::test]
async fn the_first_step_of_a_rollback_and_its_end() {
    let world = World::new().await;
    let act = async |world: &World| {
        world.deliver("act", &action("act_1", Action::RollBack)).await;
    };
    world.publishes_a_minute_later(&[kind::ACTION_DONE], act).await;
    let path = deployment_path(&sample::acme(), &sample::deployment_id(2));
    let deployment: Deployment = world.outside.read(&path).await.unwrap();
    assert!(!world.outside.published(kind::DEPLOYMENT_DUE).is_empty(), "{deployment:?}");
}

#[tokio::test]
async fn an_anomaly() {
    let world = World::new().await;
    for minute in 0..20 {
        let seen = observed(&world.outside, &sample::observation(1, minute, 600, 10)).await;
        world.deliver("advise", &seen).await;
    }
    let act = async |world: &World| {
        let mut seen = sample::observation(1, 20, 600, 10);
        seen.utilization.latency = 900_000;
        let seen = observed(&world.outside, &seen).await;
        world.deliver("advise", &seen).await;
    };
    world.publishes_a_minute_later(&[kind::ANOMALY_DETECTED], act).await;
}

/// Somebody answered a question about a decision; the news of it.
pub async fn answered(world: &World, decision: u32, key: &str, at: Timestamp) -> Message {
    let feedback = Feedback {
        schema: SCHEMA,
        tenant: sample::acme(),
        decision: sample::decision_id(decision),
        deployment: Some(sample::deployment_id(decision)),
        received_at: at,
        key: key.into(),
        channel: "api".into(),
        kind: FeedbackKind::PerfectFit,
        satisfaction: 5,
        comments: String::new(),
        metrics: serde_json::Value::Null,
        actual_monthly_cost: Micros::from_usd(1.0),
        currency: Some("USD".into()),
    };
    world.outside.put(feedback_path(&sample::acme(), &feedback.decision), &feedback).await;
    let body = AboutFeedback { service: sample::shop(), decision: Some(feedback.decision) };
    Message::new(topic::FEEDBACK, kind::FEEDBACK_RECEIVED, &sample::acme(), &body)
}

#[tokio::test]
async fn a_learning() {
    let world = World::new().await;
    let message = answered(&world, 1, "a", START).await;
    let act = async |world: &World| {
        world.deliver("learn", &message).await;
    };
    world.publishes_a_minute_later(&[kind::LEARNING_RECORDED], act).await;
}

#[tokio::test]
async fn a_measurement() {
    let world = World::new().await;
    let counts = RevisionWindow { requests: 600, instance_ms: 60_000, ..RevisionWindow::default() };
    let revisions = BTreeMap::from([(sample::kept(2, START).revision, counts)]);
    let cost =
        Cost { total: Micros(100), estimated: true, cpu_seconds: 3.0, gib_seconds: 1.9, requests: 600 };
    world.outside.state().measured = Some((Measured { revisions }, cost));
    world.outside.pass(MINUTE_MS);
    let act = async |world: &World| world.minute("collect-metrics").await;
    world.publishes_a_minute_later(&[kind::OBSERVATION_RECORDED], act).await;
}

#[tokio::test]
async fn a_question() {
    let world = World::new().await;
    world.outside.pass(8 * DAY_MS);
    let act = async |world: &World| world.minute("send-feedback").await;
    world.publishes_a_minute_later(&[kind::FEEDBACK_ASKED], act).await;
    assert_eq!(world.outside.state().mails.len(), 1);
}

#[tokio::test]
async fn an_answer() {
    let world = World::new().await;
    let act = async |world: &World| {
        let body = json!({"feedback_type": "perfect_fit", "satisfaction_score": 9});
        let (status, answer) = world.post("/api/v1/feedback/dec_2", &body).await;
        assert_eq!(status, 200, "{answer}");
    };
    world.publishes_a_minute_later(&[kind::FEEDBACK_RECEIVED], act).await;
}

#[tokio::test]
async fn a_request_to_act() {
    let world = World::new().await;
    let act = async |world: &World| {
        let (status, answer) =
            world.post("/api/v1/services/shop/actions", &json!({"action": "restart"})).await;
        assert_eq!(status, 202, "{answer}");
    };
    world.publishes_a_minute_later(&[kind::ACTION_REQUESTED], act).await;
}

/// Accepted, and nothing was begun.
async fn pending(world: &World) -> Deployment {
    let pending = Deployment {
        status: Status::Pending,
        step: Step::Scan,
        ended_at: None,
        decision: None,
        ..sample::deployment(3)
    };
    world.outside.put(deployment_path(&pending.tenant, &pending.id), &pending).await;
    let mut service = sample::service();
    service.serve(sample::kept(2, START));
    service.slot.running = Some(pending.id.clone());
    world.outside.put(service_path(&service.tenant, &service.name), &service).await;
    pending
}

#[tokio::test]
async fn a_deployment_that_a_command_ends() {
    let world = World::new().await;
    pending(&world).await;
    let act = async |world: &World| {
        let (status, answer) = world.post("/api/v1/deployments/dep_3/cancel", &json!({})).await;
        assert_eq!(status, 202, "{answer}");
    };
    world.publishes_a_minute_later(&[kind::DEPLOYMENT_ENDED], act).await;
}

#[tokio::test]
async fn a_deployment_that_its_pipeline_ends() {
    let world = World::new().await;
    let deployment = pending(&world).await;
    let act = async |world: &World| {
        // It names no source that could be fetched, so it fails.
        let body = AboutDeployment { deployment: deployment.id.clone() };
        let woken = Message::new(topic::DEPLOYMENTS, kind::DEPLOYMENT_DUE, &sample::acme(), &body);
        world.deliver("deploy-step", &woken).await;
    };
    world.publishes_a_minute_later(&[kind::DEPLOYMENT_ENDED], act).await;
    let path = deployment_path(&deployment.tenant, &deployment.id);
    let ended: Deployment = world.outside.read(&path).await.unwrap();
    assert_eq!((ended.status, ended.next_due), (Status::Failed, None));
}

/// A service that is written all the time: what is left over is not put off by each new message.
#[tokio::test]
async fn leftovers_of_a_service_that_never_rests() {
    let world = World::new().await;
    let restart = json!({"action": "restart"});
    world.outside.state().broker_down = true;
    assert_eq!(world.post("/api/v1/services/shop/actions", &restart).await.0, 202);
    world.outside.state().broker_down = false;
    for _ in 0..4 {
        world.outside.pass(MINUTE_MS / 4);
        assert_eq!(world.post("/api/v1/services/shop/actions", &restart).await.0, 202);
    }
    assert_eq!(world.outside.published(kind::ACTION_REQUESTED).len(), 4);
    world.sweep().await;
    assert_eq!(world.outside.published(kind::ACTION_REQUESTED).len(), 5);
    assert_eq!(world.owing().await, []);
}
