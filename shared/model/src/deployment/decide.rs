//! `decide`: status by status, input by input.

#![expect(clippy::match_same_arms, reason = "each input has its own line, also where the answer is the same")]

use super::{
    Answer, At, Effect, Input, Outcome, Slot, Transition, again, await_target, build,
    enter::{act, busy, commit, effect, enter, queue, refused, rest, take_back, unchanged},
    late, restore,
    retry::{failed_try, lost},
    scan, shift, verify,
    window::{closed_window, settles_in},
};
use crate::{
    document::{CarriedOutBy, Deployment, Ending, Kept, Status, Step},
    time::{MINUTE_MS, SECOND_MS},
};

/// How often a deployment that waits for another is looked at, should nobody tell it that it may run.
const QUEUE_PACE_MS: i64 = 10 * MINUTE_MS;

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
        | Status::RolledBack => ended(next, input, at),
    }
}

/// Accepted; waits for the service to be free, or for the first message.
fn pending(mut next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake if next.step == Step::Queue => queued(next, at),
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
        Input::Promote { .. } | Input::Pause | Input::Resume => refused("It has not begun to shift traffic"),
        Input::LetGo => refused("It has not begun; cancel it instead"),
        Input::Result { .. } => unchanged(Answer::Unchanged),
    }
}

/// Still waits. What was owed has gone out, and once that is so it is looked at only rarely.
fn queued(mut next: Deployment, at: &At<'_>) -> Transition {
    if next.next_due.is_some_and(|due| due > at.now) {
        return unchanged(Answer::Unchanged);
    }
    next.next_due = Some(at.now.plus(QUEUE_PACE_MS));
    commit(next)
}

/// From the scan to the probe: no traffic is on the new revision yet.
fn preparing(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => wake(next, at),
        Input::Result { step, attempt, outcome } => result(next, step, attempt, outcome, at),
        Input::Cancel => take_back(next, at, Ending::Cancelled, "Cancelling"),
        Input::Supersede => awaited(next),
        Input::Granted { .. } => unchanged(Answer::Unchanged),
        Input::Rollback { to } => roll_back(next, to, at),
        Input::Promote { .. } | Input::Pause | Input::Resume => refused("It has not begun to shift traffic"),
        Input::LetGo => refused("It is not on its way back; cancel it instead"),
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
        Input::Supersede => awaited(next),
        Input::Granted { .. } => unchanged(Answer::Unchanged),
        Input::Rollback { to } => roll_back(next, to, at),
        Input::Promote { index } if index == next.canary.index && next.step == Step::Watch => {
            shift::advance(next, at, "Promoted by hand".to_owned())
        }
        Input::Promote { .. } => unchanged(Answer::Unchanged),
        Input::Pause => shift::pause(next, at),
        Input::Resume => shift::resume(next, at),
        Input::LetGo => refused("It is not on its way back; cancel it or roll it back instead"),
    }
}

/// On the way back; only the target's word ends it, or a person who has it given up.
fn rolling_back(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => wake(next, at),
        Input::Result { step: step @ (Step::Restore | Step::AwaitRestore), attempt, outcome } => {
            result(next, step, attempt, outcome, at)
        }
        Input::Result { step, outcome, .. } => late::overtaken(next, step, outcome, at),
        Input::Rollback { to: Some(to) } if restore::leads_elsewhere(&next, &to) => {
            roll_back(next, Some(to), at)
        }
        Input::Cancel | Input::Supersede | Input::Rollback { .. } | Input::Granted { .. } => {
            unchanged(Answer::Unchanged)
        }
        Input::LetGo if next.tries == 0 => {
            refused("It is on its way back, and nothing about that has failed yet; wait for it")
        }
        Input::LetGo => restore::let_go(next, at),
        Input::Promote { .. } | Input::Pause | Input::Resume => refused("It is on its way back"),
    }
}

/// It runs and a newer one has come, which waits: from now on nothing holds this one, and whatever would hold it
/// takes it back.
fn awaited(mut next: Deployment) -> Transition {
    if next.awaited {
        return unchanged(Answer::Unchanged);
    }
    next.awaited = true;
    commit(next)
}

/// It serves, or did until a later one came.
fn serving(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    match input {
        Input::Wake => flush(next, at),
        Input::Cancel | Input::Rollback { .. } | Input::Promote { .. } | Input::Pause | Input::Resume
            if next.carried_out_by == CarriedOutBy::Customer =>
        {
            refused("You carry this deployment out yourself; Sextant has no hand on its traffic")
        }
        Input::Rollback { to: Some(to) } if to.revision != next.revision_name() => {
            let transition = roll_back(next, Some(to), at);
            Transition { slot: Slot::Take, ..transition }
        }
        Input::Rollback { .. } => {
            refused("No earlier revision of this service is kept that traffic could go back to")
        }
        Input::Cancel => refused("It is deployed already; roll it back instead"),
        Input::Promote { .. } | Input::Pause | Input::Resume => refused("It serves all traffic already"),
        Input::LetGo => refused("It is not on its way back"),
        Input::Result { .. } | Input::Supersede | Input::Granted { .. } => unchanged(Answer::Unchanged),
    }
}

/// At rest without serving.
fn ended(next: Deployment, input: Input, at: &At<'_>) -> Transition {
    let status = next.status.as_str();
    match input {
        Input::Wake => flush(next, at),
        Input::Result { outcome, .. } => late::left_over(&next, &outcome),
        Input::Cancel | Input::Supersede | Input::Granted { .. } => unchanged(Answer::Unchanged),
        Input::Rollback { .. } | Input::Promote { .. } | Input::Pause | Input::Resume | Input::LetGo => {
            refused(&format!("It has ended ({status}); deploy again"))
        }
    }
}

/// Woken at rest: once the outbox owes nothing and nothing is left over, nothing is due any more; until then it stays
/// due.
fn flush(mut next: Deployment, at: &At<'_>) -> Transition {
    if next.outbox.is_empty() && next.next_due.is_none() {
        return unchanged(Answer::Unchanged);
    }
    next.next_due = (!next.outbox.is_empty() || next.left_over).then(|| at.now.plus(MINUTE_MS));
    commit(next)
}

/// Woken with something to do: unless somebody is at it, or it is too early, do it (again, with the same key).
fn wake(next: Deployment, at: &At<'_>) -> Transition {
    if let Some(left) = busy(&next, at) {
        return unchanged(Answer::Wait(at.now.plus(left)));
    }
    if next.lease.is_some() {
        return lost(next, at);
    }
    match next.step {
        Step::Watch => match closed_window(&next, at) {
            Some(window) => only(Effect::ReadWindow(window)),
            None => unchanged(Answer::Wait(at.now.plus(settles_in(&next, at).max(1)))),
        },
        Step::AwaitBuild | Step::AwaitRelease | Step::Verify | Step::AwaitTraffic | Step::AwaitRestore => {
            effect(&next, at).map_or_else(|| unchanged(Answer::Unchanged), only)
        }
        Step::Queue
        | Step::Scan
        | Step::Analyze
        | Step::StartBuild
        | Step::Release
        | Step::Open
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

/// A result of another step or attempt is late, or a repeat; one that its step can't have is nobody's: neither
/// changes anything.
fn result(next: Deployment, step: Step, attempt: u32, outcome: Outcome, at: &At<'_>) -> Transition {
    if next.step == step && next.attempt == attempt && late::fits(step, &outcome) {
        advance(next, outcome, at)
    } else {
        unchanged(Answer::Unchanged)
    }
}

/// The present step came to something.
fn advance(mut next: Deployment, outcome: Outcome, at: &At<'_>) -> Transition {
    next.lease = None;
    let back = matches!(next.step, Step::Restore | Step::AwaitRestore);
    next.tries = if matches!(outcome, Outcome::Fault(_)) || back { next.tries } else { 0 };
    match outcome {
        Outcome::Scanning { archive, scanning } => scan::goes_on(next, at, &archive.manifest, scanning),
        Outcome::Scanned { archive, scan, checks } => scan::passed(next, at, *archive, *scan, checks),
        Outcome::Rejected { failure, archive, scan } => scan::stopped(next, at, failure, *archive, *scan),
        Outcome::Analyzed { plan, decision, summary, checks } => {
            next.checks.extend(checks);
            again::analyzed(next, at, *plan, decision, &summary)
        }
        Outcome::BuildStarted => build::await_end(next, at),
        Outcome::BuildRead(state) => build::read(next, state, at),
        Outcome::ReleasePending { why } => await_target::release(next, at, &why),
        Outcome::ReleaseUnknown => await_target::release_lost(next, at),
        Outcome::Released { released, traffic } => {
            let how = if released.closed { "closed" } else { "without traffic" };
            let text = format!("{} is up {how}. Probing it", released.revision);
            (next.released, next.traffic) = (Some(released), Some(traffic));
            enter(next, at, Step::Verify, text)
        }
        Outcome::Probed { probe, before } if probe.healthy => shift::start(next, at, &probe.detail, before),
        Outcome::Probed { probe, .. } => verify::unhealthy(next, at, &probe),
        Outcome::TrafficPending { why } if back => restore::pending(next, at, &why),
        Outcome::TrafficPending { why } => await_target::traffic(next, at, &why),
        Outcome::TrafficUnknown if back => restore::again(next, at),
        Outcome::TrafficUnknown => await_target::traffic_lost(next, at),
        Outcome::Opened(traffic) => shift::opened(next, at, traffic),
        Outcome::TrafficSet(traffic) => shift::serving(next, at, traffic),
        Outcome::TrafficMoved(traffic) if back => restore::not_back(next, at, &traffic),
        Outcome::TrafficMoved(traffic) => shift::moved(next, at, &traffic),
        Outcome::WindowSeen(seen) => shift::window(next, at, seen),
        Outcome::Retired => super::enter::done(next, at),
        Outcome::Restored(traffic) => restore::restored(next, at, traffic),
        Outcome::Waits { reason } => queue(next, at, &reason, SECOND_MS),
        Outcome::Fault(fault) if back => restore::failed(next, at, &fault),
        Outcome::Fault(fault) if again::lacks_artifact(&next, &fault) => again::build_instead(next, at),
        Outcome::Fault(fault) => failed_try(next, at, &fault),
    }
}

fn roll_back(mut next: Deployment, to: Option<Kept>, at: &At<'_>) -> Transition {
    if to.as_ref().is_some_and(|to| to.revision == next.revision_name()) {
        return refused("This is the revision that is being taken back; name an earlier one");
    }
    next.last_good = to.or(next.last_good);
    let text = match &next.last_good {
        Some(good) => format!("Rolling back by hand to {}", good.revision),
        None => "Rolling back by hand: nothing served before".to_owned(),
    };
    take_back(next, at, Ending::RolledBack, text)
}
