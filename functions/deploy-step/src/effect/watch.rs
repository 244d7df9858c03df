//! Reads a closed window of both revisions, feeds the sequential test, and says what it says.

use super::{Failed, verify};
use forecast::{
    canary::{Dispersion, Options, State, Verdict as Judged, Window as Evidence},
    histogram::{Histogram, slow_counts},
};
use host::Context;
use model::{
    deployment::{Outcome, Verdict, WindowSeen},
    document::{Counts, Deployment, Strategy},
    port::target::{RevisionWindow, Window},
};
use serde::{Deserialize, Serialize};

/// Crashes in one window that end it at once.
const CRASH_LOOP: u32 = 2;
/// With all traffic on it there is no stable side any more: this share of bad requests, of at least
/// [`BURST_REQUESTS`], ends it, unless the last good revision was as bad.
const BURST_SHARE: f64 = 0.2;
const BURST_REQUESTS: u64 = 20;
/// Windows running in which most of the canary's requests failed, and the requests in them, that end it at any weight.
const FAILING_WINDOWS: u32 = 3;
const FAILING_REQUESTS: u64 = 10;

/// Windows of the last good revision that are read from before the release.
const HISTORY: i64 = 60;

/// What the test keeps between windows, in the deployment's document.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Test {
    state: State,
    /// Stable latency so far, merged: its p95 is the edge beyond which a request counts as slow.
    stable_latency: Histogram,
    /// The weight's index that the stage counts belong to.
    index: usize,
    /// Windows running in which most of the canary's requests failed.
    failing: Failing,
}

/// Windows running in which most requests of the new revision failed, and what both sides did in them. Windows in
/// which it had none neither count nor end the run. Several running, since errors come in clusters: a guard on a single
/// window takes back equal versions too.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Failing {
    windows: u32,
    counts: Counts,
}

impl Failing {
    fn add(&mut self, seen: Counts) {
        if seen.canary_requests == 0 {
            return;
        }
        if !mostly(seen.canary_bad, seen.canary_requests) {
            *self = Self::default();
            return;
        }
        self.windows += 1;
        self.counts.canary_requests += seen.canary_requests;
        self.counts.stable_requests += seen.stable_requests;
        self.counts.canary_bad += seen.canary_bad;
        self.counts.stable_bad += seen.stable_bad;
    }

    /// A reason to take it back: an incident that hits both sides alike is none.
    fn guard(&self) -> Option<String> {
        let Counts { canary_requests, stable_requests, canary_bad, stable_bad } = self.counts;
        let ours = canary_bad as f64 / canary_requests.max(1) as f64;
        let theirs = stable_bad as f64 / stable_requests.max(1) as f64;
        let enough = self.windows >= FAILING_WINDOWS && canary_requests >= FAILING_REQUESTS;
        (enough && theirs * 2.0 < ours).then(|| {
            let windows = self.windows;
            format!(
                "{canary_bad} of {canary_requests} requests to the new revision failed in {windows} windows running"
            )
        })
    }
}

/// More than half.
fn mostly(bad: u64, requests: u64) -> bool {
    bad.saturating_mul(2) > requests
}

/// Reads one window. Unreadable metrics are a verdict of their own, not a failure of the step.
pub async fn read(ctx: &Context, deployment: &Deployment, window: Window) -> Result<Outcome, Failed> {
    let mut test: Test = serde_json::from_value(deployment.canary.test.clone()).unwrap_or_default();
    if deployment.canary.test.is_null() {
        learn_stable(ctx, deployment, window, &mut test).await;
    }
    if test.index != deployment.canary.index {
        test.state.next_stage();
        test.index = deployment.canary.index;
    }
    let seen = match ctx.ports.target.observe(&deployment.key(), window).await {
        Ok(measured) => {
            let ours = measured.revisions.get(&deployment.revision_name()).cloned().unwrap_or_default();
            let good = deployment
                .last_good
                .as_ref()
                .and_then(|good| measured.revisions.get(&good.revision))
                .cloned();
            judge(ctx, deployment, window, test, &ours, &good.unwrap_or_default()).await?
        }
        Err(error) => {
            test.state.add_unreadable();
            let reason = format!("the window could not be read: {error}");
            WindowSeen {
                window,
                counts: Counts::default(),
                verdict: Verdict::Error,
                reason,
                test: to_value(&test),
                guard: None,
                probe: None,
            }
        }
    };
    Ok(Outcome::WindowSeen(seen))
}

async fn judge(
    ctx: &Context,
    deployment: &Deployment,
    window: Window,
    mut test: Test,
    ours: &RevisionWindow,
    good: &RevisionWindow,
) -> Result<WindowSeen, Failed> {
    let options = options(deployment);
    let counts = Counts {
        canary_requests: ours.requests,
        stable_requests: good.requests,
        canary_bad: ours.server_errors,
        stable_bad: good.server_errors,
    };
    test.state
        .add(Evidence::new(ours.requests, good.requests, ours.server_errors, good.server_errors), &options);
    add_latency(&mut test, ours, good, &options);
    let compared = alone(deployment).is_none();
    let (verdict, reason) = if compared { compare(&test, &options) } else { alone_verdict(deployment, ours) };
    let late = deployment.canary.windows + 1 >= deployment.policy.deadline_windows;
    // Suspicion at the deadline is no thin evidence: without a probe's word it is held for a person to look at.
    let ask = verdict == Verdict::Inconclusive && late && !test.state.is_suspicious(&options);
    let probe = if ask { Some(verify::once(ctx, deployment).await?.healthy) } else { None };
    test.failing.add(counts);
    let guard = guard(deployment, ours).or_else(|| test.failing.guard());
    Ok(WindowSeen { window, counts, verdict, reason, test: to_value(&test), guard, probe })
}

fn to_value(test: &Test) -> serde_json::Value {
    serde_json::to_value(test).unwrap_or_default()
}

fn options(deployment: &Deployment) -> Options {
    Options {
        bake_windows: deployment.policy.bake_windows,
        minimum_requests: u64::from(deployment.policy.min_requests),
        dispersion: Dispersion::Estimated,
        merge_sparse: true,
        ..Options::default()
    }
}

/// How errors cluster on the last good revision, from before the release: without it the test is held back.
async fn learn_stable(ctx: &Context, deployment: &Deployment, first: Window, test: &mut Test) {
    let Some(good) = &deployment.last_good else { return };
    let length = first.to.since(first.from).max(1);
    let began = deployment.canary.since;
    let range = Window { from: began.plus(-HISTORY * length), to: began };
    let Ok(windows) = ctx.ports.target.observe_range(&deployment.key(), range, length).await else { return };
    for (_, measured) in windows {
        if let Some(seen) = measured.revisions.get(&good.revision).filter(|seen| seen.requests > 0) {
            test.state.learn_stable(seen.requests, seen.server_errors);
            test.stable_latency.merge(&Histogram::from(seen));
        }
    }
}

/// Windows in which the canary starts instances don't count for latency: cold starts would fail good releases.
fn add_latency(test: &mut Test, ours: &RevisionWindow, good: &RevisionWindow, options: &Options) {
    let stable = Histogram::from(good);
    test.stable_latency.merge(&stable);
    if ours.starts > 0 {
        return;
    }
    if let Some(edge) = test.stable_latency.quantile(0.95) {
        test.state.add_latency(slow_counts(&Histogram::from(ours), &stable, edge), options);
    }
}

fn compare(test: &Test, options: &Options) -> (Verdict, String) {
    let judged = test.state.decide(options, None);
    let verdict = match judged.verdict {
        Judged::Pass => Verdict::Pass,
        Judged::Fail => Verdict::Fail,
        Judged::Inconclusive => Verdict::Inconclusive,
        Judged::Error => Verdict::Error,
    };
    (verdict, judged.reason)
}

/// Why there is nobody to compare with, if there isn't: the first revision, or all traffic on ours.
fn alone(deployment: &Deployment) -> Option<&'static str> {
    let last = deployment.canary.index + 1 >= deployment.policy.weights.len();
    if deployment.last_good.is_none() {
        Some("first revision, nothing to compare with")
    } else if deployment.strategy == Strategy::Quick || last {
        Some("all traffic is on it")
    } else {
        None
    }
}

/// One more window is watched, with guards only; while most of its requests fail, that window isn't the last.
fn alone_verdict(deployment: &Deployment, ours: &RevisionWindow) -> (Verdict, String) {
    let why = alone(deployment).unwrap_or_default();
    let failing = mostly(ours.server_errors, ours.requests);
    let verdict = if failing { Verdict::Inconclusive } else { Verdict::Pass };
    (verdict, format!("{why}; {} of {} requests bad in the last window", ours.server_errors, ours.requests))
}

/// Reasons to take it back whatever the test says.
fn guard(deployment: &Deployment, ours: &RevisionWindow) -> Option<String> {
    if ours.crashes >= CRASH_LOOP {
        return Some(format!("The new revision died {} times within one window", ours.crashes));
    }
    let seen = &deployment.canary.counts;
    let before = seen.stable_bad as f64 / seen.stable_requests.max(1) as f64;
    let share = ours.server_errors as f64 / ours.requests.max(1) as f64;
    let burst = alone(deployment).is_some()
        && ours.requests >= BURST_REQUESTS
        && share >= BURST_SHARE
        && share > 2.0 * before;
    burst.then(|| format!("{} of {} requests failed within one window", ours.server_errors, ours.requests))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(windows: &[(u64, u64, u64, u64)]) -> Option<String> {
        let mut failing = Failing::default();
        for (canary_requests, stable_requests, canary_bad, stable_bad) in windows.iter().copied() {
            failing.add(Counts { canary_requests, stable_requests, canary_bad, stable_bad });
        }
        failing.guard()
    }

    #[test]
    fn most_requests_failing_in_three_windows_running_end_it_at_any_weight() {
        let why = after(&[(10, 90, 9, 0), (0, 100, 0, 0), (12, 88, 12, 1), (11, 90, 8, 0)]).unwrap();
        assert!(why.contains("29 of 33 requests") && why.contains("3 windows"), "{why}");
        assert!(after(&[(20, 0, 20, 0); 3]).is_some(), "with all traffic on it there is no other side");
        assert_eq!(
            after(&[(10, 90, 9, 0), (10, 90, 4, 0), (10, 90, 9, 0), (10, 90, 9, 0)]),
            None,
            "not running"
        );
        assert_eq!(after(&[(1, 9, 1, 0); 9]), None, "a handful of requests is for the deadline");
        assert_eq!(after(&[(10, 90, 9, 80); 5]), None, "an incident on both sides blames neither");
    }
}
