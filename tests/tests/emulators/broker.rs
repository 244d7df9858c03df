//! The brokers' suite on Pub/Sub, and what the adapter adds to the port: what it creates, and where dead letters go.

use crate::push::{PushServer, TOKEN};
use async_trait::async_trait;
use gcp::{PubSubBroker, PubSubOptions, Push};
use model::{
    TenantId,
    message::Message,
    port::{Broker, Delivery, Subscriber, Verdict, broker::Subscription},
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// Long for an answer that is due in milliseconds; the emulator's first retry takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives one verdict to everything and tells the test what it saw.
struct Recorder {
    verdict: Verdict,
    seen: mpsc::UnboundedSender<Delivery>,
}

#[async_trait]
impl Subscriber for Recorder {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        let _ = self.seen.send(delivery);
        self.verdict
    }
}

fn recorder(verdict: Verdict) -> (Arc<Recorder>, mpsc::UnboundedReceiver<Delivery>) {
    let (seen, deliveries) = mpsc::unbounded_channel();
    (Arc::new(Recorder { verdict, seen }), deliveries)
}

/// Names of its own for each call: the emulator may be one that other runs have used.
pub fn options(emulator: String) -> PubSubOptions {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    PubSubOptions { project: "demo-sextant".into(), prefix: format!("t{nanos}-"), emulator: Some(emulator) }
}

pub fn subscription(name: &str, topic: &str) -> Subscription {
    Subscription {
        name: name.into(),
        topic: topic.into(),
        types: vec![],
        max_attempts: 5,
        ack_deadline_ms: 10_000,
        concurrency: 8,
    }
}

pub fn push(server: &PushServer) -> Push {
    Push { back_off_s: (0, 1), ..Push::new(&server.url).token(TOKEN) }
}

async fn next(deliveries: &mut mpsc::UnboundedReceiver<Delivery>) -> Delivery {
    tokio::time::timeout(PATIENCE, deliveries.recv()).await.expect("a delivery within a minute").unwrap()
}

fn message(topic: &str) -> Message {
    let tenant = TenantId::new("acme").unwrap();
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    Message { traceparent, ..Message::new(topic, "deployment.requested", &tenant, &"ä\n\"") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_carries_the_whole_message_and_each_subscription_gets_it() {
    let Some(emulator) = tests::emulator::pubsub() else { return };
    let server = PushServer::start().await;
    let broker = PubSubBroker::new(options(emulator));
    let subscriptions = [subscription("first.things", "things"), subscription("second.things", "things")];
    broker.ensure(&["unheard"], &subscriptions, &push(&server)).await.unwrap();
    broker.ensure(&["unheard"], &subscriptions, &push(&server)).await.expect("a second time changes nothing");
    let (first, mut at_first) = recorder(Verdict::Ack);
    let (second, mut at_second) = recorder(Verdict::Ack);
    server.subscribe("first.things", first);
    server.subscribe("second.things", second);

    broker.publish(vec![message("things"), message("unheard")]).await.unwrap();

    let (one, other) = (next(&mut at_first).await, next(&mut at_second).await);
    assert_eq!(one.message, message("things"));
    assert_eq!(one.subscription, "first.things");
    assert_eq!((other.message, other.id), (one.message, one.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_goes_to_the_dead_letters() {
    let Some(emulator) = tests::emulator::pubsub() else { return };
    let server = PushServer::start().await;
    let broker = PubSubBroker::new(options(emulator));
    let subscriptions =
        [subscription("sour.things", "things"), subscription("watch.sour.things.dead", "sour.things.dead")];
    broker.ensure(&[], &subscriptions, &push(&server)).await.unwrap();
    let (sour, mut tries) = recorder(Verdict::Nack);
    let (watch, mut dead) = recorder(Verdict::Ack);
    server.subscribe("sour.things", sour);
    server.subscribe("watch.sour.things.dead", watch);

    broker.publish(vec![message("things")]).await.unwrap();

    let letter = next(&mut dead).await;
    assert_eq!(letter.message.data, message("things").data);
    let mut tried = 0;
    while tries.try_recv().is_ok() {
        tried += 1;
    }
    assert!(tried >= 5, "given up after {tried} tries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_a_permanent_error() {
    let Some(emulator) = tests::emulator::pubsub() else { return };
    let missing = PubSubBroker::new(options(emulator)).publish(vec![message("nowhere")]).await.unwrap_err();
    assert!(!missing.is_transient(), "{missing}");
    assert!(missing.to_string().contains("nowhere"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_out_of_reach_is_a_transient_error() {
    let broker = PubSubBroker::new(options(tests::emulator::nobody()));
    let unreachable = broker.publish(vec![message("things")]).await.unwrap_err();
    assert!(unreachable.is_transient(), "{unreachable}");
}
