//! What may happen, and how a run comes to its end.

use crate::{
    chance::Chaos,
    run::{Note, World, shop},
};
use model::time::{MINUTE_MS, SECOND_MS};

/// Steps within which everything must come to rest once nothing new happens.
const PATIENCE: usize = 60_000;

impl World {
    /// Something happens.
    pub fn happen(&mut self) {
        match self.dice.draw() % 400 {
            0 | 1 => self.request(),
            2..=5 => self.command(),
            6..=8 => self.freeze(),
            9 | 10 => drop(self.thaw()),
            11..=14 => self.crash(),
            15 => self.restart(),
            16..=49 => drop(self.deliver()),
            50..=53 => self.sweep(),
            54..=59 => self.pass_a_moment(),
            60 => self.pass(45 * SECOND_MS),
            61 => self.times.tick(90 * SECOND_MS),
            62 => self.meddle(),
            63 => self.lose_a_build(),
            64 => self.lose_something(),
            _ => {
                if !self.advance() && !self.deliver() {
                    self.pass_a_moment();
                }
            }
        }
    }

    fn pass_a_moment(&mut self) {
        let ms = self.dice.draw() % 1000 + 200;
        self.pass(ms as i64);
    }

    fn meddle(&mut self) {
        if self.chaos.foreign && self.target.meddle(&shop()) {
            self.say("somebody else moves traffic".to_owned());
            self.blocked_or_moved = true;
        }
    }

    fn lose_a_build(&mut self) {
        if self.chaos.crashes && self.target.lose_a_build() {
            self.say("the target loses a build".to_owned());
        }
    }

    fn lose_something(&mut self) {
        if self.chaos.lossy && self.dice.chance(30) && self.target.lose_something(&shop()) {
            self.say("the target loses something".to_owned());
            self.blocked_or_moved = true;
        }
    }

    /// Nothing new happens any more, and what is under way comes to its end.
    pub fn settle(&mut self) {
        for n in 0..PATIENCE {
            if n % 2_000 == 1_999 {
                self.let_go();
            }
            if self.dice.chance(1) {
                self.thaw();
            }
            if self.advance() || self.deliver() || self.decide_about_what_is_held() {
                continue;
            }
            if !self.wait(SECOND_MS) && !self.thaw() {
                self.check_rest();
                return;
            }
        }
        self.fail("it does not come to rest");
    }

    /// Time passes until something comes by itself. Answers whether anything will.
    pub fn wait(&mut self, at_least_ms: i64) -> bool {
        let due = self.next_due().map(|due| due.since(self.times.now()));
        let end = self.target.next_end().map(|end| end.since(self.times.real()));
        let Some(ms) = due.into_iter().chain(end).min() else { return false };
        self.pass(ms.max(at_least_ms));
        // As often as a schedule would.
        if self.times.now().since(self.swept) >= MINUTE_MS {
            self.sweep();
        }
        true
    }

    /// What must hold, or the story of why it doesn't.
    pub fn hold_to(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(&what());
        }
    }

    pub fn fail(&self, what: &str) -> ! {
        let shown = self.notes.len().saturating_sub(400);
        let notes: Vec<String> = self.notes[shown..].iter().map(line).collect();
        let (seed, chaos, story) = (self.seed, self.chaos, self.story().join("\n"));
        panic!("{what}\nseed {seed}, {chaos:?}\n{}\n{story}\n{what} (seed {seed})", notes.join("\n"));
    }

    pub fn story(&self) -> Vec<String> {
        let told = self.deployments.values().map(|found| {
            let said: Vec<_> = found.timeline.iter().map(|entry| entry.text.clone()).collect();
            format!("{} {:?}/{:?}: {}", found.id, found.status, found.step, said.join(" | "))
        });
        let state = self.target.state();
        let service =
            state.services.get(&shop()).map(|found| format!("{:?} closed: {}", found.weights, found.closed));
        told.chain([format!("serves: {service:?}; took effect: {:?}", state.effects)]).collect()
    }
}

fn line(note: &Note) -> String {
    match note {
        Note::Call(task, call, fate) => format!("  {task} {:?} {} {fate:?}", call.port, call.name),
        Note::Said(text) => text.clone(),
    }
}

/// A whole run: so many events, then rest.
pub fn run(seed: u64, chaos: Chaos, events: usize) -> World {
    let mut world = World::new(seed, chaos);
    world.request();
    for _ in 0..events {
        world.happen();
    }
    world.settle();
    world
}
