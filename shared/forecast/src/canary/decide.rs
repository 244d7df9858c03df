//! From evidence to a verdict.
//!
//! Invariant: the order is error, fail, pass, inconclusive by what is known; without data the answer is never `pass`.

use super::{Dispersion, State, Test};
use serde::{Deserialize, Serialize};

/// What the canary says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// This weight may be left for the next.
    Pass,
    /// Take the canary back.
    Fail,
    /// Not enough to say; look again after the next window.
    Inconclusive,
    /// The metrics can't be read; hold and tell somebody.
    Error,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        })
    }
}

/// A reason to fail at once, whatever the statistics say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The canary's process keeps dying.
    CrashLoop,
    /// Its health path stopped answering.
    ProbeFailing,
    /// Most of its requests in one window were bad; see [`super::Window::is_burst`].
    ErrorBurst,
}

/// The policy of a canary. `Default` is that of Cloud Run with windows of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Chance of failing a healthy release by errors.
    pub alpha: f64,
    /// Chance of failing a healthy release by latency.
    pub alpha_latency: f64,
    /// How many times worse the canary must look, at least, to fail.
    pub ratio_floor: f64,
    /// By how much its bad rate must be higher, at least, to fail.
    pub difference_floor: f64,
    /// Windows at one weight before it can pass: metric lag plus one.
    pub bake_windows: u32,
    /// Canary requests at one weight before it can pass: 0 bad in 59 bounds the rate under 5 % at 95 %, 299 under 1 %.
    pub minimum_requests: u64,
    /// Unreadable windows running that make an error.
    pub unreadable_limit: u32,
    /// Where φ comes from.
    pub dispersion: Dispersion,
    /// Keep windows in which one side had no requests, and add them to the next until both sides have some, instead
    /// of leaving them out. Whether to wait depends on requests alone, never on what was bad, so the test stays
    /// valid; without it a service with a request a second, in windows of a second, would never be judged.
    pub merge_sparse: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            alpha_latency: 0.005,
            ratio_floor: 1.5,
            difference_floor: 0.001,
            bake_windows: 5,
            minimum_requests: 59,
            unreadable_limit: 4,
            dispersion: Dispersion::Independent,
            merge_sparse: false,
        }
    }
}

/// A verdict with the numbers it used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// E-value of the errors.
    pub e_value: f64,
    /// Always-valid p-value of the errors.
    pub p_value: f64,
    /// E-value of slow requests; 1 where latency isn't looked at.
    pub e_value_latency: f64,
    /// Canary's bad rate over stable's; absent while stable has no bad requests.
    pub ratio: Option<f64>,
    /// Canary's bad rate minus stable's.
    pub difference: f64,
    /// Dispersion that was used for errors.
    pub phi: f64,
    /// Canary requests that counted.
    pub canary_requests: u64,
    /// Stable requests that counted.
    pub stable_requests: u64,
    /// The guard that tripped, if one did.
    pub guard: Option<Guard>,
}

pub(super) fn decide(state: &State, options: &Options, guard: Option<Guard>) -> Decision {
    let (verdict, reason) = judge(state, options, guard);
    Decision {
        verdict,
        reason,
        e_value: state.errors.e_value(),
        p_value: state.errors.p_value(),
        e_value_latency: state.latency.e_value(),
        ratio: state.errors.ratio(),
        difference: state.errors.difference(),
        phi: state.errors.phi(),
        canary_requests: state.errors.canary_requests,
        stable_requests: state.errors.stable_requests,
        guard,
    }
}

fn judge(state: &State, options: &Options, guard: Option<Guard>) -> (Verdict, String) {
    if let Some(guard) = guard {
        return (Verdict::Fail, guard_reason(guard).to_owned());
    }
    if is_worse(&state.errors, options.alpha, options) {
        return (Verdict::Fail, worse_reason(&state.errors, options.alpha, "errors"));
    }
    if is_worse(&state.latency, options.alpha_latency, options) {
        return (Verdict::Fail, worse_reason(&state.latency, options.alpha_latency, "slow requests"));
    }
    if state.unreadable >= options.unreadable_limit.max(1) {
        let reason = format!(
            "the metrics could not be read {} times running: the canary is held; see why they can't be read, or roll back",
            state.unreadable
        );
        return (Verdict::Error, reason);
    }
    match missing(state, options) {
        Some(reason) => (Verdict::Inconclusive, reason),
        None => (Verdict::Pass, pass_reason(state)),
    }
}

/// An E-value from which on a weight isn't passed, though it doesn't fail yet: a healthy release is held up by it in
/// at most one case of ten, and only until its evidence has melted away.
pub const SUSPICION: f64 = 10.0;

/// Worse by enough to matter, and likely, but not certain.
pub(super) fn is_suspicious(state: &State, options: &Options) -> bool {
    is_worse(&state.errors, 1.0 / SUSPICION, options)
}

fn is_worse(test: &Test, alpha: f64, options: &Options) -> bool {
    test.log_e() >= -alpha.ln()
        && test.ratio().is_none_or(|ratio| ratio >= options.ratio_floor)
        && test.difference() >= options.difference_floor
}

/// What a pass still lacks. Only windows with both sides count as evidence, so silence never passes.
fn missing(state: &State, options: &Options) -> Option<String> {
    let needed = options.minimum_requests.max(1);
    if state.errors.canary_requests == 0 {
        return Some(format!(
            "no window in {} had requests on both sides: there is nothing to judge by; send traffic, or let the policy fall back to probes",
            state.windows
        ));
    }
    if state.stage_windows < options.bake_windows {
        return Some(format!(
            "{} of {} windows at this weight have passed",
            state.stage_windows, options.bake_windows
        ));
    }
    if state.stage_canary_requests < needed {
        return Some(format!(
            "{} of at least {needed} canary requests at this weight",
            state.stage_canary_requests
        ));
    }
    is_suspicious(state, options).then(|| {
        format!(
            "{} bad in {} canary requests against {} in {} stable ones look worse, E = {:.1}, and are too few to be sure",
            state.errors.canary_bad,
            state.errors.canary_requests,
            state.errors.stable_bad,
            state.errors.stable_requests,
            state.errors.e_value()
        )
    })
}

const fn guard_reason(guard: Guard) -> &'static str {
    match guard {
        Guard::CrashLoop => "the canary keeps crashing: read its log, it was taken back",
        Guard::ProbeFailing => "the canary's health path stopped answering: it was taken back",
        Guard::ErrorBurst => {
            "most of the canary's requests failed in one window while stable was well: it was taken back"
        }
    }
}

fn worse_reason(test: &Test, alpha: f64, what: &str) -> String {
    let ratio = test
        .ratio()
        .map_or_else(|| "stable had none".to_owned(), |ratio| format!("{ratio:.1} times the rate of stable"));
    format!(
        "{what}: {} in {} canary requests against {} in {} stable ones, {ratio}; E = {:.3e} reached 1/α = {:.0}",
        test.canary_bad,
        test.canary_requests,
        test.stable_bad,
        test.stable_requests,
        test.e_value(),
        1.0 / alpha
    )
}

fn pass_reason(state: &State) -> String {
    let test = &state.errors;
    format!(
        "no sign of a worse canary: {} bad in {} canary requests against {} in {} stable ones, E = {:.3}",
        test.canary_bad,
        test.canary_requests,
        test.stable_bad,
        test.stable_requests,
        test.e_value()
    )
}
