//! Deliveries: in process and pushed over HTTP, in each of the envelope's forms.

use crate::{fake::Documents, server::Server};
use host::{
    Config, Context, Delivery, Error, Function, Outcome, Port, PushAuth, Role, Runner, testing::World,
};
use model::{
    TenantId, Timestamp,
    message::{Message, kind, topic},
    port::{PortError, Subscriber, Verdict},
};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub type Seen = Arc<Mutex<Vec<(Delivery, String, Option<TenantId>)>>>;

/// Records what arrives and does what the message's body says.
fn functions(seen: &Seen) -> Vec<Function> {
    let seen = seen.clone();
    let handler = move |ctx: Context, delivery: Delivery| {
        seen.lock().unwrap().push((delivery.clone(), ctx.trace().trace_id(), ctx.tenant().ok().cloned()));
        async move {
            match delivery.message.data.trim_matches('"') {
                "duplicate" => Ok(Outcome::Duplicate),
                "later" => Ok(Outcome::Later(Timestamp(99))),
                "reject" => Ok(Outcome::Reject("never".into())),
                "transient" => Err(PortError::Transient("away".into()).into()),
                "permanent" => Err(PortError::Permanent("no".into()).into()),
                "bad" => Err(Error::bad_request("It makes no sense; nothing can be done.")),
                "panic" => panic!("broken"),
                "hang" => std::future::pending().await,
                "publish" => {
                    let tenant = ctx.tenant()?;
                    ctx.publish(vec![Message::new(
                        topic::ACTIONS,
                        kind::ACTION_REQUESTED,
                        tenant,
                        &json!({}),
                    )])
                    .await?;
                    Ok(Outcome::Done)
                }
                _ => Ok(Outcome::Done),
            }
        }
    };
    let function = Function::new("step", "")
        .uses(&[Port::Broker])
        .timeout_s(20)
        .concurrency(3)
        .topic(topic::DEPLOYMENTS, &[kind::DEPLOYMENT_DUE, kind::BUILD_ENDED], handler.clone())
        .topic(topic::FEEDBACK, &[], handler.clone())
        .schedule("nightly", "0 3 * * *", handler);
    vec![function]
}

fn message(kind: &str, data: &str) -> Message {
    Message::new(topic::DEPLOYMENTS, kind, &TenantId::new("acme").unwrap(), &data)
}

fn delivery(data: &str) -> Delivery {
    Delivery {
        subscription: "step.deployments".into(),
        id: "m1".into(),
        published_at: Timestamp(5),
        attempt: 2,
        message: message(kind::DEPLOYMENT_DUE, data),
    }
}

fn runner(world: &World, seen: &Seen) -> Runner {
    let mut config = Config::local(0, crate::server::key());
    config.timeout = Some(Duration::from_millis(50));
    Runner::new(functions(seen), world.ports(), Arc::new(config))
}

#[tokio::test]
async fn outcomes_and_errors_become_verdicts() {
    let ((_, world), seen) = (Documents::world(), Seen::default());
    let runner = runner(&world, &seen);
    let verdicts = [
        ("done", Verdict::Ack),
        ("duplicate", Verdict::Ack),
        ("later", Verdict::Ack),
        ("reject", Verdict::Ack),
        ("transient", Verdict::Nack),
        ("permanent", Verdict::Ack),
        ("bad", Verdict::Ack),
        ("panic", Verdict::Nack),
        ("hang", Verdict::Nack),
    ];
    for (data, verdict) in verdicts {
        assert_eq!(runner.deliver(delivery(data)).await, verdict, "{data}");
    }
    assert_eq!(seen.lock().unwrap().len(), verdicts.len());
    let timers = world.state().timers.clone();
    assert_eq!(
        timers.as_slice(),
        [(Timestamp(99), "step.deployments/m1".to_owned(), message(kind::DEPLOYMENT_DUE, "later"))]
    );
}

#[tokio::test]
async fn what_is_not_for_it_is_acknowledged_unseen() {
    let ((_, world), seen) = (Documents::world(), Seen::default());
    let runner = runner(&world, &seen);
    let other = Delivery { message: message(kind::DEPLOYMENT_ENDED, ""), ..delivery("") };
    assert_eq!(runner.deliver(other).await, Verdict::Ack);
    assert!(seen.lock().unwrap().is_empty());
    let any =
        Delivery { subscription: "step.feedback".into(), message: message("whatever", ""), ..delivery("") };
    assert_eq!(runner.deliver(any).await, Verdict::Ack);
    assert_eq!(seen.lock().unwrap().len(), 1);
    let stranger = Delivery { subscription: "nobody.deployments".into(), ..delivery("") };
    assert_eq!(runner.deliver(stranger).await, Verdict::Nack);
}

#[tokio::test]
async fn a_trace_goes_from_message_to_message() {
    let ((_, world), seen) = (Documents::world(), Seen::default());
    let runner = runner(&world, &seen);
    let mut traced = delivery("publish");
    traced.message.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    runner.deliver(traced).await;
    let published = world.state().messages.clone();
    let trace = published[0].traceparent.clone().unwrap();
    assert!(
        trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && !trace.contains("b7ad6b7169203331"),
        "{trace}"
    );
    assert_eq!(seen.lock().unwrap()[0].1, "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test]
async fn what_the_broker_and_the_scheduler_must_know() {
    let ((_, world), seen) = (Documents::world(), Seen::default());
    let runner =
        Runner::new(functions(&seen), world.ports(), Arc::new(Config::local(0, crate::server::key())));
    let subscriptions = runner.subscriptions();
    let names: Vec<_> =
        subscriptions.iter().map(|s| (s.name.as_str(), s.topic.as_str(), s.types.len())).collect();
    assert_eq!(
        names,
        [
            ("step.deployments", "deployments", 2),
            ("step.feedback", "feedback", 0),
            ("step.schedule", "schedule", 0)
        ]
    );
    assert_eq!((subscriptions[0].concurrency, subscriptions[0].ack_deadline_ms), (3, 25_000));
    assert!(subscriptions[0].max_attempts >= 5);

    let schedules = runner.schedules();
    assert_eq!((schedules[0].name, schedules[0].cron), ("nightly", "0 3 * * *"));
    let tick = |name| Delivery {
        subscription: schedules[0].subscription(),
        message: host::runner::Schedule { name, ..schedules[0].clone() }.message().unwrap(),
        ..delivery("")
    };
    assert_eq!(runner.deliver(tick("nightly")).await, Verdict::Ack);
    assert_eq!(runner.deliver(tick("other")).await, Verdict::Ack);
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), seen[0].0.message.kind.as_str(), &seen[0].2), (1, kind::SCHEDULE, &None));
}

pub async fn pushed(auth: PushAuth) -> (Server, Seen) {
    let seen = Seen::default();
    let server = Server::configured(Documents::world(), functions(&seen), |config| config.push = auth).await;
    (server, seen)
}

/// As Google documents it: both spellings, padded base64.
pub const WRAPPED: &str = r#"{"deliveryAttempt": 5, "message": {"attributes": {"type": "deployment.due", "tenant": "acme"},
  "data": "ImRvbmUi", "messageId": "2070443601311540", "message_id": "2070443601311540",
  "publishTime": "2021-02-26T19:13:55.749Z", "publish_time": "2021-02-26T19:13:55.749Z"},
  "subscription": "projects/myproject/subscriptions/mysubscription"}"#;

#[tokio::test]
async fn a_wrapped_push_arrives_whole() {
    let (server, seen) = pushed(PushAuth::Platform).await;
    // The platform calls by a name of its own.
    let answer = server.send("POST /push/step.deployments", &[("host", "10.0.0.9")], WRAPPED).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let (delivery, _, tenant) = seen.lock().unwrap()[0].clone();
    assert_eq!((delivery.id.as_str(), delivery.attempt), ("2070443601311540", 5));
    assert_eq!(delivery.published_at.rfc3339(), "2021-02-26T19:13:55.749Z");
    assert_eq!(
        (delivery.message, tenant),
        (message(kind::DEPLOYMENT_DUE, "done"), TenantId::new("acme").ok())
    );

    // The emulator leaves out the attempt; padding may be missing; our own envelope reads back.
    let bare = r#"{"message": {"attributes": {"type": "build.ended", "tenant": "acme"}, "data": "ImEi", "message_id": "7"}}"#;
    assert_eq!(server.send("POST /push/step.deployments", &[], bare).await.status, 204);
    let unpadded = bare.replace("ImEi", "IiI");
    assert_eq!(server.send("POST /push/step.deployments", &[], &unpadded).await.status, 204);
    let own = host::push::envelope(&crate::deliveries::delivery("x")).to_string();
    assert_eq!(server.send("POST /push/step.deployments", &[], &own).await.status, 204);
    let seen = seen.lock().unwrap();
    assert_eq!((seen[1].0.id.as_str(), seen[1].0.attempt, seen[2].0.message.data.as_str()), ("7", 1, "\"\""));
    assert_eq!(seen[3].0.message, crate::deliveries::delivery("x").message);
}

#[tokio::test]
async fn an_unwrapped_push_arrives_whole() {
    let (server, seen) = pushed(PushAuth::Platform).await;
    let headers = [
        ("x-goog-pubsub-message-id", "9"),
        ("x-goog-pubsub-publish-time", "2021-02-26T19:13:55.749Z"),
        ("x-goog-pubsub-subscription-name", "projects/p/subscriptions/s"),
        ("type", kind::DEPLOYMENT_DUE),
        ("tenant", "acme"),
    ];
    assert_eq!(server.send("POST /push/step.deployments", &headers, "\"done\"").await.status, 204);
    let delivery = seen.lock().unwrap()[0].0.clone();
    assert_eq!((delivery.id.as_str(), delivery.message), ("9", message(kind::DEPLOYMENT_DUE, "done")));
}

#[tokio::test]
async fn pushes_that_cannot_be_handled() {
    let (server, seen) = pushed(PushAuth::Platform).await;
    let to = "POST /push/step.deployments";
    assert_eq!(server.send(to, &[], "{").await.problem(400), "bad-request");
    assert_eq!(server.send(to, &[], "{\"a\": 1}").await.problem(400), "bad-request");
    assert_eq!(server.send(to, &[], &" ".repeat(2_000_000)).await.problem(413), "too-large");
    assert_eq!(server.send("POST /push/nobody.deployments", &[], WRAPPED).await.problem(404), "not-found");
    assert_eq!(server.send("GET /push/step.deployments", &[], "").await.problem(405), "method-not-allowed");
    // Ours by form, but for ever useless: asking for it again would not help.
    for (from, to_text) in [("\"tenant\": \"acme\"", "\"x\": \"y\""), ("acme", "../x"), ("ImRvbmUi", "%%%")] {
        let answer = server.send(to, &[], &WRAPPED.replace(from, to_text)).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{to_text}");
    }
    assert!(seen.lock().unwrap().is_empty());
    let nack = host::push::envelope(&delivery("transient")).to_string();
    assert_eq!(server.send(to, &[], &nack).await.status, 503);
    let unwanted = WRAPPED.replace("deployment.due", "deployment.ended");
    assert_eq!(server.send(to, &[], &unwanted).await.status, 204);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn only_those_may_push_who_may() {
    let (off, _) = pushed(PushAuth::Off).await;
    let to = "POST /push/step.deployments";
    assert_eq!(off.send(to, &[], WRAPPED).await.problem(404), "not-found");
    let (server, seen) = pushed(PushAuth::Token("s3cret".into())).await;
    let owner = server.token("acme", Role::Owner);
    for headers in [vec![], vec![("authorization", "Bearer wrong")], vec![("authorization", owner.as_str())]]
    {
        assert_eq!(server.send(to, &headers, WRAPPED).await.problem(401), "unauthenticated");
    }
    assert_eq!(server.send(&format!("{to}?token=s3cre"), &[], WRAPPED).await.problem(401), "unauthenticated");
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(server.send(&format!("{to}?token=s3cret"), &[], WRAPPED).await.status, 204);
    assert_eq!(server.send(to, &[("authorization", "Bearer s3cret")], WRAPPED).await.status, 204);
    assert_eq!(seen.lock().unwrap().len(), 2);
}
