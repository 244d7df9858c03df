//! Entering steps: what a document looks like when a step begins, waits, fails in passing, or ends the pipeline.
//!
//! Invariant: a step that changes something outside is entered with a lease in the same write; a step that only
//! reads needs none. Whoever can't act now leaves a message in the outbox instead.

use super::{Answer, At, Effect, Fault, Slot, Transition, window::closed_window};
use crate::{
    Timestamp,
    document::{Deployment, Ending, Entry, Failure, Kept, Lease, Stage, StageTime, Status, Step, Strategy},
    message::{Message, kind},
    time::{MINUTE_MS, SECOND_MS},
};
use std::collections::BTreeMap;

/// How long a lease holds: longer than any effect may take (20 s), short enough to recover from a crash.
const LEASE_MS: i64 = 40 * SECOND_MS;
/// Lines of the story that are kept.
const TIMELINE: usize = 60;

/// A transition that changes nothing.
pub(super) fn unchanged(answer: Answer) -> Transition {
    Transition { answer, next: None, effect: None, slot: Slot::Stays }
}

/// A command that makes no sense here.
pub(super) fn refused(why: &str) -> Transition {
    unchanged(Answer::Refused(why.to_owned()))
}

/// A transition to `next` that does nothing more.
pub(super) fn commit(next: Deployment) -> Transition {
    Transition { answer: Answer::Applied, next: Some(Box::new(next)), effect: None, slot: Slot::Stays }
}

/// Adds a line to the story.
pub(super) fn say(next: &mut Deployment, at: &At<'_>, text: impl Into<String>) {
    next.seq += 1;
    let entry =
        Entry { seq: next.seq, at: at.real, status: next.status, progress: next.progress, text: text.into() };
    next.timeline.push(entry);
    if next.timeline.len() > TIMELINE {
        let surplus = next.timeline.len() - TIMELINE;
        next.timeline.drain(..surplus);
    }
    next.updated_at = at.now;
}

/// The status, stage and progress that a step shows; `None` for steps that keep what was.
fn shown(step: Step) -> Option<(Status, Option<Stage>, u8)> {
    match step {
        Step::Queue => Some((Status::Pending, None, 0)),
        Step::Scan => Some((Status::SecurityScanning, Some(Stage::Validate), 2)),
        Step::Analyze => Some((Status::Analyzing, Some(Stage::Analyze), 10)),
        Step::StartBuild => Some((Status::Building, Some(Stage::Build), 15)),
        Step::Release => Some((Status::Deploying, Some(Stage::Release), 60)),
        Step::Verify => Some((Status::Verifying, Some(Stage::Verify), 85)),
        Step::Open | Step::SetTraffic => Some((Status::Shifting, Some(Stage::Shift), 88)),
        Step::Restore => Some((Status::RollingBack, None, 90)),
        Step::AwaitBuild
        | Step::AwaitRelease
        | Step::AwaitTraffic
        | Step::AwaitRestore
        | Step::Watch
        | Step::Retire
        | Step::Rest => None,
    }
}

/// Begins a step: status, stage times, attempt 1, no lease, nothing due.
fn begin(next: &mut Deployment, at: &At<'_>, step: Step) {
    (next.step, next.step_since) = (step, at.real);
    (next.attempt, next.tries, next.lease, next.next_due) = (1, 0, None, None);
    (next.waits, next.scanning) = (None, None);
    match step {
        Step::SetTraffic => next.attempt = u32::try_from(next.canary.index).unwrap_or(u32::MAX - 1) + 1,
        Step::Restore => {
            next.restores = next.restores.saturating_add(1);
            next.attempt = next.restores;
        }
        _ => {}
    }
    let Some((status, stage, progress)) = shown(step) else { return };
    next.status = status;
    next.progress = next.progress.max(progress);
    if next.stages.last().map(|time| time.stage) != stage || stage.is_none() {
        close_stage(next, at.real);
        next.stages.extend(stage.map(|stage| StageTime { stage, from: at.real, to: None }));
    }
}

fn close_stage(next: &mut Deployment, real: Timestamp) {
    if let Some(open) = next.stages.last_mut().filter(|time| time.to.is_none()) {
        open.to = Some(real);
    }
}

/// Begins a step that does something outside, and does it now or leaves it to a message.
pub(super) fn enter(mut next: Deployment, at: &At<'_>, step: Step, text: impl Into<String>) -> Transition {
    begin(&mut next, at, step);
    say(&mut next, at, text);
    act(next, at)
}

/// Begins a step without a word: the line before has said it.
pub(super) fn enter_quietly(mut next: Deployment, at: &At<'_>, step: Step) -> Transition {
    begin(&mut next, at, step);
    act(next, at)
}

/// Performs the present step's effect: under a lease if it changes something, by message if we can't now.
pub(super) fn act(mut next: Deployment, at: &At<'_>) -> Transition {
    if !at.can_act {
        next.lease = None;
        next.next_due = Some(at.now.plus(MINUTE_MS));
        next.outbox.push(Message::about(kind::DEPLOYMENT_DUE, &next.tenant, &next.id));
        return commit(next);
    }
    if changes_outside(next.step) {
        let (owner, until) = (at.owner.to_owned(), at.real.plus(LEASE_MS));
        next.lease = Some(Lease { owner, until, step: Some(next.step) });
    }
    next.next_due = Some(at.now.plus(LEASE_MS));
    let effect = effect(&next, at);
    Transition { effect, ..commit(next) }
}

/// Whether the step's effect changes something outside or is dear enough not to be done twice at once.
fn changes_outside(step: Step) -> bool {
    match step {
        Step::Scan
        | Step::Analyze
        | Step::StartBuild
        | Step::Release
        | Step::Open
        | Step::SetTraffic
        | Step::Retire
        | Step::Restore => true,
        Step::Queue
        | Step::AwaitBuild
        | Step::AwaitRelease
        | Step::Verify
        | Step::AwaitTraffic
        | Step::Watch
        | Step::AwaitRestore
        | Step::Rest => false,
    }
}

/// The effect that the present step stands for.
pub(super) fn effect(next: &Deployment, at: &At<'_>) -> Option<Effect> {
    match next.step {
        Step::Queue | Step::Rest => None,
        Step::Scan => Some(Effect::Scan),
        Step::Analyze => Some(Effect::Analyze),
        Step::StartBuild => Some(Effect::StartBuild),
        Step::AwaitBuild => Some(Effect::ReadBuild),
        Step::Release => Some(Effect::Release),
        Step::AwaitRelease => Some(Effect::ReadRelease),
        Step::Verify => Some(Effect::Probe),
        Step::Open => Some(Effect::Open),
        Step::SetTraffic => Some(Effect::SetTraffic(weights(next))),
        Step::AwaitTraffic => Some(Effect::ReadTraffic(weights(next))),
        Step::Watch => closed_window(next, at).map(Effect::ReadWindow),
        Step::Retire => Some(Effect::Retire { keep: next.revision_name() }),
        Step::Restore => Some(Effect::Restore),
        Step::AwaitRestore => Some(Effect::ReadRestore),
    }
}

/// Percent for the new revision at the present index.
pub(super) fn weight(next: &Deployment) -> u32 {
    let first = next.last_good.is_none();
    let whole = first || next.strategy != Strategy::Canary;
    if whole { 100 } else { next.policy.weights.get(next.canary.index).copied().unwrap_or(100).min(100) }
}

/// The weights at the present index, those above 0.
pub(super) fn weights(next: &Deployment) -> BTreeMap<String, u32> {
    let share = weight(next);
    let mut weights = BTreeMap::from([(next.revision_name(), share)]);
    weights.retain(|_, percent| *percent > 0);
    if let Some(good) = next.last_good.as_ref().filter(|_| share < 100) {
        weights.insert(good.revision.clone(), 100 - share);
    }
    weights
}

/// Waits for something that a message or this time will tell.
pub(super) fn wait(mut next: Deployment, at: &At<'_>, ms: i64) -> Transition {
    next.lease = None;
    next.next_due = Some(at.now.plus(ms));
    commit(next)
}

/// It waits for its turn: that is no failure, and said once for each change of the queue.
pub(super) fn queue(mut next: Deployment, at: &At<'_>, reason: &str, ms: i64) -> Transition {
    if next.waits.as_deref() != Some(reason) {
        next.waits = Some(reason.to_owned());
        say(&mut next, at, reason);
    }
    wait(next, at, ms)
}

/// A failure as it is stored; its stage is the one that is open.
pub(super) fn failure_of(fault: &Fault, stage: Stage) -> Failure {
    Failure { stage, code: fault.code.clone(), message: fault.message.clone(), hint: fault.hint.clone() }
}

/// Ends in failure: at once while nothing was begun outside, by way of `Restore` after that.
pub(super) fn fail(mut next: Deployment, at: &At<'_>, mut failure: Failure) -> Transition {
    failure.stage = next.stages.last().map_or(failure.stage, |time| time.stage);
    let text = failure.message.clone();
    next.failure = Some(failure);
    match next.step {
        Step::Queue | Step::Scan | Step::Analyze => rest(next, at, Ending::Failed, text),
        Step::StartBuild
        | Step::AwaitBuild
        | Step::Release
        | Step::AwaitRelease
        | Step::Verify
        | Step::Open
        | Step::SetTraffic
        | Step::AwaitTraffic
        | Step::Watch
        | Step::Retire
        | Step::Restore
        | Step::AwaitRestore
        | Step::Rest => take_back(next, at, Ending::Failed, text),
    }
}

/// Milliseconds for which somebody is still at work, if somebody is.
pub(super) fn busy(next: &Deployment, at: &At<'_>) -> Option<i64> {
    let alive = |lease: &&Lease| lease.until > at.real && !(at.alone && lease.owner != at.owner);
    next.lease.as_ref().filter(alive).map(|lease| lease.until.since(at.real))
}

/// On the way to an end other than success: traffic goes back first, as soon as what is under way has ended.
pub(super) fn take_back(
    mut next: Deployment,
    at: &At<'_>,
    ending: Ending,
    text: impl Into<String>,
) -> Transition {
    next.ending = Some(ending);
    next.canary.held = None;
    let under_way = busy(&next, at).zip(next.lease.clone());
    begin(&mut next, at, Step::Restore);
    say(&mut next, at, text);
    let Some((left, lease)) = under_way else { return act(next, at) };
    next.lease = Some(lease);
    next.next_due = Some(at.now.plus(left));
    next.outbox.push(Message::about(kind::DEPLOYMENT_DUE, &next.tenant, &next.id));
    commit(next)
}

/// Comes to rest.
pub(super) fn rest(mut next: Deployment, at: &At<'_>, ending: Ending, text: impl Into<String>) -> Transition {
    let status = match ending {
        Ending::Failed => Status::Failed,
        Ending::SecurityFailed => Status::SecurityFailed,
        Ending::Cancelled => Status::Cancelled,
        Ending::Superseded => Status::Superseded,
        Ending::RolledBack => Status::RolledBack,
    };
    // Whoever only ever queued never had the slot; freeing is by id, so it does no harm.
    settle(&mut next, at, status, text);
    Transition { slot: Slot::Free, ..commit(next) }
}

/// Comes to rest after the target confirmed that traffic is back.
pub(super) fn rest_back(
    next: Deployment,
    at: &At<'_>,
    ending: Ending,
    text: impl Into<String>,
) -> Transition {
    Transition { slot: Slot::Back, ..rest(next, at, ending, text) }
}

/// Only the new revision runs on: done.
pub(super) fn done(next: Deployment, at: &At<'_>) -> Transition {
    let text = match next.released.as_ref() {
        Some(released) => format!("Deployed: {} serves all traffic at {}", released.revision, released.url),
        None => "Deployed".to_owned(),
    };
    deployed(next, at, text)
}

/// Comes to rest in success: this revision serves all traffic.
fn deployed(mut next: Deployment, at: &At<'_>, text: impl Into<String>) -> Transition {
    let kept = Kept {
        revision: next.revision_name(),
        deployment: next.id.clone(),
        decision: next.decision.clone(),
        commit: next.commit.clone(),
        since: at.now,
    };
    settle(&mut next, at, Status::Deployed, text);
    Transition { slot: Slot::Serve(kept), ..commit(next) }
}

pub(super) fn settle(next: &mut Deployment, at: &At<'_>, status: Status, text: impl Into<String>) {
    close_stage(next, at.real);
    (next.status, next.step, next.progress) = (status, Step::Rest, 100);
    (next.lease, next.tries, next.ended_at, next.canary.held) = (None, 0, Some(at.real), None);
    (next.waits, next.scanning) = (None, None);
    next.next_due = Some(at.now.plus(MINUTE_MS));
    next.log_since = next.stages.iter().any(|time| time.stage == Stage::Build).then_some(at.real);
    next.outbox.push(Message::about(kind::DEPLOYMENT_ENDED, &next.tenant, &next.id));
    say(next, at, text);
}
