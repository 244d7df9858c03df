//! A slow, racing, lossy target: what a cloud is at its worst, without a cloud.
//!
//! Nothing is done when it is started: builds, releases and changes of traffic are pending for as long as the dice say,
//! by the clock it is given; they may fail, or be lost on their way. The first revision of a service may take all
//! traffic, closed. Whoever edits traffic beside us moves its token and replaces what is pending. A revision, its key
//! or a whole service may be gone. What took effect is counted here, at the receiver, by key.
//!
//! Invariant: it keeps what the port promises, and nothing beyond that. A token is spent when a change is accepted,
//! weights are what serves; a repeat of a key finds the first.

mod mishaps;
mod observing;
mod operations;
mod patient;
mod port;
mod service;

use model::{
    Timestamp,
    message::Message,
    port::{
        Clock,
        target::{BuildState, ServiceKey, WindowPolicy},
    },
};
pub use patient::Patient;
pub use service::Service;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

/// How a revision turns out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It is well, and asked much.
    Good,
    /// It is well, and nobody asks it.
    Quiet,
    /// Its probe is fine and most of its requests fail.
    Failing,
    /// It never answers its probe.
    Unhealthy,
    /// Its process ends by itself.
    Dead,
}

/// What the target is like. Percentages, but for times.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    /// Operations that are not over at once.
    pub slow: u64,
    /// The longest that one is pending, in milliseconds.
    pub longest_ms: u64,
    /// Operations that come to nothing.
    pub failing: u64,
    /// Operations that are accepted, and lost.
    pub forgetful: u64,
    /// Revisions that are no good, each in one of the ways there are.
    pub bad: u64,
    /// Whether the first revision of a service takes all traffic, closed.
    pub first_takes_all: bool,
    /// When windows can be read.
    pub windows: WindowPolicy,
}

impl Default for Temper {
    /// At once, and well.
    fn default() -> Self {
        Self {
            slow: 0,
            longest_ms: 0,
            failing: 0,
            forgetful: 0,
            bad: 0,
            first_takes_all: false,
            windows: WindowPolicy::MACHINE,
        }
    }
}

/// A build, and for whom.
#[derive(Debug)]
struct Build {
    until: Timestamp,
    end: BuildState,
    told: bool,
    message: Message,
}

/// What the target knows.
#[derive(Debug, Default)]
pub struct State {
    random: u64,
    /// By service.
    pub services: BTreeMap<ServiceKey, Service>,
    builds: BTreeMap<String, Build>,
    /// What took effect: builds, releases and changes of traffic, by key; each time by its place among all of them.
    pub effects: BTreeMap<String, Vec<u64>>,
    /// How many effects there were.
    pub count: u64,
    /// Builds that were lost.
    pub builds_lost: u32,
    /// Revisions, keys and services that were lost.
    pub gone: u32,
    ended: Vec<Message>,
    /// How revisions turn out, where a test has said so, in the order in which they come.
    pub natures: VecDeque<Nature>,
    known: BTreeMap<String, Nature>,
    /// How many of the next changes of traffic come to nothing.
    pub fails: u32,
    /// How long builds take, where a test has said so, in milliseconds.
    pub builds_take: Option<i64>,
}

/// The target.
pub struct SlowTarget {
    clock: Arc<dyn Clock>,
    temper: Temper,
    seed: u64,
    state: Mutex<State>,
}

/// The next of splitmix64.
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl State {
    fn chance(&mut self, percent: u64) -> bool {
        splitmix(&mut self.random) % 100 < percent
    }

    /// A revision comes: how it turns out may have been said.
    fn comes(&mut self, revision: &str) {
        if !self.known.contains_key(revision)
            && let Some(nature) = self.natures.pop_front()
        {
            self.known.insert(revision.to_owned(), nature);
        }
    }

    fn count(&mut self, what: &str, key: &str) {
        self.count += 1;
        self.effects.entry(format!("{what} {key}")).or_default().push(self.count);
    }
}

impl SlowTarget {
    /// By this clock, with dice of this seed.
    pub fn new(clock: Arc<dyn Clock>, temper: Temper, seed: u64) -> Self {
        Self { clock, temper, seed, state: Mutex::new(State { random: seed, ..State::default() }) }
    }

    /// What it knows, as of now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        let now = self.clock.real();
        state.end_what_is_due(now);
        state
    }

    /// How a revision turns out; always the same of the same name.
    pub fn nature(&self, revision: &str) -> Nature {
        if let Some(known) = self.state().known.get(revision) {
            return *known;
        }
        let mut hash = revision
            .bytes()
            .fold(self.seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        if splitmix(&mut hash) % 100 >= self.temper.bad {
            return if splitmix(&mut hash).is_multiple_of(4) { Nature::Quiet } else { Nature::Good };
        }
        [Nature::Failing, Nature::Failing, Nature::Unhealthy, Nature::Dead][splitmix(&mut hash) as usize % 4]
    }

    /// The ends of builds that are to be announced by now.
    pub fn take_announcements(&self) -> Vec<Message> {
        std::mem::take(&mut self.state().ended)
    }

    /// When the next operation ends, if one is under way.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.state().next_end()
    }
}
