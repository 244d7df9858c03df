//! What every broker must do. Nothing here depends on order, nor on a message coming only once.
//!
//! An engine comes in through [`Harness`]; [`broker_suite!`](crate::broker_suite) makes a test of each function below.
//! What an engine is known to leave out it says in its [`Abilities`], and only that is not asked of it.

use async_trait::async_trait;
use futures::future::{BoxFuture, FutureExt, join_all, pending};
use model::{
    TenantId,
    message::Message,
    port::{
        Broker,
        broker::{Delivery, Subscriber, Subscription, Verdict},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc};

/// A test that waits this long for something has failed. Nothing is ever slow enough on purpose to come near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an engine can do of what production does.
#[derive(Clone, Debug)]
pub struct Abilities {
    /// Messages of types that a subscription is not for don't reach it.
    pub filters: bool,
    /// Deliveries say which try they are.
    pub attempts: bool,
    /// The shortest wait before try 2, 3, … in milliseconds; empty where it can't be told.
    pub back_off_floor_ms: Vec<u64>,
    /// A delivery that takes longer than the deadline is made again, and its slot is free.
    pub deadline: bool,
    /// No more deliveries at once than the subscription allows.
    pub concurrency: bool,
    /// What was not acknowledged survives the broker's process.
    pub restart: bool,
}

/// An engine under test.
#[async_trait]
pub trait Harness: Send + Sync {
    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// The name of a topic nobody has used; topics that must exist are made.
    async fn topic(&self) -> String;

    /// Makes the subscriptions (their names are fresh) and pushes to the subscriber from now on.
    async fn start(
        &self,
        subscriptions: Vec<Subscription>,
        subscriber: Arc<dyn Subscriber>,
    ) -> Box<dyn Session>;
}

/// A running engine with its subscriptions.
#[async_trait]
pub trait Session: Send + Sync {
    /// Where to publish.
    fn broker(&self) -> Arc<dyn Broker>;

    /// Waits until nothing more will be delivered, as well as the engine can tell.
    async fn settle(&self);

    /// The data of the messages that a subscription did not take.
    async fn dead_letters(&self, subscription: &str) -> Vec<String>;

    /// Delivers the dead letters of a subscription to it again; false if the engine has no such thing.
    async fn replay(&self, subscription: &str) -> bool;

    /// Ends the engine's process, starts it anew over the same data, and pushes to this subscriber.
    async fn restart(self: Box<Self>, subscriber: Arc<dyn Subscriber>) -> Box<dyn Session>;
}

/// Makes one test of each function of the suite; give an expression that makes the harness.
#[macro_export]
macro_rules! broker_suite {
    ($harness:expr) => {
        $crate::broker_suite!($harness;
            every_message_reaches_every_subscription_of_its_topic,
            nothing_is_lost_of_many_publishers,
            a_refused_message_comes_again_until_it_is_acknowledged,
            back_off_grows,
            a_message_refused_too_often_becomes_a_dead_letter,
            a_dead_letter_can_be_replayed,
            what_is_not_for_a_subscription_does_not_reach_it,
            no_more_at_once_than_allowed,
            a_handler_that_hangs_starves_nobody,
            a_handler_that_hangs_is_called_again,
            what_was_not_acknowledged_survives_a_restart,
        );
    };
    ($harness:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                $crate::conformance::broker::$name(&$harness).await;
            }
        )*
    };
}

type Handler = dyn Fn(Delivery) -> BoxFuture<'static, Verdict> + Send + Sync;

/// Answers as the test says, and tells it of each delivery first.
struct Script {
    seen: mpsc::UnboundedSender<(Delivery, Instant)>,
    handler: Box<Handler>,
}

#[async_trait]
impl Subscriber for Script {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        // A test that has seen enough no longer listens.
        let _ = self.seen.send((delivery.clone(), Instant::now()));
        (self.handler)(delivery).await
    }
}

/// What was delivered.
struct Seen(mpsc::UnboundedReceiver<(Delivery, Instant)>);

impl Seen {
    async fn next(&mut self) -> (Delivery, Instant) {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("a delivery should have come").unwrap()
    }

    /// Waits for deliveries until each of these bodies came to the subscription, and nothing unknown came.
    async fn all(&mut self, expected: &BTreeSet<(String, String)>) {
        let mut missing = expected.clone();
        while !missing.is_empty() {
            let (delivery, _) = self.next().await;
            let body = (delivery.subscription, delivery.message.data);
            assert!(expected.contains(&body), "nobody expects {body:?}");
            missing.remove(&body);
        }
    }

    fn rest(&mut self) -> Vec<Delivery> {
        std::iter::from_fn(|| self.0.try_recv().ok()).map(|(delivery, _)| delivery).collect()
    }
}

fn script(
    handler: impl Fn(Delivery) -> BoxFuture<'static, Verdict> + Send + Sync + 'static,
) -> (Arc<dyn Subscriber>, Seen) {
    let (seen, receiver) = mpsc::unbounded_channel();
    (Arc::new(Script { seen, handler: Box::new(handler) }), Seen(receiver))
}

fn always(verdict: Verdict) -> (Arc<dyn Subscriber>, Seen) {
    script(move |_| async move { verdict }.boxed())
}

/// Counts how often each body came.
#[derive(Default)]
struct Tries(std::sync::Mutex<BTreeMap<String, u32>>);

impl Tries {
    fn add(&self, delivery: &Delivery) -> u32 {
        let mut tries = self.0.lock().unwrap();
        let count = tries.entry(delivery.message.data.clone()).or_default();
        *count += 1;
        *count
    }
}

fn subscription(name: &str, topic: &str) -> Subscription {
    Subscription {
        name: format!("{name}.{topic}"),
        topic: topic.to_owned(),
        types: Vec::new(),
        max_attempts: 20,
        ack_deadline_ms: 60_000,
        concurrency: 8,
    }
}

fn message(topic: &str, body: &str) -> Message {
    Message {
        topic: topic.to_owned(),
        kind: "deployment.due".to_owned(),
        tenant: TenantId::new("acme").unwrap(),
        traceparent: None,
        data: body.to_owned(),
    }
}

fn expected(subscriptions: &[&Subscription], bodies: &[String]) -> BTreeSet<(String, String)> {
    let pairs =
        subscriptions.iter().flat_map(|one| bodies.iter().map(|body| (one.name.clone(), body.clone())));
    pairs.collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{{\"number\":{number}}}")).collect()
}

/// Whole messages, to all subscriptions of the topic, and to no other.
pub async fn every_message_reaches_every_subscription_of_its_topic(harness: &impl Harness) {
    let (topic, other) = (harness.topic().await, harness.topic().await);
    let (one, two, elsewhere) =
        (subscription("one", &topic), subscription("two", &topic), subscription("three", &other));
    let (subscriber, mut seen) = always(Verdict::Ack);
    let session = harness.start(vec![one.clone(), two.clone(), elsewhere], subscriber).await;
    let mut bodies = numbered(40);
    bodies.push("{\"text\":\"Grüße \\\"quoted\\\"\\n\u{1F600}\"}".to_owned());
    bodies.push(format!("\"{}\"", "x".repeat(1_000_000)));
    let traced = |body: &String| Message {
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..message(&topic, body)
    };
    session.broker().publish(bodies.iter().map(traced).collect()).await.unwrap();
    let mut missing = expected(&[&one, &two], &bodies);
    while !missing.is_empty() {
        let (delivery, _) = seen.next().await;
        assert_eq!(delivery.message, traced(&delivery.message.data.clone()));
        assert!(delivery.published_at.0 > 0 && !delivery.id.is_empty());
        assert!(
            delivery.subscription == one.name || delivery.subscription == two.name,
            "{}",
            delivery.subscription
        );
        missing.remove(&(delivery.subscription, delivery.message.data));
    }
}

/// A publish that was answered is delivered, however many publish at once.
pub async fn nothing_is_lost_of_many_publishers(harness: &impl Harness) {
    let topic = harness.topic().await;
    let one = subscription("one", &topic);
    let (subscriber, mut seen) = always(Verdict::Ack);
    let session = harness.start(vec![one.clone()], subscriber).await;
    let bodies = numbered(16 * 25);
    let publishers = bodies.chunks(25).map(|chunk| {
        let (broker, topic) = (session.broker(), topic.clone());
        let chunk = chunk.to_vec();
        tokio::spawn(async move {
            for body in chunk {
                broker.publish(vec![message(&topic, &body)]).await.unwrap();
            }
        })
    });
    for published in join_all(publishers).await {
        published.unwrap();
    }
    seen.all(&expected(&[&one], &bodies)).await;
}

/// The same message with the same id, until it is taken, and not for ever after.
pub async fn a_refused_message_comes_again_until_it_is_acknowledged(harness: &impl Harness) {
    let topic = harness.topic().await;
    let tries = Arc::new(Tries::default());
    let (subscriber, mut seen) = script(move |delivery| {
        let verdict = if tries.add(&delivery) < 3 { Verdict::Nack } else { Verdict::Ack };
        async move { verdict }.boxed()
    });
    let session = harness.start(vec![subscription("one", &topic)], subscriber).await;
    session.broker().publish(vec![message(&topic, "1")]).await.unwrap();
    let mut ids = BTreeSet::new();
    for attempt in 1..=3 {
        let (delivery, _) = seen.next().await;
        ids.insert(delivery.id);
        assert_eq!(delivery.message.data, "1");
        if harness.abilities().attempts {
            assert_eq!(delivery.attempt, attempt);
        }
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    session.settle().await;
    session.broker().publish(vec![message(&topic, "2")]).await.unwrap();
    while seen.next().await.0.message.data != "2" {}
    assert_eq!(session.dead_letters(&subscription("one", &topic).name).await, Vec::<String>::new());
}

/// Each wait is at least as long as the engine's floor for it, and the floors grow.
pub async fn back_off_grows(harness: &impl Harness) {
    let floors = harness.abilities().back_off_floor_ms;
    let topic = harness.topic().await;
    let tries = Arc::new(Tries::default());
    let wanted = floors.len() as u32 + 1;
    let (subscriber, mut seen) = script(move |delivery| {
        let verdict = if tries.add(&delivery) < wanted { Verdict::Nack } else { Verdict::Ack };
        async move { verdict }.boxed()
    });
    assert!(floors.is_sorted());
    let session = harness.start(vec![subscription("one", &topic)], subscriber).await;
    session.broker().publish(vec![message(&topic, "1")]).await.unwrap();
    let (_, mut last) = seen.next().await;
    for floor in floors {
        let (_, now) = seen.next().await;
        assert!(now - last >= Duration::from_millis(floor), "{:?} is shorter than {floor} ms", now - last);
        last = now;
    }
}

/// After as many tries as the subscription allows; other subscriptions and messages are not touched.
pub async fn a_message_refused_too_often_becomes_a_dead_letter(harness: &impl Harness) {
    let topic = harness.topic().await;
    let refusing = Subscription { max_attempts: 5, ..subscription("one", &topic) };
    let taking = subscription("two", &topic);
    let name = refusing.name.clone();
    let (subscriber, mut seen) = script(move |delivery| {
        let refuse = delivery.subscription == name && delivery.message.data == "\"poison\"";
        async move { if refuse { Verdict::Nack } else { Verdict::Ack } }.boxed()
    });
    let session = harness.start(vec![refusing.clone(), taking.clone()], subscriber).await;
    session.broker().publish(vec![message(&topic, "\"poison\""), message(&topic, "\"food\"")]).await.unwrap();
    let mut tries = 0;
    while tries < 5 {
        let (delivery, _) = seen.next().await;
        tries += u32::from(delivery.subscription == refusing.name && delivery.message.data == "\"poison\"");
    }
    session.settle().await;
    assert_eq!(session.dead_letters(&refusing.name).await, ["\"poison\""]);
    assert_eq!(session.dead_letters(&taking.name).await, Vec::<String>::new());
    let more = seen
        .rest()
        .into_iter()
        .filter(|one| one.subscription == refusing.name && one.message.data == "\"poison\"");
    assert_eq!(more.count(), 0);
}

/// To the subscription that did not take it, and then it is no dead letter any more.
pub async fn a_dead_letter_can_be_replayed(harness: &impl Harness) {
    let topic = harness.topic().await;
    let (refusing, taking) =
        (Subscription { max_attempts: 5, ..subscription("one", &topic) }, subscription("two", &topic));
    let tries = Arc::new(Tries::default());
    let name = refusing.name.clone();
    let (subscriber, mut seen) = script(move |delivery| {
        let refuse = delivery.subscription == name && tries.add(&delivery) <= 5;
        async move { if refuse { Verdict::Nack } else { Verdict::Ack } }.boxed()
    });
    let session = harness.start(vec![refusing.clone(), taking], subscriber).await;
    session.broker().publish(vec![message(&topic, "1")]).await.unwrap();
    for _ in 0..6 {
        seen.next().await;
    }
    session.settle().await;
    seen.rest();
    if !session.replay(&refusing.name).await {
        return;
    }
    let (delivery, _) = seen.next().await;
    assert_eq!((delivery.subscription, delivery.message.data.as_str()), (refusing.name.clone(), "1"));
    session.settle().await;
    assert_eq!(session.dead_letters(&refusing.name).await, Vec::<String>::new());
}

/// By topic always, by type where the engine filters.
pub async fn what_is_not_for_a_subscription_does_not_reach_it(harness: &impl Harness) {
    let topic = harness.topic().await;
    let picky = Subscription { types: vec!["build.ended".into()], ..subscription("one", &topic) };
    let (subscriber, mut seen) = always(Verdict::Ack);
    let session = harness.start(vec![picky], subscriber).await;
    let typed = |kind: &str, body: &str| Message { kind: kind.into(), ..message(&topic, body) };
    let messages =
        vec![typed("deployment.due", "1"), typed("build.ended", "2"), typed("build.ended.not", "3")];
    session.broker().publish(messages).await.unwrap();
    while seen.next().await.0.message.data != "2" {
        assert!(!harness.abilities().filters, "only type build.ended is for this subscription");
    }
    session.settle().await;
    assert!(!harness.abilities().filters || seen.rest().is_empty());
}

/// As many at once as the subscription says: that many, and not one more.
pub async fn no_more_at_once_than_allowed(harness: &impl Harness) {
    if !harness.abilities().concurrency {
        return;
    }
    let topic = harness.topic().await;
    let (gate, under_way, most) =
        (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (subscriber, mut seen) = script({
        let (gate, most) = (gate.clone(), most.clone());
        move |_| {
            let (gate, under_way, most) = (gate.clone(), under_way.clone(), most.clone());
            async move {
                most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                under_way.fetch_sub(1, Ordering::SeqCst);
                Verdict::Ack
            }
            .boxed()
        }
    });
    let session =
        harness.start(vec![Subscription { concurrency: 3, ..subscription("one", &topic) }], subscriber).await;
    session.broker().publish(numbered(12).iter().map(|body| message(&topic, body)).collect()).await.unwrap();
    for _ in 0..3 {
        seen.next().await;
    }
    // A message is seen before its handler runs: the gate opens when three of them stand before it.
    let all = async {
        while most.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("three at once");
    for _ in 3..12 {
        gate.add_permits(1);
        seen.next().await;
    }
    gate.add_permits(3);
    session.settle().await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

/// Neither the other messages of its subscription (it has one slot of two) nor other subscriptions.
pub async fn a_handler_that_hangs_starves_nobody(harness: &impl Harness) {
    let topic = harness.topic().await;
    let one = Subscription { concurrency: 2, ..subscription("one", &topic) };
    let two = Subscription { concurrency: 2, ..subscription("two", &topic) };
    let name = one.name.clone();
    let (subscriber, mut seen) = script(move |delivery| {
        let hang = delivery.subscription == name && delivery.message.data == "\"hang\"";
        async move { if hang { pending().await } else { Verdict::Ack } }.boxed()
    });
    let session = harness.start(vec![one.clone(), two.clone()], subscriber).await;
    let mut bodies = numbered(30);
    bodies.insert(0, "\"hang\"".to_owned());
    session.broker().publish(bodies.iter().map(|body| message(&topic, body)).collect()).await.unwrap();
    seen.all(&expected(&[&one, &two], &bodies)).await;
}

/// Once its deadline has passed; its slot is free then, even if it was the only one.
pub async fn a_handler_that_hangs_is_called_again(harness: &impl Harness) {
    if !harness.abilities().deadline {
        return;
    }
    let topic = harness.topic().await;
    let tries = Arc::new(Tries::default());
    let (subscriber, mut seen) = script(move |delivery| {
        let hang = tries.add(&delivery) == 1;
        async move { if hang { pending().await } else { Verdict::Ack } }.boxed()
    });
    let short = Subscription { ack_deadline_ms: 100, concurrency: 1, ..subscription("one", &topic) };
    let session = harness.start(vec![short], subscriber).await;
    session.broker().publish(vec![message(&topic, "1")]).await.unwrap();
    let (first, _) = seen.next().await;
    let (second, _) = seen.next().await;
    assert_eq!((first.id, first.message), (second.id, second.message));
    session.settle().await;
}

/// Whether it was never delivered, is under way, or is backing off.
pub async fn what_was_not_acknowledged_survives_a_restart(harness: &impl Harness) {
    if !harness.abilities().restart {
        return;
    }
    let topic = harness.topic().await;
    let one = Subscription { concurrency: 4, ..subscription("one", &topic) };
    let (subscriber, mut seen) = script(|delivery| {
        let body = delivery.message.data;
        async move { if body == "\"refused\"" { Verdict::Nack } else { pending().await } }.boxed()
    });
    let session = harness.start(vec![one.clone()], subscriber).await;
    let mut bodies = vec!["\"refused\"".to_owned()];
    bodies.extend(numbered(20));
    session.broker().publish(bodies.iter().map(|body| message(&topic, body)).collect()).await.unwrap();
    for _ in 0..4 {
        seen.next().await;
    }
    let (subscriber, mut seen) = always(Verdict::Ack);
    let session = session.restart(subscriber).await;
    seen.all(&expected(&[&one], &bodies)).await;
    session.settle().await;
    let (subscriber, mut seen) = always(Verdict::Ack);
    let session = session.restart(subscriber).await;
    session.broker().publish(vec![message(&topic, "\"last\"")]).await.unwrap();
    while seen.next().await.0.message.data != "\"last\"" {}
}
