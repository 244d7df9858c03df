//! What every adapter of timers must do: publish once due, never before, and replace by key where it can.

use async_trait::async_trait;
use model::{
    TenantId, Timestamp,
    message::Message,
    port::{Clock, Timers},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(60);

/// What an engine can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// A second timer of the same key takes the first one's place.
    pub replaces: bool,
}

/// An engine under test; every message that it publishes comes out of `published`.
pub struct Session {
    /// The timers.
    pub timers: Arc<dyn Timers>,
    /// What was published.
    pub published: mpsc::UnboundedReceiver<Message>,
    /// The clock they go by.
    pub clock: Arc<dyn Clock>,
}

/// Makes sessions.
#[async_trait]
pub trait Harness: Send + Sync {
    /// What the engine can do.
    fn abilities(&self) -> Abilities;

    /// Timers that nobody else uses.
    async fn start(&self) -> Session;

    /// Moves the clock of the newest session forward; false if this engine's can't be moved.
    async fn advance(&self, ms: i64) -> bool;
}

/// Makes one test of each function of the suite; give an expression that makes the harness.
#[macro_export]
macro_rules! timers_suite {
    ($harness:expr) => {
        $crate::timers_suite!($harness;
            a_timer_fires_when_due_and_not_before,
            a_past_timer_fires_soon,
            the_same_key_replaces,
            many_at_once_all_fire,
            moving_the_clock_fires_what_is_due_and_nothing_else,
        );
    };
    ($harness:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                $crate::conformance::timers::$name(&$harness).await;
            }
        )*
    };
}

impl Session {
    async fn at(&self, when: Timestamp, key: &str, body: u32) {
        self.timers.at(when, key, message(body)).await.unwrap();
    }

    async fn next(&mut self) -> u32 {
        let message = tokio::time::timeout(PATIENCE, self.published.recv())
            .await
            .expect("a timer should have fired")
            .unwrap();
        let body = message.body().unwrap();
        assert_eq!(message, self::message(body));
        body
    }
}

fn message(body: u32) -> Message {
    Message::new("deployments", "deployment.due", &TenantId::new("acme").unwrap(), &body)
}

/// The clock has reached the time once the message is there.
pub async fn a_timer_fires_when_due_and_not_before(harness: &impl Harness) {
    let mut session = harness.start().await;
    let due = session.clock.now().plus(300);
    session.at(due, "later", 1).await;
    assert_eq!(session.next().await, 1);
    assert!(session.clock.now() >= due);
}

/// It isn't lost, nor an error.
pub async fn a_past_timer_fires_soon(harness: &impl Harness) {
    let mut session = harness.start().await;
    session.at(session.clock.now().plus(-86_400_000), "past", 1).await;
    assert_eq!(session.next().await, 1);
    session.at(Timestamp(0), "long-past", 2).await;
    assert_eq!(session.next().await, 2);
}

/// Earlier or later, the newest counts.
pub async fn the_same_key_replaces(harness: &impl Harness) {
    let mut session = harness.start().await;
    let now = session.clock.now();
    session.at(now.plus(3_600_000), "key", 1).await;
    session.at(now.plus(200), "key", 2).await;
    session.at(now.plus(3_600_000), "other", 3).await;
    session.at(now.plus(600), "other", 4).await;
    let mut fired = vec![session.next().await];
    while *fired.last().unwrap() != 4 {
        fired.push(session.next().await);
    }
    if harness.abilities().replaces {
        assert_eq!(fired, [2, 4]);
    } else {
        assert!(fired.contains(&2));
    }
}

/// Equal times included.
pub async fn many_at_once_all_fire(harness: &impl Harness) {
    let mut session = harness.start().await;
    let now = session.clock.now();
    for body in 0..200 {
        session.at(now.plus(100 + i64::from(body % 3)), &format!("key-{body}"), body).await;
    }
    let mut missing: BTreeSet<u32> = (0..200).collect();
    while !missing.is_empty() {
        missing.remove(&session.next().await);
    }
}

/// In the order of their times.
pub async fn moving_the_clock_fires_what_is_due_and_nothing_else(harness: &impl Harness) {
    let mut session = harness.start().await;
    let now = session.clock.now();
    for (hours, body) in [(72, 3), (24, 1), (240, 9), (48, 2)] {
        session.at(now.plus(hours * 3_600_000), &format!("key-{body}"), body).await;
    }
    if !harness.advance(100 * 3_600_000).await {
        return;
    }
    assert_eq!([session.next().await, session.next().await, session.next().await], [1, 2, 3]);
    session.at(session.clock.now(), "now", 4).await;
    assert_eq!(session.next().await, 4);
}
