//! `decide`: status by status, input by input.

#![expect(clippy::match_same_arms, reason = "each input has its own line, also where the answer is the same")]

use super::{
    Answer, At, Effect, Input, Outcome, Slot, Transition,
    enter::{
        act, closed_window, commit, effect, enter, fail, rest, say, settles_in, stumble, take_back,
        unchanged, wait,
    },
    shift,
};
use crate::{
    document::{Deployment, Ending, Failure, Kept, Stage, Status, Step},
    port::target::BuildState,
    time::SECOND_MS,
};

/// What becomes of a deployment when this happens to it. Pure, and total: every status answers every input.
pub fn decide(deployment: &Deployment, input: Input, at: &At<'_>) -> Transition {
    let next = deployment.clone();
    match deployment.status {
        Status::Pending => pending(next, input, at),
        Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying => preparing(next, input, at),
        Status::Shifting => shifting(next, input, at),
        Status::RollingBack => rolling_back(next, input, at),
        Status::Deployed => serving(next, input, at),
        Status::SecurityFailed
        | Status::Failed
        | Status::Cancelled
        | Status::Superseded
        | Status::RolledBack => ended(next, input),
    }
}

/// Accepted; waits for the service to be free, or for the first message.
fn pending(mut next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake if next.step == Step::Queue => unchanged(Answer::Unchanged),
        Input::Wake => enter(next, at, Step::Scan, "Fetching the source and checking it"),
        Input::Granted { last_good } => {
            next.last_good = last_good;
            enter(next, at, Step::Scan, "Fetching the source and checking it")
        }
        Input::Cancel => rest(next, at, Ending::Cancelled, "Cancelled before it began"),
        Input::Supersede => {
            rest(next, at, Ending::Superseded, "Superseded by a newer deployment before it began")
        }
        Input::Rollback { .. } => {
            refused("It has not begun, so there is nothing to roll back; cancel it instead")
        }
        Input::Promote { .. } | Input::Pause => refused("It has not begun to shift traffic"),
        Input::Result { .. } => unchanged(Answer::Unchanged),
    }
}

/// From the scan to the probe: no traffic is on the new revision yet.
fn preparing(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => wake(next, at),
        Input::Result { step, attempt, outcome } => result(next, step, attempt, outcome, at),
        Input::Cancel => take_back(next, at, Ending::Cancelled, "Cancelling"),
        // It runs; the newer one waits for it.
        Input::Supersede | Input::Granted { .. } => unchanged(Answer::Unchanged),
        Input::Rollback { .. } => take_back(next, at, Ending::RolledBack, "Rolling back by hand"),
        Input::Promote { .. } | Input::Pause => refused("It has not begun to shift traffic"),
    }
}

/// Traffic is moving.
fn shifting(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => wake(next, at),
        Input::Result { step, attempt, outcome } => result(next, step, attempt, outcome, at),
        Input::Cancel => {
            take_back(next, at, Ending::Cancelled, "Cancelling: traffic goes back to the last good revision")
        }
        Input::Supersede if next.canary.held.is_some() => take_back(
            next,
            at,
            Ending::Superseded,
            "Held and superseded by a newer deployment: traffic goes back",
        ),
        Input::Supersede | Input::Granted { .. } => unchanged(Answer::Unchanged),
        Input::Rollback { to } => roll_back(next, to, at),
        Input::Promote { index } if index == next.canary.index && next.step == Step::Watch => {
            shift::advance(next, at, "Promoted by hand".to_owned())
        }
        Input::Promote { .. } => unchanged(Answer::Unchanged),
        Input::Pause => shift::pause(next, at),
    }
}

/// On the way back; only the target's word ends it.
fn rolling_back(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => wake(next, at),
        Input::Result { step, attempt, outcome } => result(next, step, attempt, outcome, at),
        Input::Cancel | Input::Supersede | Input::Rollback { .. } | Input::Granted { .. } => {
            unchanged(Answer::Unchanged)
        }
        Input::Promote { .. } | Input::Pause => refused("It is on its way back"),
    }
}

/// It serves, or did until a later one came.
fn serving(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => flush(next),
        Input::Rollback { to: Some(to) } if to.revision != next.revision_name() => {
            let transition = roll_back(next, Some(to), at);
            Transition { slot: Slot::Take, ..transition }
        }
        Input::Rollback { .. } => {
            refused("No earlier revision of this service is kept that traffic could go back to")
        }
        Input::Cancel => refused("It is deployed already; roll it back instead"),
        Input::Promote { .. } | Input::Pause => refused("It serves all traffic already"),
        Input::Result { .. } | Input::Supersede | Input::Granted { .. } => unchanged(Answer::Unchanged),
    }
}

/// At rest without serving.
fn ended(next: Deployment, input: Input) -> Transition {
    let status = next.status.as_str();
    match input {
        Input::Wake => flush(next),
        Input::Cancel | Input::Supersede | Input::Result { .. } | Input::Granted { .. } => {
            unchanged(Answer::Unchanged)
        }
        Input::Rollback { .. } | Input::Promote { .. } | Input::Pause => {
            refused(&format!("It has ended ({status}); deploy again"))
        }
    }
}

/// Woken at rest: what the outbox still owes goes out again, then nothing is due any more.
fn flush(mut next: Deployment) -> Transition {
    if next.outbox.is_empty() && next.next_due.is_none() {
        return unchanged(Answer::Unchanged);
    }
    next.next_due = None;
    commit(next)
}

/// Woken with something to do: unless somebody is at it, or it is too early, do it (again, with the same key).
fn wake(next: Deployment, at: &At<'_>) -> Transition {
    let held =
        next.lease.as_ref().filter(|lease| lease.until > at.real && !(at.alone && lease.owner != at.owner));
    if let Some(lease) = held {
        return unchanged(Answer::Wait(at.now.plus(lease.until.since(at.real))));
    }
    match next.step {
        Step::Watch => match closed_window(&next, at) {
            Some(window) => only(Effect::ReadWindow(window)),
            None => unchanged(Answer::Wait(at.now.plus(settles_in(&next, at).max(1)))),
        },
        Step::Analyze | Step::AwaitBuild | Step::Verify => {
            effect(&next, at).map_or_else(|| unchanged(Answer::Unchanged), only)
        }
        Step::Queue
        | Step::Scan
        | Step::StartBuild
        | Step::Release
        | Step::SetTraffic
        | Step::Retire
        | Step::Restore
        | Step::Rest => act(next, at),
    }
}

/// An effect that only reads needs no write before it.
fn only(effect: Effect) -> Transition {
    Transition { effect: Some(effect), ..unchanged(Answer::Applied) }
}

/// A result of another step or attempt is late, or a repeat: it changes nothing.
fn result(next: Deployment, step: Step, attempt: u32, outcome: Outcome, at: &At<'_>) -> Transition {
    if next.step == step && next.attempt == attempt {
        advance(next, outcome, at)
    } else {
        unchanged(Answer::Unchanged)
    }
}

/// The present step came to something.
fn advance(mut next: Deployment, outcome: Outcome, at: &At<'_>) -> Transition {
    next.lease = None;
    match outcome {
        Outcome::Scanned { commit, mut checks } => {
            next.commit = Some(commit);
            next.checks.append(&mut checks);
            next.progress = 10;
            enter(next, at, Step::Analyze, "Nothing speaks against it. Finding out what it is")
        }
        Outcome::Rejected(failure) => {
            let text = failure.message.clone();
            next.failure = Some(failure);
            rest(next, at, Ending::SecurityFailed, text)
        }
        Outcome::Analyzed { plan, decision, summary } => {
            (next.plan, next.decision) = (Some(plan), Some(decision));
            enter(next, at, Step::StartBuild, format!("{summary}. Building"))
        }
        Outcome::BuildStarted => await_build(next, at),
        Outcome::BuildRead(state) => build(next, state, at),
        Outcome::Released { released, traffic } => {
            let text = format!("{} is up without traffic. Probing it", released.revision);
            (next.released, next.traffic) = (Some(released), Some(traffic));
            enter(next, at, Step::Verify, text)
        }
        Outcome::Probed(probe) if probe.healthy => shift::start(next, at, &probe.detail),
        Outcome::Probed(probe) => unhealthy(next, at, probe.dead, &probe.detail),
        Outcome::TrafficSet(traffic) => shift::serving(next, at, traffic),
        Outcome::TrafficMoved(traffic) => shift::moved(next, at, &traffic),
        Outcome::WindowSeen(seen) => shift::window(next, at, seen),
        Outcome::Retired => shift::done(next, at),
        Outcome::Restored(traffic) => restored(next, at, traffic.token),
        Outcome::Fault(fault) => stumble(next, at, &fault),
    }
}

fn await_build(mut next: Deployment, at: &At<'_>) -> Transition {
    // The build's key was derived from this attempt, so the step changes and the attempt doesn't.
    (next.step, next.tries) = (Step::AwaitBuild, 0);
    let longest = next.limits.build_ms + 10 * SECOND_MS;
    wait(next, at, longest)
}

fn build(mut next: Deployment, state: BuildState, at: &At<'_>) -> Transition {
    match state {
        BuildState::Running => {
            let began = next.stages.last().map_or(at.real, |time| time.from);
            let left = began.plus(next.limits.build_ms + 10 * SECOND_MS).since(at.real);
            if left > 0 {
                return unchanged(Answer::Wait(at.now.plus(left)));
            }
            let minutes = next.limits.build_ms / 60_000;
            fail(
                next,
                at,
                build_failure(
                    format!("The build did not end within {minutes} min"),
                    "Make it faster, or allow it more time.",
                ),
            )
        }
        BuildState::Succeeded { artifact, duration_ms } => {
            next.artifact = Some(artifact);
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
            fail(
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
            if next.attempt > 3 {
                return fail(
                    next,
                    at,
                    build_failure(
                        "The build was lost three times".to_owned(),
                        "Look at the target, then deploy again.",
                    ),
                );
            }
            let attempt = next.attempt;
            next.step = Step::StartBuild;
            say(&mut next, at, "The target knows nothing of the build; starting it again");
            next.attempt = attempt;
            act(next, at)
        }
    }
}

fn build_failure(message: String, hint: &str) -> Failure {
    Failure { stage: Stage::Build, code: "build_failed".to_owned(), message, hint: hint.to_owned() }
}

fn unhealthy(next: Deployment, at: &At<'_>, dead: bool, detail: &str) -> Transition {
    let began = next.stages.last().map_or(at.real, |time| time.from);
    let late = at.real.since(began) >= next.limits.verify_ms;
    if dead || late {
        let why = if dead {
            detail.to_owned()
        } else {
            format!("{detail}; waited {} s", next.limits.verify_ms / SECOND_MS)
        };
        return fail(
            next,
            at,
            Failure {
                stage: Stage::Verify,
                code: "probe_failed".to_owned(),
                message: format!("The new revision is not healthy: {why}"),
                hint: "It must listen on $PORT and answer its health path below 500; look at its log."
                    .to_owned(),
            },
        );
    }
    wait(next, at, SECOND_MS / 4)
}

fn roll_back(mut next: Deployment, to: Option<Kept>, at: &At<'_>) -> Transition {
    next.last_good = to.or(next.last_good);
    let text = match &next.last_good {
        Some(good) => format!("Rolling back by hand to {}", good.revision),
        None => "Rolling back by hand: nothing served before".to_owned(),
    };
    take_back(next, at, Ending::RolledBack, text)
}

/// The target confirms: traffic is where it was.
fn restored(mut next: Deployment, at: &At<'_>, token: crate::port::target::TrafficToken) -> Transition {
    next.traffic = Some(token);
    let back = match &next.last_good {
        Some(good) => format!("all traffic is on {}", good.revision),
        None => "nothing serves, as before".to_owned(),
    };
    let ending = next.ending.unwrap_or(Ending::Failed);
    let text = match ending {
        Ending::Failed => format!("Failed; {back}"),
        Ending::SecurityFailed => format!("Refused; {back}"),
        Ending::Cancelled => format!("Cancelled; {back}"),
        Ending::Superseded => format!("Superseded; {back}"),
        Ending::RolledBack => format!("Rolled back; {back}"),
    };
    rest(next, at, ending, text)
}

fn refused(why: &str) -> Transition {
    unchanged(Answer::Refused(why.to_owned()))
}
