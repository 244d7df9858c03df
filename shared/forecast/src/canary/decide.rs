//! From evidence to a verdict.
//!
//! Invariant: the order is error, fail, pass, inconclusive by what is known; without data the answer is never `pass`.

use super::{Dispersion, State, bound, power::Sight, words};
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

/// The policy of a canary. `Default` is that of recorded windows; a deployment's is made from its own.
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
    /// The chance asked for, at each weight, of stopping a canary that fails at [`Options::catch`]; 0 asks for none.
    pub power: f64,
    /// The rate that must be found out with that chance, at least.
    pub catch_rate: f64,
    /// The same in times of the stable side's usual rate; the greater of both counts.
    pub catch_ratio: f64,
    /// The chance of taking back a canary that is twice as bad from which on fewer windows than asked for will do.
    pub early_power: f64,
    /// How many times as slow the canary's p95 is when that is still no regression.
    pub latency_ratio_floor: f64,
    /// How much slower it is, in microseconds, when that is still none.
    pub latency_floor_micros: u64,
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
            power: 0.9,
            catch_rate: 0.05,
            catch_ratio: 10.0,
            early_power: 0.95,
            latency_ratio_floor: 1.2,
            latency_floor_micros: 2_000,
            unreadable_limit: 4,
            dispersion: Dispersion::Independent,
            merge_sparse: false,
        }
    }
}

impl Options {
    /// The rate of bad requests that is to be found out, where this one is usual.
    pub fn catch(&self, usual: f64) -> f64 {
        (self.catch_ratio * usual).max(self.catch_rate).min(1.0)
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
    /// Bad ones among the canary's.
    pub canary_bad: u64,
    /// Bad ones among stable's.
    pub stable_bad: u64,
    /// The canary's bad rate is at most this, at 95 %, whenever one looks.
    pub rate_at_most: f64,
    /// It is at least so many times stable's; 1 where it may be as good.
    pub ratio_at_least: f64,
    /// It is at most so many times stable's; absent where it may be more than any that is tried.
    pub ratio_at_most: Option<f64>,
    /// The rate that the policy wants found out.
    pub catch_rate: f64,
    /// The chance that a canary of that rate would have been stopped by now.
    pub power: f64,
    /// The guard that tripped, if one did.
    pub guard: Option<Guard>,
}

pub(super) fn decide(state: &State, options: &Options, guard: Option<Guard>) -> Decision {
    let errors = &state.errors;
    let (ratio_at_least, ratio_at_most) = errors.ratio_bounds();
    let catch_rate = options.catch(errors.usual_rate());
    let mut decision = Decision {
        verdict: Verdict::Inconclusive,
        reason: String::new(),
        e_value: errors.e_value(),
        p_value: errors.p_value(),
        e_value_latency: state.latency.e_value(),
        ratio: errors.ratio(),
        difference: errors.difference(),
        phi: errors.phi(),
        canary_requests: errors.canary_requests,
        stable_requests: errors.stable_requests,
        canary_bad: errors.canary_bad,
        stable_bad: errors.stable_bad,
        rate_at_most: bound::upper_rate_always(errors.canary_bad, errors.canary_requests, errors.phi()),
        ratio_at_least,
        ratio_at_most,
        catch_rate,
        power: sight(state, options).stops(catch_rate, options),
        guard,
    };
    (decision.verdict, decision.reason) = judge(state, options, &decision);
    decision
}

fn judge(state: &State, options: &Options, decision: &Decision) -> (Verdict, String) {
    if let Some(guard) = decision.guard {
        return (Verdict::Fail, guard_reason(guard).to_owned());
    }
    if fails_more(state, options, options.alpha) {
        return (Verdict::Fail, words::worse(decision));
    }
    if is_slower(state, options, options.alpha_latency) {
        return (Verdict::Fail, words::slower(state));
    }
    if state.unreadable >= options.unreadable_limit.max(1) {
        let reason = format!(
            "the metrics could not be read {} times running: the canary is held; see why they can't be read, or roll back",
            state.unreadable
        );
        return (Verdict::Error, reason);
    }
    match missing(state, options, decision) {
        Some(reason) => (Verdict::Inconclusive, reason),
        None => (Verdict::Pass, words::passed(decision)),
    }
}

/// An E-value from which on a weight isn't passed, though it doesn't fail yet: a healthy release is held up by it in
/// at most one case of ten, and only until its evidence has melted away.
pub const SUSPICION: f64 = 10.0;

fn fails_more(state: &State, options: &Options, alpha: f64) -> bool {
    let test = &state.errors;
    test.log_e() >= -alpha.ln()
        && test.ratio().is_none_or(|ratio| ratio >= options.ratio_floor)
        && test.difference() >= options.difference_floor
}

/// More requests than before take longer than the p95 of stable, and the p95 itself is longer by enough to matter.
pub(super) fn is_slower(state: &State, options: &Options, alpha: f64) -> bool {
    let test = &state.latency;
    test.log_e() >= -alpha.ln()
        && test.ratio().is_none_or(|ratio| ratio >= options.ratio_floor)
        && state.p95.is_longer(options)
}

/// What both sides saw, for what the test could have seen in it.
fn sight(state: &State, options: &Options) -> Sight {
    let test = &state.errors;
    Sight {
        canary_requests: test.canary_requests,
        stable_requests: test.stable_requests,
        stable_bad: test.stable_bad,
        share: test.explained_share(),
        phi: test.phi_of_spread(options.dispersion),
    }
}

/// Errors speak against it: it looks worse by its e-value, or its bad requests are more than stable's rate explains.
pub(super) fn speaks_against(state: &State, options: &Options) -> bool {
    let test = &state.errors;
    let phi = test.phi().sqrt();
    let cautious = Sight { phi, ..sight(state, options) };
    let events = (test.canary_bad as f64 / phi).ceil() as u64;
    fails_more(state, options, 1.0 / SUSPICION) || cautious.speaks(events, options)
}

/// What a pass still lacks. Only windows with both sides count as evidence, so silence never passes.
fn missing(state: &State, options: &Options, decision: &Decision) -> Option<String> {
    let needed = options.minimum_requests.max(1);
    if !state.errors.has_evidence() {
        return Some(format!(
            "no window in {} had requests on both sides: there is nothing to judge by; send traffic, or let the policy fall back to probes",
            state.windows
        ));
    }
    if speaks_against(state, options) {
        return Some(words::suspicious(decision));
    }
    if let Some(slower) = state.looks_slower(options) {
        return Some(format!("{slower}, and too few to be sure"));
    }
    let windows = sight(state, options).windows_needed(state.errors.usual_rate(), options);
    if state.stage_windows < windows {
        return Some(format!(
            "{}; {} of {windows} windows at this weight have passed",
            words::counts(decision),
            state.stage_windows
        ));
    }
    if state.stage_canary_requests < needed {
        return Some(format!(
            "{}; {} of at least {needed} requests to it at this weight",
            words::counts(decision),
            state.stage_canary_requests
        ));
    }
    // Where stable itself fails so often that nothing could be that much worse, nothing can be asked for.
    let possible = decision.catch_rate >= options.ratio_floor * state.errors.usual_rate();
    (possible && decision.power < options.power).then(|| words::powerless(decision, options))
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
