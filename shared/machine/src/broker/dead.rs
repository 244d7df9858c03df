//! Messages that were given up, until somebody replays them.
//!
//! Invariant: what is listed here is stored; it leaves when its message is queued again, in the same group.

use model::{Timestamp, message::Message};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One message that one subscription did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `NUMBER-SUBSCRIPTION`: what to replay it by.
    pub id: String,
    /// The broker's number of the message.
    pub number: u64,
    /// Who did not take it.
    pub subscription: String,
    /// Deliveries that were tried.
    pub attempts: u32,
    /// How the last one ended, in words.
    pub reason: String,
    /// When the message was published.
    pub published_at: Timestamp,
    /// When it was given up.
    pub given_up_at: Timestamp,
    /// What was published.
    pub message: Message,
}

/// All of them, in memory: they are few, and each is somebody's task.
#[derive(Default)]
pub(super) struct DeadLetters(BTreeMap<(u64, String), DeadLetter>);

impl DeadLetters {
    pub fn add(&mut self, letter: DeadLetter) {
        self.0.insert((letter.number, letter.subscription.clone()), letter);
    }

    pub fn remove(&mut self, letter: &DeadLetter) {
        self.0.remove(&(letter.number, letter.subscription.clone()));
    }

    /// Oldest first.
    pub fn list(&self, limit: usize) -> Vec<DeadLetter> {
        self.0.values().take(limit).cloned().collect()
    }

    pub fn find(&self, id: &str) -> Option<DeadLetter> {
        self.0.values().find(|letter| letter.id == id).cloned()
    }
}
