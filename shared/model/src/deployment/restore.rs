//! The way back: confirmed by the target, tried again, found impossible, or given up by a person. It always ends.
//!
//! Invariant: "back" is the target's word. What the target has lost (the service, the revision, its key) ends the
//! deployment with a sentence that says so, and is forgotten, so that nobody is sent there again.

use super::{
    At, Fault, Slot, Transition,
    await_target::look_again,
    enter::{commit, failure_of, rest, rest_back, settle},
    retry::again_later,
    shift::shares,
};
use crate::{
    document::{Deployment, Ending, Failure, Kept, Stage, Status, Step},
    port::target::{Gone, Traffic},
    time::DAY_MS,
};

/// Code of the fault that says that the target could not do what it was asked for under this key, and never will.
pub const RESTORE_REFUSED: &str = "restore_refused";

/// How long a way back that fails in passing is tried. A bad release must go as soon as the target answers again, so
/// that is long; a person can have it given up at any time.
const LONGEST_MS: i64 = DAY_MS;

/// Whether a command on the way back names another revision than the one that it leads to.
pub(super) fn leads_elsewhere(next: &Deployment, to: &Kept) -> bool {
    let known = next.last_good.as_ref().map(|good| good.revision.as_str());
    known != Some(to.revision.as_str()) && to.revision != next.revision_name()
}

/// Whether these weights are what a way back leads to.
fn is_back(next: &Deployment, traffic: &Traffic) -> bool {
    match &next.last_good {
        Some(good) => !traffic.closed && traffic.weights.get(&good.revision) == Some(&100),
        None => traffic.closed || !traffic.weights.contains_key(&next.revision_name()),
    }
}

/// The target is at it.
pub(super) fn pending(next: Deployment, at: &At<'_>, why: &str) -> Transition {
    let passed = next.step_age_ms(at.real);
    if passed >= LONGEST_MS {
        return stuck(next, at, &timed_out(why));
    }
    let text = format!("Waiting for traffic to be back: {}", why.trim_end_matches('.'));
    look_again(next, at, Step::AwaitRestore, text, passed)
}

/// The target knows nothing of it: asked for again, under the same key.
pub(super) fn again(mut next: Deployment, at: &At<'_>) -> Transition {
    next.step = Step::Restore;
    next.tries = next.tries.saturating_add(1);
    again_later(next, at, "The target knows nothing of the way back that was started")
}

/// The next try has a key of its own.
fn anew(next: &mut Deployment) {
    next.restores = next.restores.max(next.attempt).saturating_add(1);
    (next.step, next.attempt) = (Step::Restore, next.restores);
}

/// The target does not confirm it: again, under a key of its own.
pub(super) fn not_back(mut next: Deployment, at: &At<'_>, traffic: &Traffic) -> Transition {
    anew(&mut next);
    let message = format!("The target reports other traffic than was set: {}", shares(traffic));
    let hint = "Somebody else may be changing it; it is set again until it stays.".to_owned();
    failed(
        next,
        at,
        &Fault { transient: true, code: "traffic_changed".to_owned(), message, hint, gone: None },
    )
}

/// It failed: again after a back-off, unless it can't ever succeed.
pub(super) fn failed(mut next: Deployment, at: &At<'_>, fault: &Fault) -> Transition {
    next.tries = next.tries.saturating_add(1);
    if let Some(gone) = fault.gone.clone() {
        return lost(next, at, fault, gone);
    }
    if !fault.transient || next.step_age_ms(at.real) >= LONGEST_MS {
        return stuck(next, at, fault);
    }
    if fault.code == RESTORE_REFUSED {
        anew(&mut next);
    }
    again_later(next, at, &fault.message)
}

/// The target confirms: traffic is where it was.
pub(super) fn restored(mut next: Deployment, at: &At<'_>, traffic: Traffic) -> Transition {
    if !is_back(&next, &traffic) {
        return not_back(next, at, &traffic);
    }
    next.traffic = Some(traffic.token);
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
    rest_back(next, at, ending, text)
}

/// A person has it given up. Whatever serves goes on serving.
pub(super) fn let_go(next: Deployment, at: &At<'_>) -> Transition {
    let last = next.timeline.last().map_or(String::new(), |entry| format!(" The last try: {}.", entry.text));
    let fault = Fault {
        transient: false,
        code: "restore_abandoned".to_owned(),
        message: format!("The way back was given up by hand, and traffic was left as it is.{last}"),
        hint: "See what serves now; deploy again, or roll back to a revision that is kept.".to_owned(),
        gone: None,
    };
    end(next, at, &fault, "Given up by hand; whatever serves goes on serving", Slot::Free)
}

/// The target has lost what the way back leads to. Where nothing served before, there is nothing to lose.
fn lost(next: Deployment, at: &At<'_>, fault: &Fault, gone: Gone) -> Transition {
    let Some(good) = &next.last_good else {
        let ending = next.ending.unwrap_or(Ending::Failed);
        return rest_back(
            next,
            at,
            ending,
            "The service is gone from the target, so nothing serves, as before",
        );
    };
    let good = good.revision.clone();
    let (code, what) = match &gone {
        Gone::Service => ("service_gone", "the service is gone from the target".to_owned()),
        Gone::Revision(_) => ("revision_gone", format!("{good} is gone from the target")),
        Gone::Key(_) => {
            ("key_gone", format!("the key to the secrets of {good} is gone, so it can't be started"))
        }
        Gone::Artifact(_) => ("artifact_gone", format!("what {good} was made from is gone")),
    };
    let fault = Fault {
        transient: false,
        code: code.to_owned(),
        message: format!("Traffic could not be brought back: {what}. {}", fault.message),
        hint: "Roll back to another revision that is kept, or deploy again.".to_owned(),
        gone: None,
    };
    let text = format!("There is no way back: {what}");
    end(next, at, &fault, &text, Slot::Lost(gone))
}

/// The way back is closed for good, for a reason that the target gives.
fn stuck(next: Deployment, at: &At<'_>, fault: &Fault) -> Transition {
    let message = format!("Traffic could not be brought back: {}.", fault.message.trim_end_matches('.'));
    let fault = Fault { code: "restore_failed".to_owned(), message, ..fault.clone() };
    end(next, at, &fault, "Traffic could not be brought back; look at the service now", Slot::Free)
}

/// Whatever serves now goes on serving; a deployment that had served before stays deployed, so that another way back
/// can be asked for.
fn end(mut next: Deployment, at: &At<'_>, fault: &Fault, text: &str, slot: Slot) -> Transition {
    let served = next.ended_at.is_some();
    let cause = next.failure.take().filter(|_| !served);
    let mut failure: Failure = failure_of(fault, Stage::Shift);
    if let Some(cause) = cause {
        failure.message = format!("{} It was to go back because: {}", failure.message, cause.message);
    }
    next.failure = Some(failure);
    if served {
        next.ending = None;
        settle(&mut next, at, Status::Deployed, text);
        return Transition { slot, ..commit(next) };
    }
    Transition { slot, ..rest(next, at, Ending::Failed, text) }
}

fn timed_out(why: &str) -> Fault {
    Fault {
        transient: false,
        code: "restore_failed".to_owned(),
        message: format!(
            "it is still under way after {} h: {}",
            LONGEST_MS / 3_600_000,
            why.trim_end_matches('.')
        ),
        hint: "Look at the target for what keeps it.".to_owned(),
        gone: None,
    }
}
