//! A recorded canary, window by window: what `sextant canary FILE` prints.
//!
//! Invariant: once a window fails the verdict stays `fail`, as the live canary would have ended there.

use super::{Options, State, Verdict, Window};
use serde::{Deserialize, Serialize};

/// The evidence after one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Number of the window, from 1.
    pub minute: u32,
    /// Requests of the canary.
    pub canary_requests: u64,
    /// Requests of stable.
    pub stable_requests: u64,
    /// Bad ones of the canary.
    pub canary_bad: u64,
    /// Bad ones of stable.
    pub stable_bad: u64,
    /// E-value after this window.
    pub e_value: f64,
    /// Always-valid p-value after this window.
    pub p_value: f64,
    /// What would have been decided after this window.
    pub verdict: Verdict,
}

/// A whole canary, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// E-value after the last window.
    pub e_value: f64,
    /// `min(1, 1 / sup E)` over all windows.
    pub p_value: f64,
    /// What is decided after the last window.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// The canary's bad rate is at most this, at 95 %, whenever one looks.
    pub rate_at_most: f64,
    /// It is at least so many times stable's; 1 where it may be as good.
    pub ratio_at_least: f64,
    /// It is at most so many times stable's; absent where it may be more than any that is tried.
    pub ratio_at_most: Option<f64>,
    /// The rate that is to be found out.
    pub catch_rate: f64,
    /// The chance that a canary of that rate would have been stopped by now.
    pub power: f64,
    /// Each window in order.
    pub per_minute: Vec<Minute>,
}

/// Judges recorded windows as the live canary would have, one after the other at one stage.
pub fn report(windows: &[Window], options: &Options) -> Report {
    let mut state = State::default();
    let mut failed: Option<String> = None;
    let mut per_minute = Vec::with_capacity(windows.len());
    for (index, window) in windows.iter().enumerate() {
        state.add(*window, options);
        let decision = state.decide(options, None);
        if decision.verdict == Verdict::Fail && failed.is_none() {
            failed = Some(format!("failed at minute {}: {}", index + 1, decision.reason));
        }
        per_minute.push(minute(
            index,
            *window,
            &state,
            if failed.is_some() { Verdict::Fail } else { decision.verdict },
        ));
    }
    let last = state.decide(options, None);
    let (verdict, reason) = failed.map_or((last.verdict, last.reason), |reason| (Verdict::Fail, reason));
    Report {
        e_value: last.e_value,
        p_value: last.p_value,
        verdict,
        reason,
        rate_at_most: last.rate_at_most,
        ratio_at_least: last.ratio_at_least,
        ratio_at_most: last.ratio_at_most,
        catch_rate: last.catch_rate,
        power: last.power,
        per_minute,
    }
}

fn minute(index: usize, window: Window, state: &State, verdict: Verdict) -> Minute {
    Minute {
        minute: u32::try_from(index + 1).unwrap_or(u32::MAX),
        canary_requests: window.canary_requests,
        stable_requests: window.stable_requests,
        canary_bad: window.canary_bad,
        stable_bad: window.stable_bad,
        e_value: state.errors.e_value(),
        p_value: state.errors.p_value(),
        verdict,
    }
}
