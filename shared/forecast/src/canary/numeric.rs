//! Numeric metrics of a recorded canary: one value for each side in a window, such as a mean latency or a share.
//!
//! Two e-values, averaged. One goes by signs: under equal versions the canary's value is the higher one half of the time,
//! whatever the metric's distribution. The other goes by sizes: the sequential t-test of the paired differences with a
//! normal prior of width 1 on their standardised mean (Lai 1976; Wang and Ramdas, arXiv 2310.03722), which needs few
//! windows where a difference is plain. A window is a pair, so a day's wave on both sides is no difference.
//!
//! Invariant: no data is never a pass, and a value that isn't finite is refused before it comes here.

use super::Verdict;
use crate::logarithm::{exp, ln, mean_of_logs};
use serde::{Deserialize, Serialize};

/// Stakes on the canary's value being the worse one.
const STAKES: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// An E-value that is looked into rather than passed.
const SUSPICION: f64 = 10.0;

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    /// More of it: latency, errors, cost.
    #[default]
    Higher,
    /// Less of it: throughput, hits.
    Lower,
}

/// What a numeric metric is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NumericOptions {
    /// Chance of failing a healthy release.
    pub alpha: f64,
    /// Windows before it can pass.
    pub bake_windows: u32,
    /// How many times worse its mean must be, at least, to fail.
    pub ratio_floor: f64,
    /// Which way is worse.
    pub worse: Worse,
}

impl Default for NumericOptions {
    fn default() -> Self {
        Self { alpha: 0.01, bake_windows: 5, ratio_floor: 1.2, worse: Worse::Higher }
    }
}

/// The evidence after one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericMinute {
    /// Number of the window, from 1.
    pub minute: u32,
    /// The canary's value.
    pub canary: f64,
    /// Stable's value, in the same unit.
    pub stable: f64,
    /// E-value after it.
    pub e_value: f64,
    /// Always-valid p-value after it.
    pub p_value: f64,
    /// What would have been decided after it.
    pub verdict: Verdict,
}

/// A whole record of a numeric metric, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericReport {
    /// E-value after the last window.
    pub e_value: f64,
    /// `min(1, 1 / sup E)` over all windows.
    pub p_value: f64,
    /// Mean of the canary over mean of stable; absent where stable's is 0.
    pub ratio: Option<f64>,
    /// What is decided after the last window.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// Each window in order.
    pub per_minute: Vec<NumericMinute>,
}

/// The sums of one metric.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    windows: u32,
    canary: f64,
    stable: f64,
    worse: u32,
    better: u32,
    /// Mean of the differences that are for the worse, and the sum of their squares around it (Welford).
    mean: f64,
    squares: f64,
    sup_log: f64,
}

/// Judges pairs of (canary, stable) as a live canary would, window by window: once it fails it stays failed.
pub fn numeric(pairs: &[(f64, f64)], options: &NumericOptions) -> NumericReport {
    let mut sums = Sums::default();
    let mut failed: Option<String> = None;
    let mut per_minute = Vec::with_capacity(pairs.len());
    for (index, (canary, stable)) in pairs.iter().copied().enumerate() {
        sums.add(canary, stable, options.worse);
        let (verdict, reason) = sums.judge(options);
        if verdict == Verdict::Fail && failed.is_none() {
            failed = Some(format!("failed at minute {}: {reason}", index + 1));
        }
        per_minute.push(NumericMinute {
            minute: sums.windows,
            canary,
            stable,
            e_value: sums.e_value(),
            p_value: sums.p_value(),
            verdict: if failed.is_some() { Verdict::Fail } else { verdict },
        });
    }
    let (verdict, reason) = failed.map_or_else(|| sums.judge(options), |reason| (Verdict::Fail, reason));
    NumericReport {
        e_value: sums.e_value(),
        p_value: sums.p_value(),
        ratio: sums.ratio(),
        verdict,
        reason,
        per_minute,
    }
}

impl Sums {
    fn add(&mut self, canary: f64, stable: f64, worse: Worse) {
        let difference = match worse {
            Worse::Higher => canary - stable,
            Worse::Lower => stable - canary,
        };
        self.windows = self.windows.saturating_add(1);
        self.canary += canary;
        self.stable += stable;
        self.worse += u32::from(difference > 0.0);
        self.better += u32::from(difference < 0.0);
        let before = self.mean;
        self.mean += (difference - before) / f64::from(self.windows);
        self.squares += (difference - before) * (difference - self.mean);
        self.sup_log = self.sup_log.max(self.log_e());
    }

    fn log_e(&self) -> f64 {
        mean_of_logs(&[self.log_by_signs(), self.log_by_sizes()])
    }

    /// Equal ones bet nothing.
    fn log_by_signs(&self) -> f64 {
        let of = |stake: f64| {
            let lost =
                if self.better == 0 { 0.0 } else { f64::from(self.better) * ln((1.0 - stake).max(1e-300)) };
            f64::from(self.worse) * ln(1.0 + stake) + lost
        };
        mean_of_logs(&STAKES.map(of))
    }

    /// The t-test's e-value; only a difference for the worse counts.
    fn log_by_sizes(&self) -> f64 {
        let n = f64::from(self.windows);
        if self.windows < 2 || self.mean <= 0.0 {
            return 0.0;
        }
        let freedom = n - 1.0;
        // t² / ν, finite also where all differences are alike.
        let spread = (self.squares / freedom).max(self.mean * self.mean * 1e-6);
        let t_squared = n * self.mean * self.mean / spread;
        let shrunk = (1.0 + t_squared / freedom) / (1.0 + t_squared / (freedom * (1.0 + n)));
        (n * ln(shrunk) - ln(1.0 + n)) / 2.0
    }

    fn e_value(&self) -> f64 {
        exp(self.log_e())
    }

    fn p_value(&self) -> f64 {
        exp(-self.sup_log).min(1.0)
    }

    fn ratio(&self) -> Option<f64> {
        (self.stable != 0.0).then(|| self.canary / self.stable)
    }

    /// How many times worse the mean is; a metric of 0 on the better side is worse by any number of times.
    fn times_worse(&self, worse: Worse) -> f64 {
        let (bad, good) = match worse {
            Worse::Higher => (self.canary, self.stable),
            Worse::Lower => (self.stable, self.canary),
        };
        if good > 0.0 {
            bad / good
        } else if bad > good {
            f64::INFINITY
        } else {
            1.0
        }
    }

    fn judge(&self, options: &NumericOptions) -> (Verdict, String) {
        let matters = self.times_worse(options.worse) >= options.ratio_floor;
        let words = self.words();
        if self.windows == 0 {
            return (Verdict::Inconclusive, "there is no window to judge by".to_owned());
        }
        if matters && self.log_e() >= -ln(options.alpha) {
            return (Verdict::Fail, words);
        }
        let speaks = matters && (self.log_e() >= ln(SUSPICION) || self.signs_tail() <= super::SPEAKS);
        if speaks {
            return (Verdict::Inconclusive, format!("{words}; worse, and too few windows to be sure"));
        }
        if self.windows < options.bake_windows {
            let (seen, needed) = (self.windows, options.bake_windows);
            return (Verdict::Inconclusive, format!("{words}; {seen} of {needed} windows"));
        }
        (Verdict::Pass, words)
    }

    /// The chance of as many worse windows if either way were as likely.
    fn signs_tail(&self) -> f64 {
        super::bound::binomial_tail(u64::from(self.worse), u64::from(self.worse + self.better), 0.5)
    }

    fn words(&self) -> String {
        let n = f64::from(self.windows.max(1));
        let times = self.ratio().map(|ratio| format!(", {ratio:.2} times as much")).unwrap_or_default();
        format!(
            "on average {:.4} against {:.4}{times}; worse in {} of {} windows (E = {:.3}, p = {:.4})",
            self.canary / n,
            self.stable / n,
            self.worse,
            self.windows,
            self.e_value(),
            self.p_value()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(f64, f64)]) -> NumericReport {
        numeric(pairs, &NumericOptions::default())
    }

    #[test]
    fn a_plain_difference_needs_few_windows() {
        let pairs: Vec<_> = (0..8).map(|n| (200.0 + f64::from(n % 3), 100.0 + f64::from(n % 2))).collect();
        let made = judged(&pairs);
        assert_eq!(made.verdict, Verdict::Fail, "{}", made.reason);
        assert!(made.reason.starts_with("failed at minute"), "{}", made.reason);
        let lower = NumericOptions { worse: Worse::Lower, ..NumericOptions::default() };
        assert_eq!(numeric(&pairs, &lower).verdict, Verdict::Pass, "more of it is better there");
    }

    #[test]
    fn a_difference_that_does_not_matter_and_no_difference_pass() {
        let small: Vec<_> = (0..50).map(|n| (101.0 + f64::from(n % 3), 100.0 + f64::from(n % 3))).collect();
        assert_eq!(judged(&small).verdict, Verdict::Pass, "a hundredth more, for sure");
        let wave: Vec<_> = (0..50).map(|n| (f64::from(n), f64::from(n + n % 3 - 1))).collect();
        assert_eq!(judged(&wave).verdict, Verdict::Pass);
        assert_eq!(judged(&[]).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn one_outlier_of_the_canary_is_no_regression() {
        let mut pairs =
            vec![(100.0, 101.0), (101.0, 100.0), (99.0, 100.0), (100.0, 99.0), (101.0, 100.0), (99.0, 100.0)];
        pairs[2].0 = 5_000.0;
        assert_ne!(judged(&pairs).verdict, Verdict::Fail);
    }

    #[test]
    fn the_e_value_of_signs_is_fair() {
        // Over all sequences of ten signs the mean is 1.
        let mean: f64 = (0..1024_u32)
            .map(|signs| {
                let (worse, better) = (signs.count_ones(), 10 - signs.count_ones());
                exp(Sums { worse, better, ..Sums::default() }.log_by_signs())
            })
            .sum::<f64>()
            / 1024.0;
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }
}
