//! What the engine holds of the broker, and the transactions that change it.
//!
//! Invariant: a message is there for as long as somebody is owed it, and what is owed is there with it; a dead letter
//! comes and goes in the same group in which its delivery goes and comes.
//!
//! ```text
//! q m | number u64                  when it was published i64 | the message as JSON
//! q o | number u64 | subscription   tries that failed u32
//! q x | number u64 | subscription   the dead letter as JSON                             (numbers big endian, values little)
//! ```

use super::{
    dead::DeadLetter,
    entry::{Entry, Ticket},
};
use crate::engine::{Group, Transaction};
use lsm_tree::Slice;
use model::port::{PortError, store::StoreError};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Everything of the broker begins with this.
pub(crate) const BROKER: u8 = b'q';
pub(crate) const MESSAGE: u8 = b'm';
pub(crate) const OWED: u8 = b'o';
pub(crate) const DEAD: u8 = b'x';

pub(super) type Reply = oneshot::Sender<Result<(), PortError>>;

/// A key of one kind.
pub(crate) fn key(kind: u8, number: u64, subscription: &str) -> Slice {
    [&[BROKER, kind], &number.to_be_bytes()[..], subscription.as_bytes()].concat().into()
}

/// Whether it is the key of a message or of a dead letter.
pub(crate) fn is_message(key: &[u8]) -> bool {
    key.starts_with(&[BROKER, MESSAGE]) || key.starts_with(&[BROKER, DEAD])
}

/// The number and the subscription of a key.
pub(super) fn parse(key: &[u8]) -> Option<(u64, &str)> {
    let (number, subscription) = key.get(2..)?.split_at_checked(8)?;
    Some((u64::from_be_bytes(number.try_into().ok()?), std::str::from_utf8(subscription).ok()?))
}

/// What is stored of a message.
pub(crate) fn message(published_at: i64, json: &[u8]) -> Slice {
    [&published_at.to_le_bytes()[..], json].concat().into()
}

/// What is stored of a dead letter.
pub(crate) fn letter(letter: &DeadLetter) -> Slice {
    serde_json::to_vec(letter).unwrap_or_default().into()
}

/// Whoever keeps the books in memory.
pub(super) trait Books: Send + Sync {
    /// A subscription's name.
    fn name(&self, lane: u16) -> String;

    /// The engine is done with a change: it is durable, or it is not.
    fn changed(self: Arc<Self>, what: &mut What, durable: bool);
}

/// Something that changes what is stored, and goes on once that is durable.
pub(super) struct Change {
    pub books: Arc<dyn Books>,
    pub what: What,
    pub reply: Option<Reply>,
}

pub(super) enum What {
    /// New messages, whose deliveries were reserved.
    Publish(Vec<Entry>),
    /// A subscription is done with a message; `whole` if it was the last one.
    Settled { number: u64, subscription: String, whole: bool },
    /// A try failed.
    Tried { number: u64, subscription: String, attempts: u32 },
    /// A message is given up.
    Bury { ticket: Ticket, letter: Box<DeadLetter> },
    /// A dead letter is queued again.
    Replay { entry: Entry, letter: Box<DeadLetter> },
}

impl What {
    /// How many deliveries were reserved for it.
    pub fn reserved(&self) -> usize {
        match self {
            Self::Publish(entries) => entries.iter().map(|entry| entry.owed.len()).sum(),
            Self::Replay { .. } => 1,
            Self::Settled { .. } | Self::Tried { .. } | Self::Bury { .. } => 0,
        }
    }
}

impl Transaction for Change {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        match &self.what {
            What::Publish(entries) => {
                for entry in entries {
                    self.publish(entry, group);
                }
            }
            What::Settled { number, subscription, whole } => {
                group.remove(key(OWED, *number, subscription));
                if *whole {
                    group.remove(key(MESSAGE, *number, ""));
                }
            }
            What::Tried { number, subscription, attempts } => {
                let key = key(OWED, *number, subscription);
                // It may have been settled meanwhile, by a second ticket of the same message.
                if group.get(&key)?.is_some() {
                    group.put(key, attempts.to_le_bytes().into());
                }
            }
            What::Bury { ticket, letter: dead } => {
                group.remove(key(OWED, ticket.number, &dead.subscription));
                group.put(key(DEAD, dead.number, &dead.subscription), letter(dead));
            }
            What::Replay { entry, letter } => {
                self.publish(entry, group);
                group.remove(key(DEAD, letter.number, &letter.subscription));
            }
        }
        Ok(())
    }

    fn done(&mut self, outcome: Result<(), StoreError>) {
        let outcome = outcome.map_err(|error| {
            PortError::Transient(format!("the queue can't be written ({error}): nothing was published"))
        });
        let answer = match &outcome {
            Ok(()) => Ok(()),
            Err(error) => Err(PortError::Transient(error.to_string())),
        };
        Arc::clone(&self.books).changed(&mut self.what, outcome.is_ok());
        if let Some(reply) = self.reply.take() {
            drop(reply.send(answer)); // who asked may have gone
        }
    }

    /// Losing a note means a redelivery, which is legal.
    fn may_wait(&self) -> bool {
        matches!(self.what, What::Settled { .. } | What::Tried { .. })
    }
}

impl Change {
    fn publish(&self, entry: &Entry, group: &mut Group<'_>) {
        group.state.messages = group.state.messages.max(entry.number);
        let json = serde_json::to_vec(&*entry.message).unwrap_or_default();
        group.put(key(MESSAGE, entry.number, ""), message(entry.published_at.0, &json));
        for owed in &entry.owed {
            let name = self.books.name(owed.lane);
            group.put(key(OWED, entry.number, &name), owed.attempts.to_le_bytes().into());
        }
    }
}
