//! What failed in passing, and whoever died at it: the same effect again, with the same key, but not for ever.

use super::{
    At, Fault, Transition,
    enter::{act, done, fail, failure_of, say, wait},
};
use crate::{
    document::{Deployment, Stage, Step},
    time::{MINUTE_MS, SECOND_MS},
};

/// Tries of one step before a passing failure counts as lasting.
pub(super) const MOST_TRIES: u32 = 6;

/// A passing failure: the same effect again, with the same key, after a back-off; a lasting one ends it.
pub(super) fn failed_try(mut next: Deployment, at: &At<'_>, fault: &Fault) -> Transition {
    next.tries = next.tries.saturating_add(1);
    if !fault.transient || next.tries >= MOST_TRIES {
        return give_up(next, at, fault);
    }
    again_later(next, at, &fault.message)
}

/// The same again after a back-off. Something that is tried for very long says so more and more rarely: its story must
/// not push out what came before.
pub(super) fn again_later(mut next: Deployment, at: &At<'_>, why: &str) -> Transition {
    let pause = (SECOND_MS << next.tries.min(6)).min(MINUTE_MS);
    if next.tries <= MOST_TRIES || next.tries.is_power_of_two() {
        let what = why.trim_end_matches('.');
        say(&mut next, at, format!("{what}; trying again in {} s", pause / SECOND_MS));
    }
    wait(next, at, pause)
}

/// A lasting failure, but for the tidying up after a shift that succeeded: the next deployment tidies up again.
fn give_up(mut next: Deployment, at: &At<'_>, fault: &Fault) -> Transition {
    if next.step == Step::Retire {
        next.checks.push(format!("earlier revisions could not be stopped: {}", fault.message));
        return done(next, at);
    }
    fail(next, at, failure_of(fault, Stage::Validate))
}

/// Whoever was at it died: the same effect again, with the same key, but not for ever.
pub(super) fn lost(mut next: Deployment, at: &At<'_>) -> Transition {
    next.lease = None;
    next.tries = next.tries.saturating_add(1);
    if next.tries < MOST_TRIES || next.step == Step::Restore {
        return act(next, at);
    }
    let fault = Fault {
        transient: false,
        code: "worker_lost".to_owned(),
        message: format!("Whoever worked on this step died {MOST_TRIES} times"),
        hint: "Look at Sextant's own log for what ended it, and at the app for what may have.".to_owned(),
        gone: None,
    };
    give_up(next, at, &fault)
}
