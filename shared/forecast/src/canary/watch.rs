//! One deployment's canary, window by window: what the document keeps, and what a window adds to it.
//!
//! Invariant: whatever a window says is said here, from counts and policy alone, so that a simulation decides by the
//! same code as a deployment does.

use super::{Dispersion, Options, State, Verdict as Judged, Window as Evidence};
use crate::histogram::{Histogram, slow_counts};
use model::{
    deployment::{Verdict, WindowSeen},
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

/// What the test keeps between windows, in the deployment's document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
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
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
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

/// What a window said, and whether the revision's own address is to be asked too.
#[derive(Debug, Clone)]
pub struct Said {
    /// For the state machine; `probe` is still open.
    pub seen: WindowSeen,
    /// The deadline has passed without enough evidence: a probe tells whether it answers at all.
    pub ask_probe: bool,
}

impl Watch {
    /// As the deployment's document keeps it; empty before the first window.
    pub fn of(deployment: &Deployment) -> Self {
        let mut watch: Self = serde_json::from_value(deployment.canary.test.clone()).unwrap_or_default();
        if watch.index != deployment.canary.index {
            watch.state.next_stage();
            watch.index = deployment.canary.index;
        }
        watch
    }

    /// A window of the last good revision from before the release: how its errors cluster, how long its answers take.
    pub fn learn(&mut self, before: &RevisionWindow) {
        if before.requests > 0 {
            self.state.learn_stable(before.requests, before.server_errors);
            self.stable_latency.merge(&Histogram::from(before));
        }
    }

    /// A window that could not be read: a verdict of its own.
    pub fn unreadable(mut self, window: Window, why: &str) -> WindowSeen {
        self.state.add_unreadable();
        WindowSeen {
            window,
            counts: Counts::default(),
            verdict: Verdict::Error,
            reason: format!("the window could not be read: {why}"),
            test: self.to_value(),
            guard: None,
            probe: None,
        }
    }

    /// A closed window of the new revision and of the last good one.
    pub fn see(
        mut self,
        deployment: &Deployment,
        window: Window,
        ours: &RevisionWindow,
        good: &RevisionWindow,
    ) -> Said {
        let options = options(deployment);
        let counts = Counts {
            canary_requests: ours.requests,
            stable_requests: good.requests,
            canary_bad: ours.server_errors,
            stable_bad: good.server_errors,
        };
        self.state.add(
            Evidence::new(ours.requests, good.requests, ours.server_errors, good.server_errors),
            &options,
        );
        add_latency(&mut self, ours, good, &options);
        let compared = alone(deployment).is_none();
        let (verdict, reason) =
            if compared { compare(&self, &options) } else { alone_verdict(deployment, ours) };
        let late = deployment.canary.windows + 1 >= deployment.policy.deadline_windows;
        // Suspicion at the deadline is no thin evidence: without a probe's word it is held for a person to look at.
        let ask_probe = verdict == Verdict::Inconclusive && late && !self.state.is_suspicious(&options);
        self.failing.add(counts);
        let guard = guard(deployment, ours).or_else(|| self.failing.guard());
        let seen = WindowSeen { window, counts, verdict, reason, test: self.to_value(), guard, probe: None };
        Said { seen, ask_probe }
    }

    fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
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

/// Windows in which the canary starts instances don't count for latency: cold starts would fail good releases.
fn add_latency(test: &mut Watch, ours: &RevisionWindow, good: &RevisionWindow, options: &Options) {
    let stable = Histogram::from(good);
    test.stable_latency.merge(&stable);
    if ours.starts > 0 {
        return;
    }
    if let Some(edge) = test.stable_latency.quantile(0.95) {
        test.state.add_latency(slow_counts(&Histogram::from(ours), &stable, edge), options);
    }
}

fn compare(test: &Watch, options: &Options) -> (Verdict, String) {
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
