//! The same question with the window for its unit: robust to whatever clusters there are inside one.
//!
//! While bad requests are rare, a window counts as one of its bad requests, drawn by chance: the mean over them of the
//! likelihood ratio of one. Under equal versions a bad request is the canary's by its share of the traffic, in whatever
//! company it comes. Where a window has many, the two rates of the window are compared, (c − s)/(c + s + a): bounded,
//! and on average at most 0 as long as the canary has no more traffic than stable, since fewer requests scatter more.
//!
//! Invariant: each factor is positive and at most 1 on average under equal versions, so their product is an e-value,
//! and its mean with another e-value is one.

use super::Window;
use crate::logarithm::{ln, mean_of_logs};
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
        let requests = window.canary_requests.saturating_add(window.stable_requests) as f64;
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
    let bad = window.canary_bad.saturating_add(window.stable_bad);
    if bad == 0 {
        return [1.0; 5];
    }
    let share =
        window.canary_requests as f64 / window.canary_requests.saturating_add(window.stable_requests) as f64;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::bound::binomial_tail;

    fn chance(count: u64, n: u64, p: f64) -> f64 {
        binomial_tail(count, n, p) - binomial_tail(count + 1, n, p)
    }

    #[test]
    fn where_errors_are_rare_a_cluster_of_any_size_is_a_fair_bet() {
        for (canary, stable, cluster) in [(6_u64, 54_u64, 1), (6, 54, 5), (30, 30, 20)] {
            let share = canary as f64 / (canary + stable) as f64;
            let on_canary = rare(Window::new(canary, stable, cluster, 0));
            let on_stable = rare(Window::new(canary, stable, 0, cluster));
            for (ours, theirs) in on_canary.into_iter().zip(on_stable) {
                assert!((share * ours + (1.0 - share) * theirs - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn where_errors_are_frequent_equal_rates_win_nothing_on_average() {
        for (canary, stable, rate) in [(20, 20, 0.2), (10, 40, 0.2), (20, 60, 0.05)] {
            let mut mean = [0.0; 5];
            for (ours, theirs) in (0..=canary).flat_map(|ours| (0..=stable).map(move |theirs| (ours, theirs)))
            {
                let weight = chance(ours, canary, rate) * chance(theirs, stable, rate);
                let factors = frequent(Window::new(canary, stable, ours, theirs), rate);
                mean.iter_mut().zip(factors).for_each(|(sum, factor)| *sum += weight * factor);
            }
            assert!(mean.iter().all(|mean| (0.5..=1.0 + 1e-9).contains(mean)), "{canary}:{stable}: {mean:?}");
        }
        let more = frequent(Window::new(90, 10, 90, 0), 0.1);
        assert!(
            more.iter().all(|factor| (factor - 1.0).abs() < f64::EPSILON),
            "more traffic than stable is no bet"
        );
    }
}
