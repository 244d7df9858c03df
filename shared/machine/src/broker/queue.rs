//! What is owed to whom: the broker's bookkeeping in memory. No I/O, no waiting.
//!
//! Invariant: `outstanding` is the number of deliveries that are still owed (reserved by a publish under way,
//! queued, under way, backing off, or being buried), echoes included; it is 0 exactly when the broker is idle.

use super::{
    entry::{Entry, Lane, Owed, Ticket},
    recent::{Progress, Ring},
};
use model::{message::Message, port::broker::Subscription};
use std::collections::{HashMap, VecDeque};

/// All of it, behind one lock.
pub(super) struct Queue {
    pub lanes: Vec<Lane>,
    pub recent: Ring,
    outstanding: usize,
    entries: HashMap<u64, Entry>,
}

impl Queue {
    pub fn new(subscriptions: Vec<Subscription>, remembered: usize) -> Self {
        let lane = |spec| Lane { spec, ready: VecDeque::new(), workers: 0 };
        Self {
            lanes: subscriptions.into_iter().map(lane).collect(),
            recent: Ring::new(remembered),
            outstanding: 0,
            entries: HashMap::new(),
        }
    }

    /// Who must get a new message.
    pub fn route(&self, message: &Message) -> Vec<Owed> {
        let mine = self.lanes.iter().enumerate().filter(|(_, lane)| lane.is_for(message));
        mine.map(|(lane, _)| Owed { lane: lane as u16, attempts: 0 }).collect()
    }

    /// Shows a message that nobody is subscribed to among the recent ones.
    pub fn show(&mut self, entry: &Entry) {
        self.recent.add(entry, &self.lanes);
    }

    pub fn reserve(&mut self, deliveries: usize) {
        self.outstanding += deliveries;
    }

    /// Takes back reservations or finished deliveries; answers whether that made the broker idle.
    pub fn release(&mut self, deliveries: usize) -> bool {
        self.outstanding -= deliveries;
        self.outstanding == 0
    }

    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Files a durable message (or more receivers of one that is there) and answers its tickets. Whoever is owed
    /// it already isn't owed it twice.
    pub fn insert(&mut self, entry: Entry) -> Vec<Ticket> {
        self.recent.add(&entry, &self.lanes);
        let tickets = entry.owed.iter().map(|owed| ticket(&entry, owed)).collect();
        if let Some(known) = self.entries.get_mut(&entry.number) {
            for owed in entry.owed {
                known.owed.retain(|one| one.lane != owed.lane);
                known.owed.push(owed);
            }
        } else if !entry.owed.is_empty() {
            self.entries.insert(entry.number, entry);
        }
        tickets
    }

    /// Tickets for everything that is owed, after a restart, oldest first; reserves them.
    pub fn resume(&mut self) -> Vec<Ticket> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_unstable_by_key(|entry| entry.number);
        let tickets: Vec<Ticket> =
            entries.into_iter().flat_map(|entry| entry.owed.iter().map(|owed| ticket(entry, owed))).collect();
        self.outstanding += tickets.len();
        tickets
    }

    /// The subscription is done with the message; whether nobody is owed it any longer.
    pub fn settle(&mut self, number: u64, lane: u16, progress: Progress) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else { return true };
        let before = entry.owed.len();
        entry.owed.retain(|owed| owed.lane != lane);
        let (was_owed, whole) = (entry.owed.len() < before, entry.owed.is_empty());
        if whole {
            self.entries.remove(&number);
        }
        if was_owed {
            self.recent.note(number, lane, progress, None);
        }
        whole
    }

    /// A try failed.
    pub fn tried(&mut self, number: u64, lane: u16, attempts: u32) {
        let owed = self
            .entries
            .get_mut(&number)
            .and_then(|entry| entry.owed.iter_mut().find(|owed| owed.lane == lane));
        if let Some(owed) = owed {
            owed.attempts = attempts;
            self.recent.note(number, lane, Progress::BackingOff, Some(attempts));
        }
    }

    /// Whether the subscription is still owed the message.
    pub fn owes(&self, number: u64, lane: u16) -> bool {
        self.entries.get(&number).is_some_and(|entry| entry.owed.iter().any(|owed| owed.lane == lane))
    }
}

fn ticket(entry: &Entry, owed: &Owed) -> Ticket {
    Ticket {
        number: entry.number,
        lane: owed.lane,
        published_at: entry.published_at,
        message: entry.message.clone(),
        attempt: owed.attempts + 1,
        echo: false,
    }
}
