//! The broker as a whole: crashes, dead letters across restarts, what is left behind.

use super::*;
use crate::clock::MachineClock;
use model::{
    TenantId,
    port::{
        Broker as _,
        broker::{Delivery, Verdict},
    },
};
use std::{collections::BTreeSet, fs, time::Duration};
use tokio::sync::mpsc;

struct Channel(mpsc::UnboundedSender<Delivery>, Verdict);

#[async_trait]
impl Subscriber for Channel {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        // A test that has read enough has dropped the receiver.
        let _ = self.0.send(delivery);
        self.1
    }
}

fn subscription(name: &str) -> Subscription {
    Subscription {
        name: name.into(),
        topic: "deployments".into(),
        types: vec![],
        max_attempts: 5,
        ack_deadline_ms: 10_000,
        concurrency: 4,
    }
}

fn message(body: &str) -> Message {
    Message::new("deployments", "deployment.due", &TenantId::new("acme").unwrap(), &body)
}

fn options() -> Options {
    Options { backoff_min_ms: 1, backoff_max_ms: 4, ..Options::default() }
}

fn open(folder: &Path, options: Options) -> Result<Broker, Error> {
    let clock = Arc::new(MachineClock::open(folder).unwrap());
    Broker::open(&folder.join("broker"), vec![subscription("a"), subscription("b")], clock, options)
}

/// Everything that is still owed, as (subscription, body).
async fn drain(broker: &Broker) -> BTreeSet<(String, String)> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    broker.start(Arc::new(Channel(sender, Verdict::Ack)));
    broker.idle().await;
    let mut got = BTreeSet::new();
    while let Ok(delivery) = receiver.try_recv() {
        got.insert((delivery.subscription, delivery.message.body().unwrap()));
    }
    got
}

fn both(bodies: &[&str]) -> BTreeSet<(String, String)> {
    bodies.iter().flat_map(|body| ["a", "b"].map(|name| (name.to_owned(), (*body).to_owned()))).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_a_crash_is_delivered_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let crashed = tempfile::tempdir().unwrap();
    let broker = open(folder.path(), options()).unwrap();
    broker.publish(vec![message("one"), message("two")]).await.unwrap();
    // What a kill -9 now would leave behind: the files as they are, nothing flushed or closed.
    copy(folder.path(), crashed.path());
    assert_eq!(drain(&open(crashed.path(), options()).unwrap()).await, both(&["one", "two"]));
    assert_eq!(drain(&broker).await, both(&["one", "two"]));
    broker.close().await;
    assert_eq!(drain(&open(folder.path(), options()).unwrap()).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_brokers_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), options()).unwrap();
    let error = open(folder.path(), options()).err().unwrap().to_string();
    assert!(error.contains("already uses the data folder"), "{error}");
    first.close().await;
    open(folder.path(), options()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_everybody_acknowledged_leaves_nothing_behind() {
    struct OnlyStuck;
    #[async_trait]
    impl Subscriber for OnlyStuck {
        async fn deliver(&self, delivery: Delivery) -> Verdict {
            if delivery.message.data.contains("stuck") { Verdict::Nack } else { Verdict::Ack }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let slow = Options { backoff_min_ms: 3_600_000, backoff_max_ms: 3_600_000, ..Options::default() };
    let broker = open(folder.path(), slow.clone()).unwrap();
    broker.start(Arc::new(OnlyStuck));
    broker.publish(vec![message("stuck")]).await.unwrap();
    for number in 0..100 {
        broker.publish(vec![message(&number.to_string())]).await.unwrap();
    }
    while broker.pending() > 2 {
        tokio::task::yield_now().await;
    }
    broker.close().await;
    let engine = Engine::open(&folder.path().join("broker"), engine::Options::default()).unwrap();
    let kept = |kind: u8| {
        let (from, below) = ([stored::BROKER, kind], [stored::BROKER, kind + 1]);
        engine.core().snapshot().range(&from, Some(&below)).count()
    };
    assert_eq!((kept(stored::MESSAGE), kept(stored::OWED)), (1, 2));
    drop(engine);
    let broker = open(folder.path(), slow).unwrap();
    assert_eq!(drain(&broker).await, both(&["stuck"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_never_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        let broker = open(folder.path(), options()).unwrap();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        broker.start(Arc::new(Channel(sender, Verdict::Ack)));
        for _ in 0..5 {
            broker.publish(vec![message("x")]).await.unwrap();
        }
        broker.idle().await;
        broker.close().await;
        while let Ok(delivery) = receiver.try_recv() {
            seen.insert((delivery.subscription, delivery.id));
        }
    }
    assert_eq!(seen.len(), 4 * 5 * 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_survive_a_restart_and_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path(), options()).unwrap();
    let (sender, _receiver) = mpsc::unbounded_channel();
    broker.start(Arc::new(Channel(sender, Verdict::Nack)));
    broker.publish(vec![message("poison")]).await.unwrap();
    broker.idle().await;
    broker.close().await;
    drop(broker);

    let broker = open(folder.path(), options()).unwrap();
    assert_eq!(broker.pending(), 0);
    let letters = broker.dead_letters(10);
    assert_eq!(
        letters.iter().map(|one| (one.subscription.as_str(), one.attempts)).collect::<Vec<_>>(),
        [("a", 5), ("b", 5)]
    );
    broker.replay(&letters[0].id).await.unwrap();
    assert!(broker.replay(&letters[0].id).await.is_err());
    assert_eq!(drain(&broker).await, BTreeSet::from([("a".into(), "poison".into())]));
    assert_eq!(broker.replay_all().await.unwrap(), 1);
    broker.idle().await;
    broker.close().await;
    assert_eq!(open(folder.path(), options()).unwrap().dead_letters(10), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_delivery_repeats_and_loses_acknowledgements_but_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let hostile =
        Hostile { seed: 7, duplicate_percent: 50, reorder: true, delay_ms_max: 3, nack_percent: 30 };
    let broker = open(folder.path(), Options { hostile: Some(hostile), ..options() }).unwrap();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    broker.start(Arc::new(Channel(sender, Verdict::Ack)));
    let bodies: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    broker.publish(bodies.iter().map(|body| message(body)).collect()).await.unwrap();
    broker.idle().await;
    let mut got = Vec::new();
    while let Ok(delivery) = receiver.try_recv() {
        got.push((delivery.subscription, delivery.message.body::<String>().unwrap()));
    }
    let distinct: BTreeSet<_> = got.iter().cloned().collect();
    assert_eq!(distinct, both(&bodies.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(got.len() > 250, "{}", got.len());
    let order: Vec<_> =
        got.iter().filter(|(name, _)| name == "a").map(|(_, body)| body.parse::<u32>().unwrap()).collect();
    assert!(!order.is_sorted());
    assert_eq!(broker.dead_letters(10), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_a_subscription_that_is_gone_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path(), options()).unwrap();
    broker.publish(vec![message("one")]).await.unwrap();
    broker.close().await;
    let clock = Arc::new(MachineClock::open(folder.path()).unwrap());
    let broker = Broker::open(
        &folder.path().join("broker"),
        vec![subscription("c"), subscription("b")],
        clock,
        options(),
    )
    .unwrap();
    assert_eq!(drain(&broker).await, BTreeSet::from([("b".into(), "one".into())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_messages_show_how_far_they_got() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path(), Options { remembered: 3, ..options() }).unwrap();
    for body in ["0", "1", "2", "3"] {
        broker.publish(vec![message(body)]).await.unwrap();
    }
    let bodies = |recent: Vec<Recent>| {
        recent.iter().map(|one| one.message.body::<String>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(bodies(broker.recent(10)), ["3", "2", "1"]);
    assert_eq!(broker.recent(1)[0].receivers[0].progress, Progress::Queued);
    drain(&broker).await;
    assert!(
        broker
            .recent(10)
            .iter()
            .flat_map(|one| &one.receivers)
            .all(|one| one.progress == Progress::Acknowledged)
    );
}

#[test]
fn each_back_off_is_longer_than_the_one_before() {
    let options = Options::default();
    for number in 0..100 {
        let waits: Vec<Duration> = (1..=20).map(|failed| options.back_off(failed, number)).collect();
        assert!(waits[..9].is_sorted_by(|a, b| a < b), "{waits:?}");
        assert!(waits.iter().all(|wait| (100..=75_000).contains(&wait.as_millis())), "{waits:?}");
    }
}
