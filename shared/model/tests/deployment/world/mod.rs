//! A simulated world: a store, a target, messages that are late, lost, doubled and reordered, handlers that die.
//!
//! Every commit is checked against what must always hold; [`World::settle`] lets the world come to rest and checks
//! what must hold then.

mod handler;
mod rules;
mod target;

use crate::sample;
use handler::{Command, Task, Work};
use model::{
    DeploymentId, Timestamp,
    deployment::{At, Claim, Input, Slot, Verdict, accept, claim, decide, settle},
    document::{Deployment, Service, Status, Strategy},
    message::{AboutDeployment, Message, kind},
    port::target::{BuildState, WindowPolicy},
    time::SECOND_MS,
};
use std::collections::{BTreeMap, BTreeSet};
use target::Target;

/// A document and the version it is at.
#[derive(Clone)]
pub struct Stored<T> {
    pub document: T,
    pub version: u64,
}

/// How bad it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// Percent of calls that fail.
    pub faults: u64,
    /// Somebody else changes traffic now and then.
    pub foreign: bool,
    /// The way back may be barred for good.
    pub barred: bool,
    /// One process owns the store: all others are dead.
    pub alone: bool,
    /// Handlers die.
    pub crashes: bool,
}

pub struct World {
    pub now: Timestamp,
    pub real: Timestamp,
    pub chaos: Chaos,
    pub target: Target,
    pub deployments: BTreeMap<DeploymentId, Stored<Deployment>>,
    pub service: Stored<Service>,
    /// Changes of status that were committed.
    pub reached: BTreeSet<(&'static str, &'static str)>,
    messages: Vec<(Timestamp, Message)>,
    tasks: Vec<Task>,
    /// Handlers that stand still for longer than any lease, and go on later as if nothing had happened.
    frozen: Vec<Task>,
    random: u64,
    asked: u32,
    process: u32,
    barred_or_moved: bool,
    froze: bool,
}

impl World {
    pub fn new(seed: u64, chaos: Chaos) -> Self {
        Self {
            now: sample::START,
            real: sample::START,
            chaos,
            target: Target::default(),
            deployments: BTreeMap::new(),
            service: Stored { document: sample::service(), version: 0 },
            reached: BTreeSet::new(),
            messages: vec![],
            tasks: vec![],
            frozen: vec![],
            random: seed,
            asked: 0,
            process: 0,
            barred_or_moved: false,
            froze: false,
        }
    }

    /// The next random number: splitmix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    pub fn verdict(&mut self) -> Verdict {
        match self.draw() % 20 {
            0 => Verdict::Fail,
            1..=4 => Verdict::Error,
            5..=9 => Verdict::Inconclusive,
            _ => Verdict::Pass,
        }
    }

    pub fn at<'a>(&self, owner: &'a str, can_act: bool) -> At<'a> {
        At {
            now: self.now,
            real: self.real,
            owner,
            alone: self.chaos.alone,
            can_act,
            window: WindowPolicy::MACHINE,
        }
    }

    pub fn remembered(&self) -> Vec<String> {
        self.service.document.kept.iter().map(|kept| kept.revision.clone()).collect()
    }

    pub fn post(&mut self, message: Message, not_before: Timestamp) {
        self.messages.push((not_before, message));
    }

    pub fn post_due(&mut self, id: &DeploymentId, not_before: Timestamp) {
        self.post(Message::about(kind::DEPLOYMENT_DUE, &sample::tenant(), id), not_before);
    }

    /// One atomic commit of deployment and service. `Err`: a version has moved on; `Ok(None)`: the slot is taken.
    pub fn commit(
        &mut self,
        before: &Deployment,
        version: u64,
        input: &Input,
        mut next: Deployment,
        slot: &Slot,
    ) -> Result<Option<(Deployment, u64)>, ()> {
        if self.deployments[&next.id].version != version {
            return Err(());
        }
        let mut service = self.service.document.clone();
        if *slot != Slot::Stays {
            let at = self.at("", true);
            match settle(&mut service, &next, slot, &at) {
                Ok(None) => {}
                Ok(Some(granted)) => {
                    next.outbox.push(Message::about(kind::DEPLOYMENT_DUE, &next.tenant, &granted));
                }
                Err(holder) => {
                    assert_eq!(
                        service.running, self.service.document.running,
                        "{holder}: a refusal changes nothing"
                    );
                    return Ok(None);
                }
            }
            self.service = Stored { document: service, version: self.service.version + 1 };
        }
        let stored = Stored { document: next.clone(), version: version + 1 };
        self.deployments.insert(next.id.clone(), stored);
        self.check_commit(before, input, &next);
        Ok(Some((next, version + 1)))
    }

    /// A new deployment is asked for; what it supersedes changes in the same commit.
    pub fn request(&mut self) {
        if self.asked >= 5 {
            return;
        }
        self.asked += 1;
        let strategy = [Strategy::Canary, Strategy::Quick, Strategy::Instant, Strategy::Canary]
            [self.draw() as usize % 4];
        let id = sample::id(self.asked);
        let at = At { can_act: false, ..self.at("register", false) };
        let mut service = self.service.document.clone();
        let claimed = claim(&mut service, &id, &at);
        let mut told = vec![];
        if let Claim::Waits { supersedes, running } = &claimed {
            told.extend(supersedes.clone());
            told.push(running.clone());
        }
        for other in told {
            let before = self.deployments[&other].document.clone();
            let transition = decide(&before, Input::Supersede, &at);
            let Some(mut next) = transition.next else { continue };
            if let Ok(Some(granted)) = settle(&mut service, &next, &transition.slot, &at) {
                next.outbox.push(Message::about(kind::DEPLOYMENT_DUE, &next.tenant, &granted));
            }
            for message in next.outbox.clone() {
                self.post(message, self.now);
            }
            let version = self.deployments[&other].version + 1;
            self.deployments.insert(other, Stored { document: (*next).clone(), version });
            self.service.document = service.clone();
            self.check_commit(&before, &Input::Supersede, &next);
        }
        let last_good = service.serving.clone().filter(|_| claimed == Claim::Runs);
        let first = accept(sample::request(self.asked, strategy), claimed == Claim::Runs, last_good, &at);
        self.service = Stored { document: service, version: self.service.version + 1 };
        for message in first.outbox.clone() {
            self.post(message, self.now);
        }
        self.deployments.insert(id, Stored { document: first, version: 1 });
    }

    fn owner(&mut self) -> String {
        if self.chaos.alone { format!("p{}", self.process) } else { format!("p{}", self.draw() % 2) }
    }

    fn start(&mut self, about: DeploymentId, work: Work) {
        let task = Task::new(self.owner(), about, work, self.real);
        self.tasks.push(task);
    }

    fn command(&mut self, choice: u64) {
        if self.deployments.is_empty() {
            return;
        }
        let n = self.draw() as usize % self.deployments.len();
        let Some((id, stored)) = self.deployments.iter().nth(n) else { return };
        let (id, index) = (id.clone(), stored.document.canary.index);
        let command = match choice % 5 {
            0 => Command::Cancel,
            1 => Command::Rollback { named: true },
            2 => Command::Rollback { named: false },
            3 => Command::Promote { index },
            _ => Command::Pause,
        };
        self.start(id, Work::Command(command));
    }

    /// Delivers a message; one time in four it stays, to come again.
    fn deliver(&mut self) -> bool {
        let ready: Vec<usize> =
            (0..self.messages.len()).filter(|n| self.messages[*n].0 <= self.now).collect();
        if ready.is_empty() {
            return false;
        }
        let n = ready[self.draw() as usize % ready.len()];
        let again = self.chance(25) && self.chaos.crashes;
        let message = if again { self.messages[n].1.clone() } else { self.messages.swap_remove(n).1 };
        let about: AboutDeployment = message.body().unwrap();
        // Ends of deployments are for others.
        if message.kind != kind::DEPLOYMENT_ENDED {
            self.start(about.deployment, Work::Arrived(message));
        }
        true
    }

    fn advance_task(&mut self) -> bool {
        if self.tasks.is_empty() {
            return false;
        }
        let n = self.draw() as usize % self.tasks.len();
        let mut task = self.tasks.swap_remove(n);
        if task.step(self) {
            self.tasks.push(task);
        }
        true
    }

    /// A handler dies; the broker delivers its message again, or loses it with everything else.
    fn crash(&mut self) {
        if self.tasks.is_empty() || !self.chaos.crashes {
            return;
        }
        let n = self.draw() as usize % self.tasks.len();
        let task = self.tasks.swap_remove(n);
        if let (Work::Arrived(message), true) = (task.work, self.chance(60)) {
            self.post(message, self.now.plus(SECOND_MS));
        }
    }

    /// The one process dies with all its handlers, and a new one takes over.
    fn restart(&mut self) {
        if self.chaos.alone && self.chaos.crashes {
            self.tasks.clear();
            self.frozen.clear();
            self.process += 1;
        }
    }

    fn freeze(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let n = self.draw() as usize % self.tasks.len();
        let task = self.tasks.swap_remove(n);
        self.frozen.push(task);
        self.froze = true;
        self.pass(41 * SECOND_MS);
        self.sweep();
    }

    fn thaw(&mut self) {
        if !self.frozen.is_empty() {
            let n = self.draw() as usize % self.frozen.len();
            self.tasks.push(self.frozen.swap_remove(n));
        }
    }

    pub fn pass(&mut self, ms: i64) {
        self.now = self.now.plus(ms);
        self.real = self.real.plus(ms);
    }

    fn sweep(&mut self) {
        let due = |stored: &&Stored<Deployment>| stored.document.next_due.is_some_and(|due| due <= self.now);
        let found: Vec<DeploymentId> =
            self.deployments.values().filter(due).map(|stored| stored.document.id.clone()).collect();
        for id in found {
            self.post_due(&id, self.now);
        }
    }

    /// A running build comes to an end, or is lost.
    fn end_build(&mut self) -> bool {
        let running = |(_, state): &(&String, &BuildState)| **state == BuildState::Running;
        let Some((key, _)) = self.target.builds.iter().find(running) else { return false };
        let key = key.clone();
        let state = match self.draw() % 10 {
            0 => BuildState::Failed {
                reason: "exit 1".to_owned(),
                tail: vec!["error".to_owned()],
                duration_ms: 9,
            },
            1 => BuildState::Unknown,
            _ => handler::built(),
        };
        if state == BuildState::Unknown {
            self.target.builds.remove(&key);
            self.target.builds_lost += 1;
        } else {
            self.target.builds.insert(key.clone(), state);
        }
        let owner = self.deployments.values().find(|stored| stored.document.build_keys().contains(&key));
        let message = handler::build_ended(&owner.unwrap().document);
        self.post(message, self.now);
        true
    }

    fn meddle(&mut self) {
        if !self.chaos.foreign || self.target.running.is_empty() {
            return;
        }
        let n = self.draw() as usize % self.target.running.len();
        let revision = self.target.running.iter().nth(n).cloned().unwrap();
        self.target.meddle(&revision);
        self.barred_or_moved = true;
    }

    /// Something happens.
    pub fn happen(&mut self, what: u16) {
        match what % 128 {
            0 => self.request(),
            1 | 45 | 46 => self.command(u64::from(what / 128)),
            42..=44 => self.freeze(),
            47 => self.thaw(),
            2..=4 => self.crash(),
            5 => self.restart(),
            6 => drop(self.deliver() && self.chaos.crashes && self.tasks.pop().is_some()),
            7..=22 => drop(self.deliver()),
            23..=27 => drop(self.end_build()),
            28..=30 => self.sweep(),
            31..=38 => self.pass(i64::from(what / 128) * 2 + 200),
            39 => self.pass(45 * SECOND_MS),
            40 => self.now = self.now.plus(90 * SECOND_MS),
            41 => self.meddle(),
            _ => drop(self.advance_task()),
        }
    }

    /// Nothing new happens any more, and what is under way comes to its end.
    pub fn settle(&mut self) {
        for _ in 0..20_000 {
            if self.chance(2) {
                self.thaw();
            }
            if self.advance_task() || self.deliver() || self.end_build() {
                continue;
            }
            if self.promote_held() {
                continue;
            }
            let dues = self.deployments.values().filter_map(|stored| stored.document.next_due);
            let Some(next) = dues.chain(self.messages.iter().map(|(due, _)| *due)).min() else {
                if !self.frozen.is_empty() {
                    self.thaw();
                    continue;
                }
                self.check_rest();
                return;
            };
            self.pass(next.since(self.now).max(SECOND_MS));
            self.sweep();
        }
        panic!("it does not come to rest: {:?}", self.story());
    }

    /// A person decides about what is held.
    fn promote_held(&mut self) -> bool {
        let held = |stored: &&Stored<Deployment>| {
            stored.document.canary.held.is_some() && stored.document.status == Status::Shifting
        };
        let Some(found) = self.deployments.values().find(held) else { return false };
        let (id, index) = (found.document.id.clone(), found.document.canary.index);
        assert_eq!(self.service.document.queued, None, "{id} is held while another one waits for it");
        let command = if self.chance(80) { Command::Promote { index } } else { Command::Cancel };
        self.start(id, Work::Command(command));
        while self.advance_task() {}
        true
    }

    pub fn story(&self) -> Vec<String> {
        let line = |stored: &Stored<Deployment>| {
            let document = &stored.document;
            let said: Vec<_> = document.timeline.iter().map(|entry| entry.text.clone()).collect();
            format!("{} {:?}/{:?}: {}", document.id, document.status, document.step, said.join(" | "))
        };
        self.deployments.values().map(line).collect()
    }
}
