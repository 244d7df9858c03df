//! Chance, from a seed; and how bad it gets.

use model::port::target::WindowPolicy;
use tests::fake::{Temper, splitmix};

/// How bad it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// Percent of the target's calls that fail; the other ports fail a quarter as often.
    pub faults: u64,
    /// Somebody else changes traffic now and then.
    pub foreign: bool,
    /// The target loses a revision, a key or a whole service now and then.
    pub lossy: bool,
    /// The way back may be blocked for good.
    pub blocked: bool,
    /// One process owns the store: all others are dead.
    pub alone: bool,
    /// Handlers and processes die.
    pub crashes: bool,
    /// What the target is like.
    pub temper: Temper,
}

impl Chaos {
    /// As bad as the seed says.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed.rotate_left(32));
        let temper = Temper {
            slow: (dice.draw() % 120).saturating_sub(20),
            longest_ms: if dice.chance(20) { 2_000_000 } else { dice.draw() % 200_000 + 1 },
            failing: (dice.draw() % 20).saturating_sub(8),
            forgetful: (dice.draw() % 25).saturating_sub(10),
            bad: dice.draw() % 50,
            first_takes_all: dice.chance(40),
            windows: WindowPolicy {
                lag_ms: if dice.chance(30) { 30_000 } else { 0 },
                shortest_ms: if dice.chance(30) { 10_000 } else { 1_000 },
                ..WindowPolicy::MACHINE
            },
        };
        Self {
            faults: (dice.draw() % 25).saturating_sub(5),
            foreign: dice.chance(12),
            lossy: dice.chance(12),
            blocked: dice.chance(15),
            alone: dice.chance(50),
            crashes: dice.chance(80),
            temper,
        }
    }
}

/// Dice.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn draw(&mut self) -> u64 {
        splitmix(&mut self.0)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    /// A place in a list of this length, which is not empty.
    pub fn place(&mut self, length: usize) -> usize {
        (self.draw() % length as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.place(from.len())) }
    }
}
