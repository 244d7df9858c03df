//! One deployment's canary, window by window: what the document keeps, and what a window adds to it.
//!
//! Invariant: whatever a window says is said here, from counts and policy alone, so that a simulation decides by the
//! same code as a deployment does.

use super::{
    Decision, Dispersion, Options, State, Verdict as Judged, Window as Evidence,
    guard::{CRASH_SPAN_MS, Guards},
    latency::Latency,
    words,
};
use model::{
    Timestamp,
    deployment::{Verdict, WindowSeen},
    document::{CanaryPolicy, Counts, Deployment, Strategy},
    port::target::{RevisionWindow, Window},
    time::MINUTE_MS,
};
use serde::{Deserialize, Serialize};

/// So many times as long as a weight bakes nobody asks anything: traffic has stopped.
const IDLE_BAKES: u32 = 2;

/// What the test keeps between windows, in the deployment's document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    state: State,
    latency: Latency,
    guards: Guards,
    /// Windows running in which nobody asked anything of either side.
    idle: u32,
    /// The weight's index that the stage counts belong to.
    index: usize,
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

    /// Everything that can be said by now, with its numbers.
    pub fn decision(&self, deployment: &Deployment) -> Decision {
        self.state.decide(&options(&deployment.policy), None)
    }

    /// A window of the last good revision from before the release: how its errors cluster, how long its answers take.
    pub fn learn(&mut self, before: &RevisionWindow) {
        if before.requests > 0 {
            self.state.learn_stable(before.requests, before.server_errors);
            self.latency.learn(before);
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
            against: None,
            probe: None,
            asked: None,
            idle: false,
        }
    }

    /// A closed window of the new revision and of the last good one; windows are `length_ms` long, and this may be
    /// several of them.
    pub fn see(
        mut self,
        deployment: &Deployment,
        window: Window,
        length_ms: i64,
        ours: &RevisionWindow,
        good: &RevisionWindow,
    ) -> Said {
        let options = options(&deployment.policy);
        let spans = u32::try_from(window.to.since(window.from) / length_ms.max(1)).unwrap_or(u32::MAX).max(1);
        let counts = Counts {
            canary_requests: ours.requests,
            stable_requests: good.requests,
            canary_bad: ours.server_errors,
            stable_bad: good.server_errors,
        };
        let errors = Evidence::new(ours.requests, good.requests, ours.server_errors, good.server_errors);
        self.state.add_spanning(errors, spans, &options);
        if let Some((slow, p95)) = self.latency.add(ours, good, spans) {
            self.state.add_latency(slow, p95, &options);
        }
        self.guards.add(counts);
        // In a window longer than that nobody knows how far apart they were.
        let long = window.to.since(window.from) > CRASH_SPAN_MS;
        self.guards.died(window.to, if long { ours.crashes.min(1) } else { ours.crashes });
        let before = self.rate_before(deployment);
        let (verdict, reason) = match alone(deployment) {
            None => self.compare(&options),
            Some(why) => self.watch_alone(why, counts, before),
        };
        // One death may be the first of many: it is looked on for as long as a second one would count.
        let (verdict, reason) = if verdict == Verdict::Pass && self.guards.deaths(window.to) > 0 {
            (Verdict::Inconclusive, format!("its process died and was started again; {reason}"))
        } else {
            (verdict, reason)
        };
        let idle = self.is_idle(ours.requests + good.requests == 0, spans, length_ms, options.bake_windows);
        let guard = self.guard(deployment, window.to, before);
        // Nobody needs the answer of one that ends here or waits for a person.
        let open = guard.is_none() && deployment.canary.held.is_none();
        let late = idle || deployment.is_late(window.to, length_ms);
        let ask_probe = open && verdict == Verdict::Inconclusive && late;
        let against = self.against(&options, window.to);
        let test = self.to_value();
        let seen = WindowSeen {
            window,
            counts,
            verdict,
            reason,
            test,
            guard,
            against,
            probe: None,
            asked: None,
            idle,
        };
        Said { seen, ask_probe }
    }

    /// Whether traffic has stopped: no request for twice as long as a weight bakes, and for a minute. A long window may be
    /// our own absence, so it counts as a bake time at most.
    fn is_idle(&mut self, silent: bool, spans: u32, length_ms: i64, bake_windows: u32) -> bool {
        self.idle = if silent { self.idle.saturating_add(spans.min(bake_windows)) } else { 0 };
        let minute = u32::try_from(MINUTE_MS / length_ms.max(1)).unwrap_or(u32::MAX);
        self.idle >= bake_windows.saturating_mul(IDLE_BAKES).max(minute)
    }

    /// The share of stable's requests that failed, beside ours and in the hour before.
    fn rate_before(&self, deployment: &Deployment) -> f64 {
        let (requests, bad) = self.state.errors.stable.usual();
        let beside = &deployment.canary.counts;
        bad.saturating_add(beside.stable_bad) as f64
            / requests.saturating_add(beside.stable_requests).max(1) as f64
    }

    fn compare(&self, options: &Options) -> (Verdict, String) {
        let judged = self.state.decide(options, None);
        let verdict = match judged.verdict {
            Judged::Pass => Verdict::Pass,
            Judged::Fail => Verdict::Fail,
            Judged::Inconclusive => Verdict::Inconclusive,
            Judged::Error => Verdict::Error,
        };
        (verdict, judged.reason)
    }

    /// With nobody to compare with one window is watched, with guards only; a bad one isn't the last.
    fn watch_alone(&self, why: &str, seen: Counts, before: f64) -> (Verdict, String) {
        let verdict = if self.guards.is_doubtful(before) { Verdict::Inconclusive } else { Verdict::Pass };
        let counts = Counts { stable_requests: 0, ..seen };
        (verdict, format!("{why}; {} in the last window", words::of_counts(&counts)))
    }

    /// What speaks against it besides its failed requests, and too little to take it back: nothing that may be passed over.
    fn against(&self, options: &Options, now: Timestamp) -> Option<String> {
        let died = (self.guards.deaths(now) > 0).then(|| "its process died".to_owned());
        died.or_else(|| self.state.looks_slower(options))
    }

    /// Reasons to take it back whatever the test says.
    fn guard(&self, deployment: &Deployment, now: Timestamp, before: f64) -> Option<String> {
        let alone = alone(deployment).and_then(|_| self.guards.failing_alone(before));
        self.guards.crash_loop(now).or(alone).or_else(|| self.guards.failing(before))
    }

    fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What the policy of a deployment asks of the test.
pub(super) fn options(policy: &CanaryPolicy) -> Options {
    Options {
        bake_windows: policy.bake_windows,
        minimum_requests: u64::from(policy.min_requests),
        power: f64::from(policy.power_percent) / 100.0,
        catch_rate: f64::from(policy.catch_percent) / 100.0,
        catch_ratio: f64::from(policy.catch_times),
        dispersion: Dispersion::Estimated,
        merge_sparse: true,
        ..Options::default()
    }
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
