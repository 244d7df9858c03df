//! One handler at work, a phase at a time, so that anything may happen between any two of them.
//!
//! It follows the protocol of `model::deployment`: read, publish what is owed, decide, commit at the version read,
//! publish, act, decide again with the outcome.

use super::{World, target::Refused};
use crate::sample;
use model::{
    DeploymentId, Timestamp,
    deployment::{Answer, Effect, Input, Outcome, Slot, Verdict},
    document::{Deployment, Kept, Status, Step},
    message::{Message, kind},
    port::target::{BuildState, Released, TrafficToken},
    time::SECOND_MS,
};

/// Where a handler stands.
#[derive(Clone, Debug)]
pub enum Phase {
    Read,
    Decide,
    Publish(Option<Effect>),
    Act(Effect, Part),
}

/// How far an effect of several calls has come.
#[derive(Clone, Debug)]
pub enum Part {
    Begin,
    Created(Released),
    Token(TrafficToken, u32),
    Set(model::port::target::Traffic),
}

/// What a handler was started for.
#[derive(Clone, Debug)]
pub enum Work {
    Arrived(Message),
    Command(Command),
}

/// What a person may ask.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    Cancel,
    Rollback { named: bool },
    Promote { index: usize },
    Pause,
}

/// A handler under way.
#[derive(Clone, Debug)]
pub struct Task {
    pub owner: String,
    pub about: DeploymentId,
    pub work: Work,
    pub phase: Phase,
    began: Timestamp,
    input: Option<Input>,
    read: Option<(Deployment, u64)>,
}

impl Task {
    pub fn new(owner: String, about: DeploymentId, work: Work, began: Timestamp) -> Self {
        Self { owner, about, work, phase: Phase::Read, began, input: None, read: None }
    }

    /// One phase further; whether there is more to do.
    pub fn step(&mut self, world: &mut World) -> bool {
        match std::mem::replace(&mut self.phase, Phase::Decide) {
            Phase::Read => self.read(world),
            Phase::Decide => self.decide(world),
            Phase::Publish(effect) => self.publish(world, effect),
            Phase::Act(effect, part) => self.act(world, effect, part),
        }
    }

    fn read(&mut self, world: &mut World) -> bool {
        let Some(stored) = world.deployments.get(&self.about) else { return false };
        let (mut document, version) = (stored.document.clone(), stored.version);
        if let (None, Work::Arrived(message)) = (&self.input, &self.work) {
            let owed = std::mem::take(&mut document.outbox);
            for leftover in owed.into_iter().filter(|owed| owed != message) {
                world.post(leftover, world.now);
            }
        }
        self.input = self.input.take().or_else(|| Some(self.first_input(world, &document)));
        self.read = Some((document, version));
        true
    }

    fn first_input(&self, world: &World, document: &Deployment) -> Input {
        match &self.work {
            Work::Arrived(_) if document.status == Status::Pending && document.step == Step::Queue => {
                let service = &world.service.document;
                let granted = service.running.as_ref() == Some(&document.id);
                if granted { Input::Granted { last_good: service.serving.clone() } } else { Input::Wake }
            }
            Work::Arrived(_) => Input::Wake,
            Work::Command(Command::Cancel) => Input::Cancel,
            Work::Command(Command::Pause) => Input::Pause,
            Work::Command(Command::Promote { index }) => Input::Promote { index: *index },
            Work::Command(Command::Rollback { named }) => {
                let other = |kept: &&Kept| kept.deployment != document.id;
                let to = world.service.document.kept.iter().find(other).cloned();
                Input::Rollback { to: to.filter(|_| *named || document.status == Status::Deployed) }
            }
        }
    }

    fn decide(&mut self, world: &mut World) -> bool {
        let (Some((before, version)), Some(input)) = (self.read.clone(), self.input.clone()) else {
            return false;
        };
        let acts = matches!(self.work, Work::Arrived(_));
        let can_act = acts && world.real.since(self.began) < 12 * SECOND_MS;
        let at = world.at(&self.owner, can_act);
        let transition = model::deployment::decide(&before, input.clone(), &at);
        if let Answer::Wait(due) = transition.answer {
            assert!(due > at.now, "a wait that is over: {due} at {}", at.now);
            world.post_due(&self.about, due);
        }
        let Some(next) = transition.next else {
            return self.then(transition.effect, &before);
        };
        match world.commit(&before, version, &input, *next, &transition.slot) {
            Ok(Some((committed, version))) => {
                self.read = Some((committed, version));
                self.phase = Phase::Publish(transition.effect);
                true
            }
            Ok(None) => {
                assert_eq!(transition.slot, Slot::Take, "only taking the slot can be refused");
                false
            }
            Err(()) => {
                self.phase = Phase::Read;
                true
            }
        }
    }

    fn then(&mut self, effect: Option<Effect>, document: &Deployment) -> bool {
        debug_assert_eq!(document.id, self.about);
        let Some(effect) = effect else { return false };
        self.phase = Phase::Act(effect, Part::Begin);
        true
    }

    fn publish(&mut self, world: &mut World, effect: Option<Effect>) -> bool {
        let Some((mut document, version)) = self.read.take() else { return false };
        let published = std::mem::take(&mut document.outbox);
        for message in &published {
            world.post(message.clone(), world.now);
        }
        if let Some(due) =
            document.next_due.filter(|_| document.lease.is_none() && !document.status.at_rest())
        {
            world.post_due(&self.about, due);
        }
        if !published.is_empty() && document.status.at_rest() && effect.is_none() {
            // Nobody comes after us to clear it.
            self.input = Some(Input::Wake);
            self.read = Some((document, version));
            return true;
        }
        self.read = Some((document.clone(), version));
        self.then(effect, &document)
    }

    fn act(&mut self, world: &mut World, effect: Effect, part: Part) -> bool {
        let Some((document, _)) = self.read.clone() else { return false };
        if world.chance(world.chaos.faults) {
            let back = document.step == Step::Restore;
            let lasting = world.chance(if back { 50 } else { 6 }) && (!back || world.chaos.barred);
            // Half of them after the call took effect: only its answer is lost.
            if world.chance(50) {
                let _ = perform(world, &document, &effect, part);
            }
            return self.came_to(&document, sample::fault(!lasting));
        }
        match perform(world, &document, &effect, part) {
            Ok(outcome) => self.came_to(&document, outcome),
            Err(part) => {
                self.phase = Phase::Act(effect, part);
                true
            }
        }
    }

    fn came_to(&mut self, document: &Deployment, outcome: Outcome) -> bool {
        self.input = Some(Input::Result { step: document.step, attempt: document.attempt, outcome });
        true
    }
}

/// One call of an effect: its outcome, or how far it has come.
fn perform(world: &mut World, document: &Deployment, effect: &Effect, part: Part) -> Result<Outcome, Part> {
    Ok(match effect {
        Effect::Scan if world.chance(4) => Outcome::Rejected(sample::failure()),
        Effect::Scan => sample::scanned(),
        Effect::Analyze if world.chance(2) => Outcome::Rejected(sample::failure()),
        Effect::Analyze => sample::analyzed(),
        Effect::StartBuild => {
            world.target.start_build(&document.build_key());
            Outcome::BuildStarted
        }
        Effect::ReadBuild => world.target.read_build(&document.build_key()),
        Effect::Release => return release(world, document, part),
        Effect::Probe if world.chance(8) => sample::probed(false, true),
        Effect::Probe => sample::probed(world.chance(70), false),
        Effect::SetTraffic(weights) => {
            let expected = document.traffic.clone().unwrap();
            match world.target.set(&expected, weights, &document.effect_key()) {
                Ok(traffic) => Outcome::TrafficSet(traffic),
                Err(Refused::NotFound) => sample::fault(false),
                Err(Refused::Stale) if world.target.weights == *weights => {
                    Outcome::TrafficSet(world.target.traffic())
                }
                Err(Refused::Stale) => Outcome::TrafficMoved(world.target.traffic()),
            }
        }
        Effect::ReadWindow(window) => {
            let verdict = world.verdict();
            let probe = if world.chance(80) { Some(!world.chance(10)) } else { None };
            let mut seen = sample::window(document, verdict, probe);
            seen.window = *window;
            seen.guard =
                (verdict == Verdict::Inconclusive && world.chance(5)).then(|| "It crashes".to_owned());
            Outcome::WindowSeen(seen)
        }
        Effect::Retire { keep } => {
            let mut remember = world.remembered();
            remember.push(keep.clone());
            world.target.retire(std::slice::from_ref(keep), &remember);
            Outcome::Retired
        }
        Effect::Restore => return restore(world, document, part),
        Effect::ReadRelease | Effect::Open | Effect::ReadTraffic(_) | Effect::ReadRestore => {
            unreachable!("this target does everything at once")
        }
        Effect::Discard { revision } => {
            world.target.discard(revision);
            Outcome::Retired
        }
    })
}

fn release(world: &mut World, document: &Deployment, part: Part) -> Result<Outcome, Part> {
    match part {
        Part::Created(released) => Ok(Outcome::Released { released, traffic: world.target.traffic().token }),
        Part::Begin | Part::Token(..) | Part::Set(_) => {
            assert!(document.artifact.is_some(), "released without a build");
            Err(Part::Created(world.target.create(&document.revision_name())))
        }
    }
}

/// Ends builds and reads the token; sets traffic; stops our revision. Each may be far from the next.
fn restore(world: &mut World, document: &Deployment, part: Part) -> Result<Outcome, Part> {
    let good: Vec<String> = document.last_good.iter().map(|good| good.revision.clone()).collect();
    match part {
        Part::Begin | Part::Created(_) => {
            document.build_keys().iter().for_each(|key| world.target.cancel_build(key));
            Err(Part::Token(world.target.traffic().token, 0))
        }
        Part::Token(_, 5) => Ok(sample::fault(true)),
        Part::Token(token, tries) => {
            let weights = good.iter().map(|revision| (revision.clone(), 100)).collect();
            match world.target.set(&token, &weights, &document.effect_key()) {
                Ok(traffic) => Err(Part::Set(traffic)),
                Err(Refused::NotFound) => Ok(sample::fault(false)),
                Err(Refused::Stale) => Err(Part::Token(world.target.traffic().token, tries + 1)),
            }
        }
        Part::Set(traffic) => {
            let mut remember = world.remembered();
            remember.retain(|revision| *revision != document.revision_name());
            remember.extend(good.clone());
            world.target.retire(&good, &remember);
            Ok(Outcome::Restored(traffic))
        }
    }
}

/// The end of a build as the target announces it.
pub fn build_ended(document: &Deployment) -> Message {
    Message::about(kind::BUILD_ENDED, &document.tenant, &document.id)
}

/// A build that was made.
pub fn built() -> BuildState {
    BuildState::Succeeded { artifact: "sha256:1".to_owned(), duration_ms: 1500 }
}
