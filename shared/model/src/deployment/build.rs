//! The build: started once, awaited, read, and started again under a new key when the target has lost it.
//!
//! Invariant: a build that may still run is ended on the way to failure; one that is known to be over is not.

use super::{
    Answer, At, Effect, Transition,
    enter::{act, enter, fail, queue, rest, say, unchanged, wait},
};
use crate::{
    document::{Deployment, Ending, Failure, Stage, Step},
    port::target::BuildState,
    time::SECOND_MS,
};

/// What a build may take beyond its limit: the target ends it, and says so.
const GRACE_MS: i64 = 10 * SECOND_MS;
/// How often a build that waits for its turn is looked at; its end is announced besides.
const QUEUE_PACE_MS: i64 = 10 * SECOND_MS;

/// Waits for the end of the build, which a message announces.
pub(super) fn await_end(mut next: Deployment, at: &At<'_>) -> Transition {
    // The build's key was derived from this attempt, so the step changes and the attempt doesn't.
    (next.step, next.tries) = (Step::AwaitBuild, 0);
    let longest = next.limits.build_ms + GRACE_MS;
    // Its end may have been announced before this was written, to somebody who found the step still leased: look once.
    Transition { effect: at.can_act.then_some(Effect::ReadBuild), ..wait(next, at, longest) }
}

/// The build was read.
pub(super) fn read(mut next: Deployment, state: BuildState, at: &At<'_>) -> Transition {
    match state {
        BuildState::Queued { ahead, slots } => queued(next, at, ahead, slots),
        BuildState::Running => running(next, at),
        BuildState::Succeeded { artifact, duration_ms } => {
            (next.artifact, next.waits) = (Some(artifact), None);
            next.progress = 60;
            let seconds = duration_ms as f64 / 1000.0;
            enter(
                next,
                at,
                Step::Release,
                format!("Built in {seconds:.1} s. Releasing a revision without traffic"),
            )
        }
        BuildState::Failed { reason, tail, .. } => {
            let last = tail.last().map_or(String::new(), |line| format!(" The log ends with: {line}"));
            failed(
                next,
                at,
                build_failure(
                    format!("The build failed: {reason}.{last}"),
                    "Read the build log, mend it and deploy again.",
                ),
            )
        }
        BuildState::Unknown => {
            next.attempt += 1;
            if next.attempt > Deployment::BUILDS {
                return failed(
                    next,
                    at,
                    build_failure(
                        format!("The build was lost {} times", Deployment::BUILDS),
                        "Look at the target, then deploy again.",
                    ),
                );
            }
            next.build = Some(next.attempt);
            next.step = Step::StartBuild;
            say(&mut next, at, "The target knows nothing of the build; starting it again");
            act(next, at)
        }
    }
}

fn build_failure(message: String, hint: &str) -> Failure {
    Failure { stage: Stage::Build, code: "build_failed".to_owned(), message, hint: hint.to_owned() }
}

/// It waits for a slot. Looked at now and then, so that the time it may take begins when its turn has come.
fn queued(mut next: Deployment, at: &At<'_>, ahead: u32, slots: u32) -> Transition {
    let reason = crate::queue::waits(slots as usize, "builds", ahead as usize);
    if next.step == Step::AwaitBuild && next.waits.as_ref() == Some(&reason) {
        return unchanged(Answer::Wait(at.now.plus(QUEUE_PACE_MS)));
    }
    next.step = Step::AwaitBuild;
    queue(next, at, &reason, QUEUE_PACE_MS)
}

/// Still going: until its time is over. A due time that has passed moves on, so that it isn't read each minute.
fn running(mut next: Deployment, at: &At<'_>) -> Transition {
    if next.waits.take().is_some() {
        (next.step, next.step_since) = (Step::AwaitBuild, at.real);
        say(&mut next, at, "Its turn has come: building");
        if let Some(stage) = next.stages.last_mut() {
            stage.from = at.real;
        }
        let longest = next.limits.build_ms + GRACE_MS;
        return wait(next, at, longest);
    }
    let began = next.stages.last().map_or(at.real, |time| time.from);
    let allowed = i64::from(next.attempt).saturating_mul(next.limits.build_ms.saturating_add(GRACE_MS));
    let left = began.plus(allowed).since(at.real);
    if left <= 0 {
        let minutes = next.limits.build_ms / 60_000;
        let message = format!("The build did not end within {minutes} min");
        return fail(next, at, build_failure(message, "Make it faster, or allow it more time."));
    }
    if next.step == Step::AwaitBuild && next.next_due.is_some_and(|due| due > at.now) {
        return unchanged(Answer::Wait(at.now.plus(left)));
    }
    next.step = Step::AwaitBuild;
    wait(next, at, left)
}

/// The build is over and came to nothing: nothing outside is left to take back.
fn failed(mut next: Deployment, at: &At<'_>, failure: Failure) -> Transition {
    let text = failure.message.clone();
    next.failure = Some(failure);
    rest(next, at, Ending::Failed, text)
}
