//! The newest messages and how far they got, for people who look on. Bounded; nothing depends on it.

use super::entry::{Entry, Lane};
use model::{Timestamp, message::Message};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// How far a message got with one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Waits for a free slot.
    Queued,
    /// Is being handled now.
    Delivering,
    /// A try failed; the next one comes after the back-off.
    BackingOff,
    /// It was handled, or was not for this subscription.
    Acknowledged,
    /// Among the dead letters.
    Dead,
}

/// One receiver of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// The subscription's name, `FUNCTION.TOPIC`.
    pub subscription: String,
    /// How far it got.
    pub progress: Progress,
    /// Tries that failed.
    pub failed_attempts: u32,
}

/// One message, as `sextant messages` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Recent {
    /// The broker's id of it.
    pub id: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// What was published.
    pub message: Message,
    /// To whom; nobody, if no subscription is for it.
    pub receivers: Vec<Receiver>,
}

struct Seen {
    published_at: Timestamp,
    message: Arc<Message>,
    receivers: Vec<(u16, Progress, u32)>,
}

/// The newest messages by number.
pub(super) struct Ring {
    most: usize,
    seen: BTreeMap<u64, Seen>,
}

impl Ring {
    pub fn new(most: usize) -> Self {
        Self { most, seen: BTreeMap::new() }
    }

    pub fn add(&mut self, entry: &Entry, lanes: &[Lane]) {
        if self.most == 0 {
            return;
        }
        let fresh = || Seen {
            published_at: entry.published_at,
            message: entry.message.clone(),
            receivers: Vec::new(),
        };
        let seen = self.seen.entry(entry.number).or_insert_with(fresh);
        for owed in entry.owed.iter().filter(|owed| usize::from(owed.lane) < lanes.len()) {
            seen.receivers.retain(|(lane, ..)| *lane != owed.lane);
            seen.receivers.push((owed.lane, Progress::Queued, owed.attempts));
        }
        if self.seen.len() > self.most {
            self.seen.pop_first();
        }
    }

    pub fn note(&mut self, number: u64, lane: u16, progress: Progress, attempts: Option<u32>) {
        let Some(seen) = self.seen.get_mut(&number) else { return };
        for receiver in seen.receivers.iter_mut().filter(|(of, ..)| *of == lane) {
            receiver.1 = progress;
            receiver.2 = attempts.unwrap_or(receiver.2);
        }
    }

    /// Newest first.
    pub fn list(&self, limit: usize, lanes: &[Lane]) -> Vec<Recent> {
        let receiver = |(lane, progress, failed): &(u16, Progress, u32)| Receiver {
            subscription: lanes
                .get(usize::from(*lane))
                .map_or_else(String::new, |lane| lane.spec.name.clone()),
            progress: *progress,
            failed_attempts: *failed,
        };
        let shown = |(number, seen): (&u64, &Seen)| Recent {
            id: number.to_string(),
            published_at: seen.published_at,
            message: (*seen.message).clone(),
            receivers: seen.receivers.iter().map(receiver).collect(),
        };
        self.seen.iter().rev().take(limit).map(shown).collect()
    }
}
