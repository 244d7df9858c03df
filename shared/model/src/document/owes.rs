//! What a document owes to the topics is part of the document: one commit holds a change and the news of it.
//!
//! Invariant: whoever owes is due. The commit that adds a message sets the due time, so that one query by (shard, due
//! time) finds whatever could not be published; `host::outbox` publishes and clears, `sweep` does it again.

use super::{Deployment, Service};
use crate::{Timestamp, message::Message, time::MINUTE_MS};

/// A document with an outbox.
pub trait Owes {
    /// Messages that are not known to be published, oldest first.
    fn outbox(&self) -> &Vec<Message>;

    /// The same, to add to or take from.
    fn outbox_mut(&mut self) -> &mut Vec<Message>;

    /// When `sweep` looks at it.
    fn next_due(&self) -> Option<Timestamp>;

    /// Says when `sweep` must look at it again; none when nothing is owed.
    fn set_next_due(&mut self, due: Option<Timestamp>);

    /// When it is due once it owes nothing.
    fn otherwise_due(&self) -> Option<Timestamp> {
        None
    }

    /// Whether a next write is bound to come by itself, which clears what was published.
    fn goes_on(&self) -> bool {
        false
    }

    /// Adds a message: it is due in a minute, or when the oldest one is.
    fn owe(&mut self, message: Message, now: Timestamp) {
        self.outbox_mut().push(message);
        let due = now.plus(MINUTE_MS);
        self.set_next_due(Some(self.next_due().map_or(due, |known| known.min(due))));
    }

    /// Takes out what was published.
    fn settle(&mut self, published: &[Message]) {
        self.outbox_mut().retain(|owed| !published.contains(owed));
        if self.outbox().is_empty() {
            self.set_next_due(self.otherwise_due());
        }
    }
}

/// The fields `outbox` and `next_due` of a document that is due for nothing else.
macro_rules! owes {
    ($document:ty $(, $more:item)*) => {
        impl Owes for $document {
            fn outbox(&self) -> &Vec<Message> {
                &self.outbox
            }

            fn outbox_mut(&mut self) -> &mut Vec<Message> {
                &mut self.outbox
            }

            fn next_due(&self) -> Option<Timestamp> {
                self.next_due
            }

            fn set_next_due(&mut self, due: Option<Timestamp>) {
                self.next_due = due;
            }

            $($more)*
        }
    };
}
pub(super) use owes;

owes!(Service);

owes!(
    Deployment,
    /// While it runs, its due time is the pipeline's; at rest only what is left over is still to be done.
    fn otherwise_due(&self) -> Option<Timestamp> {
        self.next_due.filter(|_| !self.status.at_rest() || self.left_over)
    },
    fn goes_on(&self) -> bool {
        !self.status.at_rest()
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecisionId, TenantId, document::LearningRun, message::kind};

    fn message(text: &str) -> Message {
        Message::new("learning", kind::LEARNING_RECORDED, &TenantId::new("acme").unwrap(), &text)
    }

    #[test]
    fn who_owes_is_due_when_the_oldest_is_and_no_longer_once_it_is_out() {
        let mut run = LearningRun::new(&DecisionId::new("dec_1").unwrap());
        run.owe(message("a"), Timestamp(5));
        run.owe(message("b"), Timestamp(500));
        assert_eq!(run.next_due, Some(Timestamp(5 + MINUTE_MS)), "constant news don't put off what is left");
        run.settle(&[message("b"), message("c")]);
        assert_eq!((run.outbox.clone(), run.next_due), (vec![message("a")], Some(Timestamp(5 + MINUTE_MS))));
        run.settle(&[message("a")]);
        assert_eq!((run.outbox.len(), run.next_due), (0, None));
    }
}
