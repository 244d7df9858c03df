//! The embedded broker passes the brokers' suite.

#![expect(clippy::unwrap_used, reason = "test code")]

use async_trait::async_trait;
use machine::{
    broker::{Broker, Options},
    clock::MachineClock,
};
use model::port::{
    Broker as BrokerPort,
    broker::{Subscriber, Subscription},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tempfile::TempDir;
use tests::conformance::broker::{Abilities, Harness, Session};

const BACKOFF_MIN_MS: u64 = 20;

#[derive(Default)]
struct Machine {
    topics: AtomicU32,
}

struct Running {
    folder: TempDir,
    subscriptions: Vec<Subscription>,
    broker: Arc<Broker>,
}

fn open(folder: &Path, subscriptions: &[Subscription], subscriber: Arc<dyn Subscriber>) -> Arc<Broker> {
    let clock = Arc::new(MachineClock::open(folder).unwrap());
    let options = Options { backoff_min_ms: BACKOFF_MIN_MS, backoff_max_ms: 500, ..Options::default() };
    let broker = Broker::open(folder, subscriptions.to_vec(), clock, options).unwrap();
    broker.start(subscriber);
    Arc::new(broker)
}

#[async_trait]
impl Harness for Machine {
    fn abilities(&self) -> Abilities {
        Abilities {
            filters: true,
            attempts: true,
            back_off_floor_ms: (0..5).map(|retry| BACKOFF_MIN_MS << retry).collect(),
            deadline: true,
            concurrency: true,
            restart: true,
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
        let folder = tempfile::tempdir().unwrap();
        let broker = open(folder.path(), &subscriptions, subscriber);
        Box::new(Running { folder, subscriptions, broker })
    }
}

#[async_trait]
impl Session for Running {
    fn broker(&self) -> Arc<dyn BrokerPort> {
        self.broker.clone()
    }

    async fn settle(&self) {
        self.broker.idle().await;
    }

    async fn dead_letters(&self, subscription: &str) -> Vec<String> {
        let letters = self.broker.dead_letters(1000).into_iter();
        letters
            .filter(|letter| letter.subscription == subscription)
            .map(|letter| letter.message.data)
            .collect()
    }

    async fn replay(&self, _: &str) -> bool {
        self.broker.replay_all().await.unwrap() > 0
    }

    async fn restart(self: Box<Self>, subscriber: Arc<dyn Subscriber>) -> Box<dyn Session> {
        let Self { folder, subscriptions, broker } = *self;
        broker.close().await;
        let broker = open(folder.path(), &subscriptions, subscriber);
        Box::new(Self { folder, subscriptions, broker })
    }
}

tests::broker_suite!(Machine::default());
