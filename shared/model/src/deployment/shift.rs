//! The shift: what a window, a set weight or a person's word does to a canary.
//!
//! Invariant: no data is never success. A weight is passed on evidence, on a person's word, or on thin evidence
//! that the report names as such.

use super::{
    Answer, At, Before, Effect, Transition, Verdict, WindowSeen, await_target,
    enter::{commit, enter, enter_quietly, refused, say, take_back, unchanged, wait, weight, weights},
    window::window_ms,
};
use crate::{
    document::{
        CanaryRun, Counts, Deployment, Ending, Failure, Stage, Step, Strategy, ThinEvidence, WithoutTraffic,
    },
    message::{Message, kind},
    port::target::Traffic,
    time::{MINUTE_MS, SECOND_MS},
};

/// Windows in a row that may be unreadable before it is held.
pub const MOST_UNREADABLE: u32 = 4;
/// While held, a window is looked at no more often than this; a guard still ends it.
const HELD_PACE_MS: i64 = 30 * SECOND_MS;

/// The first weight, after the revision proved healthy.
pub(super) fn start(mut next: Deployment, at: &At<'_>, proof: &str, before: Option<Before>) -> Transition {
    next.canary = CanaryRun::default();
    next.checks.push(format!("health: {proof}"));
    if next.last_good.is_none() {
        next.checks.push("nothing served before it, so there was nothing to compare it with".to_owned());
    }
    if next.released.as_ref().is_some_and(|released| released.closed) {
        return enter(next, at, Step::Open, format!("Healthy: {proof}. Opening it, with all traffic"));
    }
    match before.filter(|_| next.strategy == Strategy::Canary && next.last_good.is_some()) {
        Some(before) if is_quiet(&before) && next.policy.without_traffic == WithoutTraffic::Probe => {
            unasked(next, at, proof, before)
        }
        Some(before) => {
            let share = weight(&next);
            let text = format!("Healthy: {proof}. {}. Shifting {share} % of traffic to it", before.outlook);
            next.canary.outlook = before.outlook;
            enter(next, at, Step::SetTraffic, text)
        }
        None => {
            let share = weight(&next);
            let text = format!("Healthy: {proof}. Shifting {share} % of traffic to it");
            enter(next, at, Step::SetTraffic, text)
        }
    }
}

/// Whether it is known that nobody comes. What nobody counted may have come; requests of our own tell all the same.
fn is_quiet(before: &Before) -> bool {
    before.requests == 0 && (before.counted || before.asked.is_some())
}

fn span(ms: i64) -> String {
    if ms >= 2 * MINUTE_MS { format!("{} min", ms / MINUTE_MS) } else { format!("{} s", ms / SECOND_MS) }
}

/// No request has come before: what decides at once is the health check, or requests of our own. Where those are not clear
/// enough, the canary begins and waits for others.
fn unasked(mut next: Deployment, at: &At<'_>, proof: &str, before: Before) -> Transition {
    let lead = format!("Healthy: {proof}. ");
    let why = format!("No request has come in the last {}, so", span(before.span_ms));
    let Some(asked) = before.asked else {
        return quiet(next, at, &lead, &format!("{why} its health check decides at once"));
    };
    let words = asked.evidence.words.clone();
    next.canary.synthetic = Some(asked.evidence);
    match asked.verdict {
        Verdict::Pass => quiet(next, at, &lead, &format!("{why} synthetic requests decide at once: {words}")),
        Verdict::Fail => blame(next, at, format!("{}. Taking it back", capitalised(&words))),
        Verdict::Inconclusive | Verdict::Error => {
            let share = weight(&next);
            next.checks.push(format!("not clear enough: {words}"));
            let text = format!(
                "{lead}{words}: not clear enough to go on at once. Shifting {share} % of traffic to it"
            );
            enter(next, at, Step::SetTraffic, text)
        }
    }
}

/// Nothing comes that a canary could be judged by: all traffic at once, as nothing else can tell.
fn quiet(mut next: Deployment, at: &At<'_>, lead: &str, why: &str) -> Transition {
    (next.canary.thin, next.canary.quiet) = (true, true);
    next.canary.index = next.policy.weights.len().saturating_sub(1);
    why.clone_into(&mut next.canary.reason);
    let by = if next.canary.synthetic.is_some() { "synthetic requests" } else { "its health check" };
    next.checks.push(format!("by {by} alone: {why}"));
    enter(next, at, Step::SetTraffic, format!("{lead}{why}. Shifting 100 % of traffic to it"))
}

/// People are let in to the first revision, which had all traffic while it was closed.
pub(super) fn opened(mut next: Deployment, at: &At<'_>, traffic: Traffic) -> Transition {
    if let Some(released) = &mut next.released {
        released.closed = traffic.closed;
    }
    if traffic.closed {
        return await_target::opening(next, at);
    }
    serving(next, at, traffic)
}

/// The weight serves: watch it, or be done.
pub(super) fn serving(mut next: Deployment, at: &At<'_>, traffic: Traffic) -> Transition {
    if traffic.weights != weights(&next) {
        return moved(next, at, &traffic);
    }
    next.traffic = Some(traffic.token);
    let share = weight(&next);
    if next.strategy == Strategy::Instant || next.canary.quiet {
        next.progress = 98;
        return enter_quietly(next, at, Step::Retire);
    }
    let run = &mut next.canary;
    (run.since, run.seen_to, run.windows, run.requests) = (at.real, at.real, 0, 0);
    // The attempt stays: it tells the windows of one weight from those of the next.
    next.step = Step::Watch;
    next.progress = next.progress.max(88 + (share / 10) as u8);
    say(&mut next, at, format!("{share} % of traffic is on the new revision"));
    let pause = at.window.lag_ms + window_ms(&next, at);
    wait(next, at, pause)
}

/// Weights in words.
pub(super) fn shares(traffic: &Traffic) -> String {
    let shares: Vec<String> =
        traffic.weights.iter().map(|(revision, percent)| format!("{revision} {percent} %")).collect();
    if shares.is_empty() { "nothing serves".to_owned() } else { shares.join(", ") }
}

/// Somebody else moved traffic: theirs is left as it is. Our revision is stopped unless they gave it some.
pub(super) fn moved(mut next: Deployment, at: &At<'_>, traffic: &Traffic) -> Transition {
    next.traffic = Some(traffic.token.clone());
    next.failure = Some(Failure {
        stage: Stage::Shift,
        code: "traffic_changed".to_owned(),
        message: format!(
            "Somebody else changed the traffic of `{}` meanwhile; it is left as it is now: {}",
            next.service,
            shares(traffic)
        ),
        hint: "Deploy again once nobody else is changing it, or roll back by name.".to_owned(),
    });
    let effect = at.can_act.then(|| Effect::Discard { revision: next.revision_name() });
    let rest = super::enter::rest(next, at, Ending::Failed, "Stopped: somebody else changed the traffic");
    Transition { effect, ..rest }
}

/// A window was read.
pub(super) fn window(mut next: Deployment, at: &At<'_>, seen: WindowSeen) -> Transition {
    if seen.window.from != next.canary.seen_to {
        return unchanged(Answer::Unchanged);
    }
    let spans = seen.window.to.since(seen.window.from) / window_ms(&next, at);
    absorb(&mut next.canary, &seen, u32::try_from(spans).unwrap_or(u32::MAX).max(1));
    if let Some(guard) = seen.guard {
        return blame(next, at, format!("{guard}. Taking it back"));
    }
    if let Some(asked) = &seen.asked {
        next.canary.synthetic = Some(asked.evidence.clone());
        if asked.verdict == Verdict::Fail {
            return blame(next, at, format!("{}. Taking it back", capitalised(&asked.evidence.words)));
        }
    }
    match seen.verdict {
        Verdict::Fail => blame(next, at, format!("{}. Taking it back", capitalised(&seen.reason))),
        Verdict::Error => unreadable(next, at, &seen.reason),
        Verdict::Pass if next.canary.held.is_none() => advance(next, at, format!("Passed: {}", seen.reason)),
        Verdict::Inconclusive if has_stopped(&next, &seen) => {
            let proof = match &seen.asked {
                Some(asked) => asked.evidence.words.clone(),
                None => "its own address answers".to_owned(),
            };
            let why = format!("Traffic has stopped, none of the requests to it failed, and {proof}");
            quiet(next, at, "", &why)
        }
        Verdict::Inconclusive
            if next.canary.held.is_none() && next.is_late(next.canary.seen_to, window_ms(&next, at)) =>
        {
            thin(next, at, &seen)
        }
        Verdict::Pass | Verdict::Inconclusive => next_window(next, at),
    }
}

/// Nothing comes any more, nothing that came failed, and the probe has the last word where the policy lets it, or requests
/// of our own.
fn has_stopped(next: &Deployment, seen: &WindowSeen) -> bool {
    let answers = match &seen.asked {
        Some(asked) => asked.verdict == Verdict::Pass,
        None => seen.probe == Some(true) && next.policy.synthetic.is_none(),
    };
    let well = next.canary.counts.canary_bad == 0 && seen.against.is_none() && answers;
    let may = next.policy.without_traffic == WithoutTraffic::Probe && next.canary.held.is_none();
    seen.idle && well && may
}

/// A sentence begins with it.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What was seen in `spans` windows, read as one.
fn absorb(run: &mut CanaryRun, seen: &WindowSeen, spans: u32) {
    run.seen_to = seen.window.to;
    run.windows = run.windows.saturating_add(spans);
    run.unreadable = if seen.verdict == Verdict::Error { run.unreadable + 1 } else { 0 };
    run.requests += seen.counts.canary_requests;
    run.counts += &seen.counts;
    run.test = seen.test.clone();
    run.reason.clone_from(&seen.reason);
}

fn next_window(next: Deployment, at: &At<'_>) -> Transition {
    let length = window_ms(&next, at);
    let pace = if next.canary.held.is_some() { length.max(HELD_PACE_MS) } else { length };
    let settled = at.window.lag_ms + pace;
    let pause = next.canary.seen_to.plus(settled).since(at.real).max(0);
    wait(next, at, pause)
}

fn blame(mut next: Deployment, at: &At<'_>, text: String) -> Transition {
    next.failure = Some(Failure {
        stage: Stage::Shift,
        code: "canary_failed".to_owned(),
        message: text.clone(),
        hint: "Look at the revision's log for the requests that failed; deploy again with the fix."
            .to_owned(),
    });
    let ending = if next.last_good.is_some() { Ending::RolledBack } else { Ending::Failed };
    take_back(next, at, ending, text)
}

fn unreadable(mut next: Deployment, at: &At<'_>, reason: &str) -> Transition {
    if next.canary.unreadable >= MOST_UNREADABLE && next.canary.held.is_none() {
        return hold(
            next,
            at,
            format!("metrics could not be read {MOST_UNREADABLE} times running: {reason}"),
        );
    }
    reason.clone_into(&mut next.canary.reason);
    next_window(next, at)
}

/// The deadline passed without enough requests to judge. Thin evidence never outweighs errors: where a request to the
/// new revision failed, or anything else speaks against it, only a person goes on with it.
fn thin(mut next: Deployment, at: &At<'_>, seen: &WindowSeen) -> Transition {
    let reason = &seen.reason;
    match (next.policy.thin_evidence, seen.probe) {
        (_, Some(false)) => blame(
            next,
            at,
            "Too few requests to judge, and its own address fails the probe. Taking it back".to_owned(),
        ),
        _ if next.canary.counts.canary_bad > 0 => {
            let why = format!("{}, and the time at this weight is up", failed(&next.canary.counts));
            hold(next, at, why)
        }
        _ if let Some(against) = &seen.against => {
            hold(next, at, format!("{against}, and the time at this weight is up"))
        }
        _ if let Some(asked) =
            next.canary.synthetic.as_ref().filter(|asked| speaks_against(&asked.counts)) =>
        {
            let why = format!("{}, and the time at this weight is up", asked.words);
            hold(next, at, why)
        }
        (ThinEvidence::Promote, Some(true)) => {
            next.canary.thin = true;
            advance(next, at, format!("On thin evidence, its own address answers: {reason}"))
        }
        (ThinEvidence::Hold, Some(true)) | (ThinEvidence::Promote | ThinEvidence::Hold, None) => {
            hold(next, at, format!("the time at this weight is up, and too little was seen: {reason}"))
        }
    }
}

/// Whether requests of our own failed more than before, or mostly.
fn speaks_against(asked: &Counts) -> bool {
    asked.canary_bad > asked.stable_bad || asked.canary_bad * 2 > asked.canary_requests
}

/// What failed on both sides, in words.
fn failed(counts: &Counts) -> String {
    let before = match (counts.stable_bad, counts.stable_requests) {
        (_, 0) => String::new(),
        (0, requests) => format!(", none of {requests} to the last good revision"),
        (bad, requests) => format!(", {bad} of {requests} to the last good revision"),
    };
    format!("{} of {} requests to it failed{before}", counts.canary_bad, counts.canary_requests)
}

/// Nothing moves until a person or the next deployment says so.
pub(super) fn hold(mut next: Deployment, at: &At<'_>, why: String) -> Transition {
    if next.awaited {
        let text = format!("A newer deployment waits, and this one would be held ({why}): traffic goes back");
        return take_back(next, at, Ending::Superseded, text);
    }
    let share = weight(&next);
    say(&mut next, at, format!("Held at {share} %: {why}. Promote it, roll it back, or deploy again"));
    next.canary.held = Some(why);
    next_window(next, at)
}

/// On to the next weight, or to the end.
pub(super) fn advance(mut next: Deployment, at: &At<'_>, text: String) -> Transition {
    next.canary.held = None;
    if weight(&next) >= 100 {
        next.checks.push(format!(
            "at 100 %: {}",
            if next.canary.reason.is_empty() { "watched" } else { &next.canary.reason }
        ));
        next.progress = 98;
        say(&mut next, at, text);
        return enter_quietly(next, at, Step::Retire);
    }
    let share = weight(&next);
    next.checks.push(format!("at {share} %: {text}"));
    next.canary.index += 1;
    let share = weight(&next);
    enter(next, at, Step::SetTraffic, format!("{text}. Shifting {share} % of traffic to it"))
}

/// A person says no further for now.
pub(super) fn pause(mut next: Deployment, at: &At<'_>) -> Transition {
    if next.canary.held.is_some() {
        return unchanged(Answer::Unchanged);
    }
    if !next.is_watched() {
        return refused(
            "It takes all traffic at once, so there is nothing to pause before; roll it back instead",
        );
    }
    if next.step == Step::Retire {
        return refused("It serves all traffic already; roll it back instead");
    }
    if next.awaited {
        return refused("A newer deployment waits for this one, so it can't be paused; cancel it instead");
    }
    next.canary.held = Some("paused by hand".to_owned());
    say(&mut next, at, "Paused by hand");
    commit(next)
}

/// A person lets the evidence decide again. It has the whole time at this weight anew: what it was held for may have
/// been that the time was up.
pub(super) fn resume(mut next: Deployment, at: &At<'_>) -> Transition {
    if next.canary.held.take().is_none() {
        return unchanged(Answer::Unchanged);
    }
    next.canary.since = at.real;
    let share = weight(&next);
    say(&mut next, at, format!("Resumed by hand: watching on at {share} %"));
    // While it was held it was looked at rarely.
    next.next_due = Some(at.now.plus(MINUTE_MS));
    next.outbox.push(Message::about(kind::DEPLOYMENT_DUE, &next.tenant, &next.id));
    commit(next)
}
