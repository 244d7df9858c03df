//! Topics: at-least-once, unordered delivery by push, with back-off and a dead-letter topic.

use crate::{Timestamp, message::Message, port::PortError};
use async_trait::async_trait;

/// Publishes messages. Delivery is the subscription's business and always a push.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Durable once it returns; after an error some of them may have been published.
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError>;
}

/// One try at delivering one message to one subscription.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The subscription, such as `deploy-step.deployments`.
    pub subscription: String,
    /// The broker's id of the message; the same on every try. Not what to deduplicate by.
    pub id: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// 1 for the first try, where the broker says.
    pub attempt: u32,
    /// What was published.
    pub message: Message,
}

/// What a subscriber says to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done, or not for us, or recorded as a permanent failure: never again.
    Ack,
    /// Not now: deliver it again after a back-off.
    Nack,
}

/// Whoever a broker pushes to.
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// Handles one delivery. It may be called several times at once, also with the same message.
    async fn deliver(&self, delivery: Delivery) -> Verdict;
}

/// What a broker must know of a subscription; it comes from the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `FUNCTION.TOPIC`.
    pub name: String,
    /// The topic it is on.
    pub topic: String,
    /// Types it is for; empty means every type. A hint to the broker: the function checks again.
    pub types: Vec<String>,
    /// Deliveries before the dead-letter topic, at least 5.
    pub max_attempts: u32,
    /// How long one delivery may take, in milliseconds, before it counts as a nack.
    pub ack_deadline_ms: i64,
    /// How many deliveries may be under way at once.
    pub concurrency: usize,
}
