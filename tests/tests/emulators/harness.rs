//! Pub/Sub as the brokers' suite takes an engine, and what its emulator leaves out of what production does.

use crate::{
    broker::{options, push, subscription},
    push::PushServer,
};
use async_trait::async_trait;
use gcp::PubSubBroker;
use model::port::{Broker, Delivery, Subscriber, Verdict, broker::Subscription};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tests::conformance::broker::{Abilities, Harness, Session};

/// Longer than any wait between two deliveries here. With the shortest back-off that a subscription may have, the
/// emulator's first retry comes after 1 s, each further one after 3 s, and the dead letter 3 s after the last.
const QUIET: Duration = Duration::from_secs(6);

/// One emulator; names are fresh for each.
pub struct Engine {
    emulator: String,
    topics: AtomicU32,
}

impl Engine {
    /// `None` where there is no emulator.
    pub fn new() -> Option<Self> {
        Some(Self { emulator: tests::emulator::pubsub()?, topics: AtomicU32::new(0) })
    }
}

#[async_trait]
impl Harness for Engine {
    fn abilities(&self) -> Abilities {
        Abilities {
            // Stored and ignored.
            filters: false,
            // Not in the body of its pushes.
            attempts: false,
            back_off_floor_ms: vec![500, 1_500],
            // A push that isn't answered is never made again.
            deadline: false,
            concurrency: false,
            // It keeps everything in memory.
            restart: false,
        }
    }

    async fn topic(&self) -> String {
        format!("topic-{}", self.topics.fetch_add(1, Ordering::Relaxed))
    }

    async fn start(
        &self,
        subscriptions: Vec<Subscription>,
        subscriber: Arc<dyn Subscriber>,
    ) -> Box<dyn Session> {
        let server = PushServer::start().await;
        let broker = PubSubBroker::new(options(self.emulator.clone()));
        let letters = Arc::new(Letters::default());
        let mut all = subscriptions.clone();
        for known in subscriptions {
            let dead = subscription(&format!("keep.{}.dead", known.name), &format!("{}.dead", known.name));
            server.subscribe(&known.name, subscriber.clone());
            server.subscribe(&dead.name, letters.clone());
            all.push(dead);
        }
        broker.ensure(&[], &all, &push(&server)).await.unwrap();
        Box::new(Running { broker: Arc::new(broker), server, letters })
    }
}

/// Takes what comes to dead-letter topics: topic and data.
#[derive(Default)]
struct Letters(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Subscriber for Letters {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        let mut letters = self.0.lock().unwrap();
        let letter = (delivery.message.topic, delivery.message.data);
        // A push may come twice.
        if !letters.contains(&letter) {
            letters.push(letter);
        }
        Verdict::Ack
    }
}

struct Running {
    broker: Arc<PubSubBroker>,
    server: PushServer,
    letters: Arc<Letters>,
}

#[async_trait]
impl Session for Running {
    fn broker(&self) -> Arc<dyn Broker> {
        self.broker.clone()
    }

    async fn settle(&self) {
        self.server.quiet(QUIET).await;
    }

    async fn dead_letters(&self, subscription: &str) -> Vec<String> {
        let topic = format!("{subscription}.dead");
        let letters = self.letters.0.lock().unwrap();
        letters.iter().filter(|(from, _)| *from == topic).map(|(_, data)| data.clone()).collect()
    }

    async fn replay(&self, _: &str) -> bool {
        false
    }

    async fn restart(self: Box<Self>, _: Arc<dyn Subscriber>) -> Box<dyn Session> {
        unreachable!("the engine says that it can't")
    }
}

tests::broker_suite!(match Engine::new() {
    Some(engine) => engine,
    None => return,
});
