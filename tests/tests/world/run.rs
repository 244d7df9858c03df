//! One run: what is under way, and what happens next.

use crate::{
    chance::{Chaos, Dice},
    errors::Errors,
    gate::{Call, Fate, Gate, Lasts, Port},
    people::Ask,
    ports::{Bits, GatedStore, Mailbox, Post, Posted, Times, WorldClock},
    process::{Process, enter_runtime},
    source::{GatedSource, Rest},
    target::GatedTarget,
    task::{End, Task, Work},
};
use model::{
    DeploymentId, ServiceName, TenantId, Timestamp,
    document::{Deployment, Service, Step, service_path},
    message::{AboutDeployment, Message, kind},
    port::{Delivery, Ports, Verdict, target::ServiceKey},
    time::SECOND_MS,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, atomic::AtomicU64},
};
use tempfile::TempDir;
use tests::fake::{MemoryStore, ReadySource, SlowTarget};

/// When runs begin.
pub const START: Timestamp = Timestamp(1_800_000_000_000);
/// Deliveries of a message before it is a dead letter.
const MOST_DELIVERIES: u32 = 10;

pub fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub fn shop() -> ServiceKey {
    ServiceKey { tenant: tenant(), service: ServiceName::new("shop").unwrap() }
}

fn app() -> Arc<ReadySource> {
    static SOURCE: OnceLock<(TempDir, Arc<ReadySource>)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let source = Arc::new(ReadySource::new(folder.path().join("app")));
        (folder, source)
    };
    SOURCE.get_or_init(make).1.clone()
}

/// Where every process dies: before or after the nth call of a port, or when a crash point is passed the nth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    Before(u64),
    After(u64),
    At(&'static str, u32),
}

/// A line of what happened.
#[derive(Clone, Debug)]
pub enum Note {
    Call(u64, Call, Fate),
    Said(String),
}

/// A message that waits to be delivered.
#[derive(Clone, Debug)]
struct Letter {
    not_before: Timestamp,
    message: Message,
    attempt: u32,
    /// The timer's key, if it is one.
    timer: Option<String>,
}

/// The world.
pub struct World {
    pub seed: u64,
    pub dice: Dice,
    pub chaos: Chaos,
    pub gate: Gate,
    pub times: Arc<Times>,
    pub store: Arc<MemoryStore>,
    pub target: Arc<SlowTarget>,
    /// Every deployment as it was last committed.
    pub deployments: BTreeMap<DeploymentId, Deployment>,
    /// Keys under which somebody wants a source.
    pub wanted: Arc<Mutex<BTreeSet<String>>>,
    /// Keys under which deployments were asked for.
    pub keys: BTreeSet<String>,
    /// Changes of status that were committed.
    pub reached: BTreeSet<(&'static str, &'static str)>,
    /// Whether the way back was blocked, or somebody else moved traffic.
    pub blocked_or_moved: bool,
    pub froze: bool,
    /// When what is due was last woken, by the clock of timers.
    pub swept: Timestamp,
    /// Deployments whose end was published.
    pub told: BTreeSet<DeploymentId>,
    /// When each way back began, by the target's count of effects.
    pub ways_back: BTreeMap<DeploymentId, Vec<u64>>,
    /// Fates of the next calls of a name, before all chance.
    pub fates: Vec<(&'static str, Fate)>,
    /// Where every process dies, if it is to.
    pub death: Option<Death>,
    pub died: bool,
    /// Calls that were let through.
    pub calls: u64,
    pub notes: Vec<Note>,
    mailbox: Arc<Mailbox>,
    letters: Vec<Letter>,
    ports: Arc<Ports>,
    processes: Vec<Process>,
    tasks: Vec<Task>,
    errors: Errors,
    started: u64,
    born: u32,
}

impl World {
    pub fn new(seed: u64, chaos: Chaos) -> Self {
        Self::dying(seed, chaos, None)
    }

    /// The same; every process dies once, exactly there.
    pub fn dying(seed: u64, chaos: Chaos, death: Option<Death>) -> Self {
        let gate = Gate::default();
        let times = Arc::new(Times::start(START));
        let store = Arc::new(MemoryStore::default());
        let mailbox = Arc::new(Mailbox::default());
        let clock = Arc::new(WorldClock { gate: gate.clone(), times: times.clone() });
        let target = Arc::new(SlowTarget::new(clock.clone(), chaos.temper, seed ^ 0x5eed));
        let post = Arc::new(Post { gate: gate.clone(), times: times.clone(), mailbox: mailbox.clone() });
        let rest = Arc::new(Rest { gate: gate.clone() });
        let wanted = Arc::default();
        let source = GatedSource {
            gate: gate.clone(),
            inner: app(),
            wanted: Arc::clone(&wanted),
            dice: AtomicU64::new(seed),
            waits: if chaos.temper.slow > 0 { 20 } else { 0 },
            lost: if chaos.lossy { 5 } else { 0 },
        };
        let ports = Arc::new(Ports {
            store: Arc::new(GatedStore { gate: gate.clone(), inner: store.clone() }),
            broker: post.clone(),
            timers: post,
            target: Arc::new(GatedTarget { gate: gate.clone(), inner: target.clone() }),
            objects: rest.clone(),
            keys: rest.clone(),
            mailer: rest,
            source: Arc::new(source),
            clock,
            random: Arc::new(Bits(AtomicU64::new(seed))),
        });
        let mut world = Self {
            seed,
            dice: Dice::new(seed),
            chaos,
            gate,
            times,
            store,
            target,
            deployments: BTreeMap::new(),
            wanted,
            keys: BTreeSet::new(),
            reached: BTreeSet::new(),
            blocked_or_moved: false,
            froze: false,
            swept: START,
            told: BTreeSet::new(),
            ways_back: BTreeMap::new(),
            fates: vec![],
            death,
            died: false,
            calls: 0,
            notes: vec![],
            mailbox,
            letters: vec![],
            ports,
            processes: vec![],
            tasks: vec![],
            errors: Errors::default(),
            started: 0,
            born: 0,
        };
        let processes = if chaos.alone { 1 } else { 2 };
        world.processes = (0..processes).map(|_| world.born()).collect();
        world
    }

    fn born(&mut self) -> Process {
        self.born += 1;
        let point = match self.death {
            Some(Death::At(point, _)) => Some(point),
            Some(Death::Before(_) | Death::After(_)) | None => None,
        };
        Process::start(format!("p{}", self.born), &self.ports, self.chaos.alone, point)
    }

    pub fn say(&mut self, text: String) {
        self.notes.push(Note::Said(text));
    }

    pub fn service(&self) -> Option<Service> {
        self.store.now(&service_path(&tenant(), &shop().service)).map(|found| found.body.parse().unwrap())
    }

    /// Revisions that are kept for a rollback.
    pub fn kept(&self) -> Vec<String> {
        let kept = self.service().map(|service| service.slot.kept).unwrap_or_default();
        kept.into_iter().map(|kept| kept.revision).collect()
    }

    fn start(&mut self, work: Work) {
        let process = self.dice.place(self.processes.len());
        self.started += 1;
        let at = &self.processes[process];
        let future = match &work {
            Work::Ask(ask) => at.ask(ask),
            Work::Delivery { message, attempt, .. } => at.deliver(Delivery {
                subscription: format!("deploy-step.{}", message.topic),
                id: self.started.to_string(),
                published_at: self.times.now(),
                attempt: *attempt,
                message: message.clone(),
            }),
        };
        let mut task = Task::new(self.started, process, work, future);
        self.notes.push(Note::Said(format!("{} starts in {}: {:?}", task.id, at.name, task.work)));
        if self.poll(&mut task).is_none() {
            self.tasks.push(task);
        }
    }

    pub fn ask(&mut self, ask: Ask) {
        self.start(Work::Ask(ask));
    }

    /// Lets a task go on to its next gate; what it did meanwhile is judged.
    fn poll(&mut self, task: &mut Task) -> Option<()> {
        let _runtime = enter_runtime();
        let heard = self.errors.clone();
        let _listening = heard.listen();
        let end = task.go_on(&self.gate);
        for posted in self.mailbox.take() {
            self.published(&posted.message);
            self.keep(posted);
        }
        for commit in self.store.take_journal() {
            self.judge(&task.work, &commit);
        }
        let errors = self.errors.take();
        self.hold_to(errors.is_empty(), || format!("a handler failed on our side: {errors:?}"));
        self.ended(task, end?);
        Some(())
    }

    /// A timer replaces the one of its key on a machine; in a cloud only one of the same time is the same.
    fn keep(&mut self, Posted { not_before, message, timer }: Posted) {
        let alone = self.chaos.alone;
        let same = |letter: &Letter| {
            timer.is_some() && letter.timer == timer && (alone || letter.not_before == not_before)
        };
        self.letters.retain(|letter| !same(letter));
        self.letters.push(Letter { not_before, message, attempt: 1, timer });
    }

    fn ended(&mut self, task: &Task, end: End) {
        self.notes.push(Note::Said(format!("{} ended: {end:?}", task.id)));
        match (&task.work, end) {
            (Work::Delivery { message, attempt, .. }, End::Verdict(Verdict::Nack)) => {
                self.again(message.clone(), attempt + 1, SECOND_MS);
            }
            (Work::Ask(_), End::Answer { status, body }) => {
                self.hold_to(
                    matches!(status, 200..=202 | 409 | 422 | 503) || (status == 400 && self.chaos.faults > 0),
                    || format!("{:?} was answered {status}: {body}", task.work),
                );
            }
            (Work::Delivery { .. } | Work::Ask(_), _) => {}
        }
    }

    fn again(&mut self, message: Message, attempt: u32, after_ms: i64) {
        if attempt <= MOST_DELIVERIES {
            let not_before = self.times.now().plus(after_ms);
            self.letters.push(Letter { not_before, message, attempt, timer: None });
        }
    }

    /// A message goes out from here, as from a process that is no part of this.
    pub fn post(&mut self, message: Message) {
        let not_before = self.times.now();
        self.letters.push(Letter { not_before, message, attempt: 1, timer: None });
    }

    /// Delivers a message; one time in four it stays, to come again.
    pub fn deliver(&mut self) -> bool {
        let now = self.times.now();
        let ready: Vec<usize> =
            (0..self.letters.len()).filter(|n| self.letters[*n].not_before <= now).collect();
        let Some(n) = self.dice.pick(&ready).copied() else { return false };
        let twice = self.chaos.crashes && self.dice.chance(25);
        let Letter { message, attempt, .. } = self.letters.swap_remove(n);
        if twice {
            self.again(message.clone(), attempt + 1, 0);
        }
        let wanted = [kind::DEPLOYMENT_REQUESTED, kind::DEPLOYMENT_DUE, kind::BUILD_ENDED];
        if wanted.contains(&message.kind.as_str()) {
            let AboutDeployment { deployment } = message.body().unwrap();
            self.start(Work::Delivery { message, about: deployment, attempt });
        }
        true
    }

    /// Lets one of those that wait at the gate through.
    pub fn advance(&mut self) -> bool {
        let awake: BTreeSet<u64> =
            self.tasks.iter().filter(|task| !task.frozen).map(|task| task.id).collect();
        let waiting = self.gate.waiting(|task| awake.contains(&task));
        let Some((id, task, call)) = self.dice.pick(&waiting).copied() else { return false };
        let at = self.tasks.iter().position(|one| one.id == task).unwrap();
        let task = self.tasks.swap_remove(at);
        let fate = self.fate(&task, call);
        self.pass_gate(id, task, call, fate);
        true
    }

    fn pass_gate(&mut self, id: u64, mut task: Task, call: Call, fate: Fate) {
        self.calls += 1;
        self.notes.push(Note::Call(task.id, call, fate));
        if self.death == Some(Death::Before(self.calls)) {
            self.tasks.push(task);
            return self.kill_all();
        }
        if let Some(until) = call.until {
            self.pass(until.since(self.times.real()).max(0));
        }
        self.gate.open(id, fate);
        let ended = self.poll(&mut task).is_some();
        let shut = self.gate.is_shut();
        self.hold_to(shut, || format!("{} did not come through at {call:?}", task.id));
        if !ended {
            self.tasks.push(task);
        }
        let passed: u32 = self.processes.iter().map(Process::passed).sum();
        let at_point = matches!(self.death, Some(Death::At(_, pass)) if pass == passed);
        if self.death == Some(Death::After(self.calls)) || at_point {
            self.kill_all();
        }
    }

    /// The death that was meant: of every process, once. Nothing that was not acknowledged is lost.
    fn kill_all(&mut self) {
        self.died = true;
        self.death = None;
        for process in 0..self.processes.len() {
            self.kill(process);
        }
    }

    /// What becomes of a call.
    fn fate(&mut self, task: &Task, call: Call) -> Fate {
        if let Some(n) = self.fates.iter().position(|(name, _)| *name == call.name) {
            return self.fates.remove(n).1;
        }
        let outside = matches!(call.port, Port::Target | Port::Source);
        let odds = match call.port {
            Port::Clock => 0,
            Port::Target | Port::Source => self.chaos.faults,
            Port::Store | Port::Broker | Port::Timers | Port::Other => self.chaos.faults / 4,
        };
        if !self.dice.chance(odds) {
            return Fate::Works;
        }
        let back =
            task.about().and_then(|id| self.deployments.get(id)).is_some_and(|found| is_back(found.step));
        let odds = match (back, call.port) {
            (true, _) => 50,
            (false, Port::Source) => 20,
            (false, _) => 6,
        };
        let for_good = outside && self.dice.chance(odds) && (!back || self.chaos.blocked);
        let lasts = if for_good { Lasts::ForGood } else { Lasts::Passing };
        if self.dice.chance(50) { Fate::AnswerLost(lasts) } else { Fate::Fails(lasts) }
    }

    /// A handler dies; its message comes again, or is lost with everything else.
    pub fn crash(&mut self) {
        if !self.chaos.crashes || self.tasks.is_empty() {
            return;
        }
        let n = self.dice.place(self.tasks.len());
        let task = self.tasks.swap_remove(n);
        self.say(format!("{} dies", task.id));
        self.mourn(task);
    }

    /// A process dies with all its handlers, and a new one takes its place.
    pub fn restart(&mut self) {
        if self.chaos.crashes {
            let n = self.dice.place(self.processes.len());
            self.kill(n);
        }
    }

    pub fn kill(&mut self, process: usize) {
        self.say(format!("{} dies with all its handlers", self.processes[process].name));
        let (dead, alive) =
            std::mem::take(&mut self.tasks).into_iter().partition(|task| task.process == process);
        self.tasks = alive;
        self.processes[process] = self.born();
        let dead: Vec<Task> = dead;
        dead.into_iter().for_each(|task| self.mourn(task));
    }

    fn mourn(&mut self, task: Task) {
        let work = task.work.clone();
        drop(task);
        let all = self.died;
        match work {
            Work::Delivery { message, attempt, .. } if all || self.dice.chance(60) => {
                self.again(message, attempt + 1, SECOND_MS);
            }
            // Whoever asked for a deployment and heard nothing asks again, under the same key.
            Work::Ask(ask) if all => self.ask(ask),
            Work::Ask(ask @ Ask::Deploy { .. }) if self.dice.chance(60) => self.ask(ask),
            Work::Delivery { .. } | Work::Ask(_) => {}
        }
    }

    pub fn freeze(&mut self) {
        let awake: Vec<usize> = (0..self.tasks.len()).filter(|n| !self.tasks[*n].frozen).collect();
        let Some(n) = self.dice.pick(&awake).copied() else { return };
        self.tasks[n].frozen = true;
        self.froze = true;
        self.say(format!("{} stands still", self.tasks[n].id));
        self.pass(41 * SECOND_MS);
        self.sweep();
    }

    /// Whoever comes to a call of this name next stands still there.
    pub fn hold(&mut self, name: &'static str) {
        for _ in 0..1_000 {
            let waiting = self.gate.waiting(|_| true);
            if let Some((_, task, _)) = waiting.into_iter().find(|(_, _, call)| call.name == name) {
                self.tasks.iter_mut().filter(|one| one.id == task).for_each(|one| one.frozen = true);
                self.froze = true;
                return;
            }
            if !self.advance() && !self.deliver() {
                self.wait(SECOND_MS);
            }
        }
        self.fail("nobody comes to where they should stand still");
    }

    /// Whoever stands still goes on.
    pub fn release(&mut self) {
        self.tasks.iter_mut().for_each(|task| task.frozen = false);
    }

    pub fn thaw(&mut self) -> bool {
        let frozen: Vec<usize> = (0..self.tasks.len()).filter(|n| self.tasks[*n].frozen).collect();
        let Some(n) = self.dice.pick(&frozen).copied() else { return false };
        self.tasks[n].frozen = false;
        self.say(format!("{} goes on", self.tasks[n].id));
        true
    }

    pub fn pass(&mut self, ms: i64) {
        self.times.pass(ms);
        self.hear_of_builds();
    }

    /// Ends of builds are announced, and now and then the news is lost.
    pub fn hear_of_builds(&mut self) {
        for message in self.target.take_announcements() {
            if !self.chaos.crashes || self.dice.chance(80) {
                self.post(message);
            }
        }
    }

    /// What is due is woken.
    pub fn sweep(&mut self) {
        let now = self.times.now();
        self.swept = now;
        let due = |found: &&Deployment| found.next_due.is_some_and(|due| due <= now);
        let due: Vec<DeploymentId> =
            self.deployments.values().filter(due).map(|found| found.id.clone()).collect();
        for id in due {
            self.post(Message::about(kind::DEPLOYMENT_DUE, &tenant(), &id));
        }
    }

    /// The earliest moment at which something comes by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let dues = self.deployments.values().filter_map(|found| found.next_due);
        dues.chain(self.letters.iter().map(|letter| letter.not_before)).min()
    }

    pub fn at_work(&self) -> usize {
        self.tasks.len()
    }
}

/// Whether a step is one of the way back.
pub fn is_back(step: Step) -> bool {
    matches!(step, Step::Restore | Step::AwaitRestore)
}
