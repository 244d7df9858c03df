//! What is queued: messages, who is owed them, and each delivery to make.

use model::{Timestamp, message::Message, port::broker::Subscription};
use std::{collections::VecDeque, sync::Arc};

/// How many tries one subscription has had at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    /// Index of the subscription.
    pub lane: u16,
    /// Tries that failed so far.
    pub attempts: u32,
}

/// A message that somebody is still owed.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub number: u64,
    pub published_at: Timestamp,
    pub message: Arc<Message>,
    pub owed: Vec<Owed>,
}

/// One delivery to make.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub number: u64,
    pub lane: u16,
    pub published_at: Timestamp,
    pub message: Arc<Message>,
    /// 1 for the first try.
    pub attempt: u32,
    /// A duplicate of hostile mode: its verdict changes nothing.
    pub echo: bool,
}

/// One subscription.
pub(super) struct Lane {
    pub spec: Subscription,
    pub ready: VecDeque<Ticket>,
    pub workers: usize,
}

impl Lane {
    /// Whether the message is of its topic and of one of its types.
    pub fn is_for(&self, message: &Message) -> bool {
        let types = &self.spec.types;
        self.spec.topic == message.topic && (types.is_empty() || types.contains(&message.kind))
    }
}
