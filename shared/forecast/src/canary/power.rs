//! What the test could have seen by now, whatever it did see: the power that goes with a pass, and is asked for before.
//!
//! Invariant: from requests and the stable side's errors alone, so that it can be told before a shift too; clusters
//! (φ) make every count so many times smaller.

use super::{
    Options,
    bound::binomial_tail,
    test::{RATIOS, log_odds},
};
use crate::logarithm::{ln, mean_of_logs};

/// One-sided: more bad requests than stable's rate explains, at this level, are not passed over.
pub const SPEAKS: f64 = 0.1;

/// Windows that are always looked at, however much they tell.
const FEW: u32 = 5;

/// What both sides saw, or will have seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// Requests of the canary.
    pub canary_requests: u64,
    /// Requests of stable.
    pub stable_requests: u64,
    /// Bad ones of stable.
    pub stable_bad: u64,
    /// The share of bad requests that is the canary's if the two are equal.
    pub share: f64,
    /// Dispersion: how many bad requests count as one event.
    pub phi: f64,
}

impl Sight {
    /// The chance that a canary that fails at this rate isn't passed: its errors outnumber what stable's rate explains.
    pub fn stops(&self, rate: f64, options: &Options) -> f64 {
        let needed = self.least(|bad| self.speaks(bad, options));
        binomial_tail(needed, self.requests(), rate)
    }

    /// The chance that one is taken back by its e-value.
    pub fn takes_back(&self, rate: f64, options: &Options) -> f64 {
        let stable = self.scaled(self.stable_bad) as f64;
        // The mean of two e-values is at least half of the greater one.
        let enough = ln(2.0) - ln(options.alpha);
        let needed = self.least(|bad| {
            let logs = RATIOS.map(|ratio| {
                let (ours, theirs) = log_odds(ratio, self.share);
                bad as f64 * ours + stable * theirs
            });
            mean_of_logs(&logs) >= enough && self.matters(bad, options)
        });
        binomial_tail(needed, self.requests(), rate)
    }

    /// Windows at a weight before it can pass, where this rate is usual: fewer will do once a canary that is twice as
    /// bad would have been taken back for sure, but a few always.
    pub fn windows_needed(&self, usual: f64, options: &Options) -> u32 {
        let twice = 2.0 * usual;
        let sees_twice = twice > 0.0 && self.takes_back(twice, options) >= options.early_power;
        if sees_twice { options.bake_windows.min(FEW) } else { options.bake_windows }
    }

    /// Whether so many bad ones (in events) are more than stable's rate explains, and by enough to matter.
    pub fn speaks(&self, bad: u64, options: &Options) -> bool {
        bad > 0
            && self.matters(bad, options)
            && binomial_tail(bad, bad.saturating_add(self.scaled(self.stable_bad)), self.share) <= SPEAKS
    }

    fn matters(&self, bad: u64, options: &Options) -> bool {
        // Expected of equal ones: stable's errors by the odds of the split, which is also right over several weights.
        let expected = self.scaled(self.stable_bad) as f64 * self.share / (1.0 - self.share).max(1e-9);
        let difference = (bad as f64 - expected) / self.requests().max(1) as f64;
        bad as f64 >= options.ratio_floor * expected && difference >= options.difference_floor
    }

    fn requests(&self) -> u64 {
        (self.canary_requests as f64 / self.phi) as u64
    }

    fn scaled(&self, count: u64) -> u64 {
        (count as f64 / self.phi).round() as u64
    }

    /// The least number of bad ones for which this holds, one more than all if for none.
    fn least(&self, holds: impl Fn(u64) -> bool) -> u64 {
        let (mut low, mut high) = (1, self.requests() + 1);
        while low < high {
            let middle = u64::midpoint(low, high);
            if holds(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}
