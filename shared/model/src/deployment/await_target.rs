//! Operations that the target takes its time for: a release, a change of traffic. Started once, read until they end.
//!
//! Invariant: a wait tells its reason once, and is looked at by one timer after the other, at a pace that slows down.
//! One that the target has lost is started again under the same key, so that it is done once whoever was right.

use super::{
    Answer, At, Transition,
    enter::{fail, say, unchanged, wait},
    retry::failed_try,
};
use crate::{
    deployment::Fault,
    document::{Deployment, Failure, Stage, Step},
    time::{MINUTE_MS, SECOND_MS},
};

/// How long an operation may take before it counts as failed: Cloud Run gives a revision 4 minutes to start, and is at
/// times slow to begin.
const LONGEST_MS: i64 = 15 * MINUTE_MS;
/// The pace of looking: half of the time that has passed, within these.
const PACE_MS: (i64, i64) = (2 * SECOND_MS, 30 * SECOND_MS);

/// The release is under way.
pub(super) fn release(next: Deployment, at: &At<'_>, why: &str) -> Transition {
    pending(next, at, Step::AwaitRelease, Stage::Release, why)
}

/// The target knows nothing of the release: it is ordered again.
pub(super) fn release_lost(mut next: Deployment, at: &At<'_>) -> Transition {
    next.step = Step::Release;
    failed_try(next, at, &lost("release"))
}

/// The change of traffic is under way.
pub(super) fn traffic(next: Deployment, at: &At<'_>, why: &str) -> Transition {
    pending(next, at, Step::AwaitTraffic, Stage::Shift, why)
}

/// The target knows nothing of the change of traffic: it is asked for again.
pub(super) fn traffic_lost(mut next: Deployment, at: &At<'_>) -> Transition {
    next.step = Step::SetTraffic;
    failed_try(next, at, &lost("change of traffic"))
}

fn lost(what: &str) -> Fault {
    Fault {
        transient: true,
        code: "operation_lost".to_owned(),
        message: format!("The target knows nothing of the {what} that was started"),
        hint: "Look at the target, then deploy again.".to_owned(),
        gone: None,
    }
}

/// People are being let in: asked again, under the same key.
pub(super) fn opening(next: Deployment, at: &At<'_>) -> Transition {
    let passed = next.step_age_ms(at.real);
    if passed >= LONGEST_MS {
        return timed_out(next, at, Stage::Shift, "nobody is let in to the new revision yet");
    }
    wait(next, at, pace(passed))
}

fn pending(next: Deployment, at: &At<'_>, step: Step, stage: Stage, why: &str) -> Transition {
    let passed = next.step_age_ms(at.real);
    if passed >= LONGEST_MS {
        return timed_out(next, at, stage, why);
    }
    let text = format!("Waiting: {}", why.trim_end_matches('.'));
    look_again(next, at, step, text, passed)
}

/// Waits for the next look, which is the only one: whoever comes early is told to come then, so that looks don't
/// multiply. The reason is said once.
pub(super) fn look_again(
    mut next: Deployment,
    at: &At<'_>,
    step: Step,
    text: String,
    passed_ms: i64,
) -> Transition {
    if next.step == step
        && let Some(due) = next.next_due.filter(|due| *due > at.now)
    {
        return unchanged(Answer::Wait(due));
    }
    if next.step != step {
        next.step = step;
        say(&mut next, at, text);
    }
    wait(next, at, pace(passed_ms))
}

fn pace(passed_ms: i64) -> i64 {
    (passed_ms / 2).clamp(PACE_MS.0, PACE_MS.1)
}

fn timed_out(next: Deployment, at: &At<'_>, stage: Stage, why: &str) -> Transition {
    let minutes = LONGEST_MS / MINUTE_MS;
    let message = format!("The target did not get done within {minutes} min: {}", why.trim_end_matches('.'));
    let hint = "Look at the target for what keeps it, then deploy again.".to_owned();
    fail(next, at, Failure { stage, code: "operation_timed_out".to_owned(), message, hint })
}
