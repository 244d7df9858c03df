//! Turns: so many at once, the rest in the order they came, and everybody can see how long the queue is.

use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of slots and a queue before them.
pub(crate) struct Turns {
    slots: Arc<Semaphore>,
    size: usize,
    next: AtomicU64,
    waiting: Arc<Mutex<BTreeSet<u64>>>,
}

/// A place in the queue; left by dropping it.
pub(crate) struct Ticket {
    number: u64,
    waiting: Arc<Mutex<BTreeSet<u64>>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.number);
    }
}

/// A slot; freed by dropping it.
pub(crate) type Slot = OwnedSemaphorePermit;

impl Turns {
    /// At least one slot.
    pub(crate) fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { slots: Arc::new(Semaphore::new(size)), size, next: AtomicU64::new(0), waiting: Arc::default() }
    }

    /// How many may be at it at once.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A slot, if one is free and nobody waits for it.
    pub(crate) fn at_once(&self) -> Option<Slot> {
        if !self.waiting.lock().is_empty() {
            return None;
        }
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// A place at the end of the queue.
    pub(crate) fn ticket(&self) -> Ticket {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().insert(number);
        Ticket { number, waiting: Arc::clone(&self.waiting) }
    }

    /// Waits for the slot that this place leads to.
    pub(crate) async fn turn(&self, ticket: Ticket) -> Option<Slot> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        drop(ticket);
        // The semaphore is never closed.
        slot.ok()
    }

    /// How many come before the place with this number; `None` once it has had its turn.
    pub(crate) fn ahead(&self, number: u64) -> Option<usize> {
        let waiting = self.waiting.lock();
        waiting.contains(&number).then(|| waiting.range(..number).count())
    }
}

impl Ticket {
    /// What [`Turns::ahead`] knows it by.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_at_once_and_the_rest_in_order() {
        let turns = Arc::new(Turns::new(1));
        let first = turns.at_once().unwrap();
        let (one, two, left) = (turns.ticket(), turns.ticket(), turns.ticket());
        let numbers = [one.number(), two.number(), left.number()];
        assert_eq!(numbers.map(|number| turns.ahead(number)), [Some(0), Some(1), Some(2)]);
        drop(left);
        assert_eq!(turns.ahead(numbers[2]), None, "who leaves is not waited for");
        let waiting = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.turn(one).await }
        });
        drop(first);
        let slot = waiting.await.unwrap();
        assert_eq!(numbers.map(|number| turns.ahead(number)), [None, Some(0), None]);
        drop(slot);
        assert!(turns.at_once().is_none(), "a free slot is for who waits");
        drop(turns.turn(two).await);
        assert!(turns.at_once().is_some());
    }
}
