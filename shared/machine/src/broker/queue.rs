//! What is owed to whom: the broker's bookkeeping in memory. No I/O, no waiting.
//!
//! Invariant: `outstanding` is the number of deliveries that are still owed (reserved by a publish under way,
//! queued, under way, backing off, or being buried), echoes included; it is 0 exactly when the broker is idle.

use super::{
    log::Owed,
    recent::{Progress, Ring},
};
use model::{Timestamp, message::Message, port::broker::Subscription};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// A message that somebody is still owed.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub number: u64,
    pub published_at: Timestamp,
    pub message: Arc<Message>,
    /// The segment that holds its newest publish record.
    pub home: u64,
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
    fn is_for(&self, message: &Message) -> bool {
        let types = &self.spec.types;
        self.spec.topic == message.topic && (types.is_empty() || types.contains(&message.kind))
    }
}

/// Live messages and all messages of one segment.
#[derive(Clone, Copy, Debug, Default)]
struct Home {
    live: usize,
    total: usize,
}

/// All of it, behind one lock.
pub(super) struct Queue {
    pub lanes: Vec<Lane>,
    pub recent: Ring,
    outstanding: usize,
    entries: HashMap<u64, Entry>,
    homes: BTreeMap<u64, Home>,
}

impl Queue {
    pub fn new(subscriptions: Vec<Subscription>, remembered: usize) -> Self {
        let lane = |spec| Lane { spec, ready: VecDeque::new(), workers: 0 };
        Self {
            lanes: subscriptions.into_iter().map(lane).collect(),
            recent: Ring::new(remembered),
            outstanding: 0,
            entries: HashMap::new(),
            homes: BTreeMap::new(),
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

    /// A segment exists from now on.
    pub fn open_home(&mut self, segment: u64) {
        self.homes.entry(segment).or_default();
    }

    /// Files a durable message (or more receivers of one that is there) and answers its tickets. Whoever is owed
    /// it already isn't owed it twice.
    pub fn insert(&mut self, entry: Entry) -> Vec<Ticket> {
        self.recent.add(&entry, &self.lanes);
        self.homes.entry(entry.home).or_default().total += 1;
        let tickets = entry.owed.iter().map(|owed| ticket(&entry, owed)).collect();
        if let Some(known) = self.entries.get_mut(&entry.number) {
            for owed in entry.owed {
                known.owed.retain(|one| one.lane != owed.lane);
                known.owed.push(owed);
            }
            let old = std::mem::replace(&mut known.home, entry.home);
            self.leave(old);
            self.homes.entry(entry.home).or_default().live += 1;
        } else if !entry.owed.is_empty() {
            self.homes.entry(entry.home).or_default().live += 1;
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

    /// The subscription is done with the message; false if it was already.
    pub fn settle(&mut self, number: u64, lane: u16, progress: Progress) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else { return false };
        let before = entry.owed.len();
        entry.owed.retain(|owed| owed.lane != lane);
        let was_owed = entry.owed.len() < before;
        if entry.owed.is_empty() {
            let home = entry.home;
            self.entries.remove(&number);
            self.leave(home);
        }
        if was_owed {
            self.recent.note(number, lane, progress, None);
        }
        was_owed
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

    /// The oldest segment, if it is not the newest and nobody is owed anything in it. It may be deleted once
    /// forgotten.
    pub fn finished_segment(&self) -> Option<u64> {
        let (segment, home) = self.homes.first_key_value()?;
        (home.live == 0 && self.homes.len() > 1).then_some(*segment)
    }

    /// The segment's file is gone.
    pub fn forget_segment(&mut self, segment: u64) {
        self.homes.remove(&segment);
    }

    /// The oldest segment and what is live in it, if there are more than `most` segments and little of it is live:
    /// then copying it forward frees it.
    pub fn worth_carrying(&self, most: usize) -> Option<(u64, Vec<Entry>)> {
        let (segment, home) = self.homes.first_key_value()?;
        let worth = self.homes.len() > most && home.live > 0 && home.live * 4 <= home.total;
        worth.then(|| {
            (*segment, self.entries.values().filter(|entry| entry.home == *segment).cloned().collect())
        })
    }

    /// The copies are durable in `to`.
    pub fn carried(&mut self, from: u64, to: u64, numbers: &[u64]) {
        for number in numbers {
            let Some(entry) = self.entries.get_mut(number).filter(|entry| entry.home == from) else {
                continue;
            };
            entry.home = to;
            self.leave(from);
            let home = self.homes.entry(to).or_default();
            home.live += 1;
            home.total += 1;
        }
    }

    fn leave(&mut self, segment: u64) {
        if let Some(home) = self.homes.get_mut(&segment) {
            home.live -= 1;
        }
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
