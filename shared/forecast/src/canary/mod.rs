//! Is the canary worse than the stable revision? A sequential test on closed windows, and the decision made of it.
//!
//! Invariants: looking at every window is allowed and costs nothing (an E-value, by Ville's inequality); the traffic
//! split may change between windows; a window in which either side has no requests adds nothing; no data is never a
//! pass. The state is small, of fixed size and serialisable, so it lives in the deployment's document.
//! Method: Lindon and Malek, arXiv 2011.03567, conditional on the split.

mod bound;
mod csv;
mod decide;
mod dispersion;
mod guard;
mod latency;
mod numeric;
mod outlook;
mod paths;
mod power;
mod record;
mod report;
mod synthetic;
mod test;
mod watch;
mod windows;
mod words;

pub use bound::{upper_rate, upper_rate_always};
pub use csv::{CsvError, parse_csv};
pub use decide::{Decision, Guard, Options, SUSPICION, Verdict};
pub use dispersion::Dispersion;
pub use latency::Longer;
pub use numeric::{NumericMinute, NumericOptions, NumericReport, Worse, numeric};
pub use outlook::{Outlook, Traffic, outlook};
pub use paths::differing;
pub use power::{SPEAKS, Sight};
pub use record::{Record, parse_record};
pub use report::{Minute, Report, report};
pub use synthetic::synthetic;
pub use test::{RATIOS, Test};
pub use watch::{Said, Watch};
pub use words::{effect, of_counts, power};

use serde::{Deserialize, Serialize};

/// Requests of one closed window, on both sides. What is bad may not exceed the requests; more is cut down, since
/// the two counts may come from metrics that disagree for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Window {
    /// Requests that the canary answered.
    pub canary_requests: u64,
    /// Requests that the stable revision answered.
    pub stable_requests: u64,
    /// Those of the canary that were bad (5xx, or slower than the stable p95 edge).
    pub canary_bad: u64,
    /// Those of the stable revision that were bad.
    pub stable_bad: u64,
}

impl Window {
    /// A window in the order of the CSV columns: canary requests, stable requests, canary bad, stable bad.
    pub const fn new(canary_requests: u64, stable_requests: u64, canary_bad: u64, stable_bad: u64) -> Self {
        Self { canary_requests, stable_requests, canary_bad, stable_bad }
    }

    /// Both sides answered something, so the window can tell.
    pub const fn has_both_sides(&self) -> bool {
        self.canary_requests > 0 && self.stable_requests > 0
    }

    /// A hard guard's question: at least 20 canary requests, half of them bad, while stable stays under a tenth.
    pub const fn is_burst(&self) -> bool {
        self.canary_requests >= 20
            && self.canary_bad.saturating_mul(2) >= self.canary_requests
            && self.stable_bad.saturating_mul(10) <= self.stable_requests
    }

    /// Both windows as one.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            canary_requests: self.canary_requests.saturating_add(other.canary_requests),
            stable_requests: self.stable_requests.saturating_add(other.stable_requests),
            canary_bad: self.canary_bad.saturating_add(other.canary_bad),
            stable_bad: self.stable_bad.saturating_add(other.stable_bad),
        }
    }

    pub(crate) fn cut(self) -> Self {
        Self {
            canary_bad: self.canary_bad.min(self.canary_requests),
            stable_bad: self.stable_bad.min(self.stable_requests),
            ..self
        }
    }
}

/// Everything the canary of one deployment remembers between windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The test on errors.
    pub errors: Test,
    /// The test on slow requests; only fed with windows in which the canary was warm.
    pub latency: Test,
    /// How long requests took on both sides in those windows.
    pub p95: Longer,
    /// Windows seen since the canary began.
    pub windows: u32,
    /// Windows since the canary began in which one side had no requests.
    pub empty_windows: u32,
    /// One-sided windows that wait for the other side, where the policy merges them.
    pub pending: Window,
    /// The canary's requests at the present weight that don't count yet.
    pub pending_here: u64,
    /// Windows seen at the present weight.
    pub stage_windows: u32,
    /// Canary requests at the present weight in windows that counted; what could not be compared is no evidence.
    pub stage_canary_requests: u64,
    /// Times running that the metrics could not be read.
    pub unreadable: u32,
}

impl State {
    /// Adds one closed window of errors.
    pub fn add(&mut self, window: Window, options: &Options) {
        self.add_spanning(window, 1, options);
    }

    /// Adds a window that is as long as so many.
    pub fn add_spanning(&mut self, window: Window, spans: u32, options: &Options) {
        let window = window.cut();
        self.unreadable = 0;
        self.windows = self.windows.saturating_add(spans);
        self.stage_windows = self.stage_windows.saturating_add(spans);
        if !window.has_both_sides() {
            self.empty_windows = self.empty_windows.saturating_add(spans);
        }
        self.pending_here = self.pending_here.saturating_add(window.canary_requests);
        self.judge(if options.merge_sparse { self.pending.plus(window) } else { window }, options);
    }

    fn judge(&mut self, window: Window, options: &Options) {
        if options.merge_sparse && !window.has_both_sides() {
            self.pending = window;
            return;
        }
        self.pending = Window::default();
        let here = std::mem::take(&mut self.pending_here);
        if window.has_both_sides() {
            self.stage_canary_requests = self.stage_canary_requests.saturating_add(here);
        }
        self.errors.add(window, options.dispersion);
    }

    /// Adds the latency side of a window: bad means slower than the stable p95 bucket edge
    /// ([`crate::histogram::slow_counts`]). Leave it out for windows in which the canary started instances or warmed
    /// up, or cold starts fail good releases.
    pub fn add_latency(&mut self, window: Window, p95: Longer, options: &Options) {
        self.p95 = p95;
        self.latency.add(window.cut(), options.dispersion);
    }

    /// A window whose metrics could not be read. Four running are an [`Verdict::Error`].
    pub fn add_unreadable(&mut self) {
        self.unreadable = self.unreadable.saturating_add(1);
    }

    /// A window of the stable revision alone, from before the canary: it only teaches how errors cluster.
    pub fn learn_stable(&mut self, requests: u64, bad: u64) {
        self.errors.learn(requests, bad.min(requests));
    }

    /// The weight changed: bake time and request count begin again, the evidence stays. One-sided windows of the old
    /// weight still wait for the other side: equal versions share bad requests by their requests, over two splits too, and
    /// dropping them would lose what failed in them.
    pub fn next_stage(&mut self) {
        self.stage_windows = 0;
        self.stage_canary_requests = 0;
        self.pending_here = 0;
    }

    /// Whether errors speak against it, by enough to matter, though it can't be said for sure yet: not to be passed by.
    pub fn speaks_against(&self, options: &Options) -> bool {
        decide::speaks_against(self, options)
    }

    /// By how much its requests take longer, where that can't be said for sure yet but isn't to be passed by.
    pub fn looks_slower(&self, options: &Options) -> Option<String> {
        decide::is_slower(self, options, 1.0 / SUSPICION).then(|| words::slower(self))
    }

    /// The verdict on what was seen so far. `guard` is a hard guard that has tripped, if one has.
    pub fn decide(&self, options: &Options, guard: Option<Guard>) -> Decision {
        decide::decide(self, options, guard)
    }
}

#[cfg(test)]
mod tests;
