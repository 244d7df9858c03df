//! The same question with the window for its unit: robust to whatever clusters there are inside one.
//!
//! While bad requests are rare, a window counts as one of its bad requests, drawn by chance: the mean over them of the
//! likelihood ratio of one. Under equal versions a bad request is the canary's by its share of the traffic, in whatever
//! company it comes. Where a window has many, the two rates of the window are compared, (c − s)/(c + s + a): bounded,
//! and on average at most 0 as long as the canary has no more traffic than stable, since fewer requests scatter more.
//!
//! Invariant: each factor is positive and at most 1 on average under equal versions, so their product is an e-value,
//! and its mean with another e-value is one.

use super::{Window, test::mean_of_logs};
use crate::logarithm::ln;
use serde::{Deserialize, Serialize};

/// Alternatives for rare errors; far ones too, since a window says little.
const RATIOS: [f64; 5] = [2.0, 5.0, 10.0, 30.0, 100.0];
/// Stakes for frequent ones.
const STAKES: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// Bad requests that are expected of a window, from which on they are no longer rare.
const RARE: f64 = 0.75;
/// By how much the canary may have more requests than stable where they share alike, by chance.
const ALIKE: f64 = 1.25;

const NANO: f64 = 1e9;

/// The e-value's logarithms by alternative, in billionths of a nat, and what was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Windows {
    log_nanos: [i64; 5],
    requests: u64,
    bad: u64,
}

impl Windows {
    /// Adds a window with requests on both sides.
    pub fn add(&mut self, window: Window) {
        let requests = (window.canary_requests + window.stable_requests) as f64;
        let usual = self.bad as f64 / self.requests.max(1) as f64;
        let factors = if usual * requests <= RARE { rare(window) } else { frequent(window, usual) };
        for (sum, factor) in self.log_nanos.iter_mut().zip(factors) {
            *sum = sum.saturating_add((ln(factor) * NANO).round() as i64);
        }
        self.learn(window);
    }

    /// A window that is no evidence, but tells what is usual.
    pub fn learn(&mut self, window: Window) {
        let requests = window.canary_requests.saturating_add(window.stable_requests);
        self.requests = self.requests.saturating_add(requests);
        self.bad = self.bad.saturating_add(window.canary_bad.saturating_add(window.stable_bad));
    }

    /// Logarithm of the e-value.
    pub fn log_e(&self) -> f64 {
        mean_of_logs(&self.log_nanos.map(|sum| sum as f64 / NANO))
    }
}

fn rare(window: Window) -> [f64; 5] {
    let bad = window.canary_bad + window.stable_bad;
    if bad == 0 {
        return [1.0; 5];
    }
    let share = window.canary_requests as f64 / (window.canary_requests + window.stable_requests) as f64;
    let ours = window.canary_bad as f64 / bad as f64;
    RATIOS.map(|ratio| (ratio * ours + 1.0 - ours) / (ratio * share + 1.0 - share))
}

fn frequent(window: Window, usual: f64) -> [f64; 5] {
    let (canary, stable) = (window.canary_requests as f64, window.stable_requests as f64);
    if canary > stable * ALIKE {
        return [1.0; 5];
    }
    let (ours, theirs) = (window.canary_bad as f64 / canary, window.stable_bad as f64 / stable);
    let contrast = (ours - theirs) / (ours + theirs + usual.max(1.0 / canary));
    STAKES.map(|stake| 1.0 + stake * contrast)
}
