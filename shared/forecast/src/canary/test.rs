//! One sequential test: a mixture of likelihood ratios, summed in logarithms.
//!
//! Invariant: under equal rates and φ = 1 the E-value is a non-negative martingale that starts at 1, so it exceeds
//! 1/α at any time with probability at most α.

use super::{Accumulator, Dispersion, Window};
use serde::{Deserialize, Serialize};

/// The ratios of bad rates that the alternatives stand for, equally weighted.
pub const RATIOS: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 10.0];

/// The running sums of one sequential test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Test {
    /// Log likelihood ratio for each of [`RATIOS`], before division by φ.
    pub log_ratios: [f64; 5],
    /// Logarithm of the E-value now.
    pub log_e: f64,
    /// The greatest `log_e` so far; at least 0, the value before any data.
    pub sup_log_e: f64,
    /// The dispersion by which the sums were last divided.
    pub phi: f64,
    /// How clustered the stable side's bad requests are.
    pub dispersion: Accumulator,
    /// Requests of the canary in windows that counted.
    pub canary_requests: u64,
    /// Requests of stable in windows that counted.
    pub stable_requests: u64,
    /// Bad requests of the canary in windows that counted.
    pub canary_bad: u64,
    /// Bad requests of stable in windows that counted.
    pub stable_bad: u64,
    /// Mantel-Haenszel sums over windows: Σ xc·Ns/N, Σ xs·Nc/N, Σ Nc·Ns/N. Pooling the counts instead would mistake
    /// a change of the split during a bad hour for a difference between the revisions.
    pub canary_share: f64,
    /// See [`Test::canary_share`].
    pub stable_share: f64,
    /// See [`Test::canary_share`].
    pub weight: f64,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            log_ratios: [0.0; 5],
            log_e: 0.0,
            sup_log_e: 0.0,
            phi: 1.0,
            dispersion: Accumulator::default(),
            canary_requests: 0,
            stable_requests: 0,
            canary_bad: 0,
            stable_bad: 0,
            canary_share: 0.0,
            stable_share: 0.0,
            weight: 0.0,
        }
    }
}

impl Test {
    /// Adds a closed window. One without requests on either side adds nothing to the evidence.
    pub fn add(&mut self, window: Window, dispersion: Dispersion) {
        self.dispersion.add(window.stable_requests, window.stable_bad);
        if !window.has_both_sides() {
            return;
        }
        let (canary, stable) = (window.canary_requests as f64, window.stable_requests as f64);
        let (canary_bad, stable_bad) = (window.canary_bad as f64, window.stable_bad as f64);
        let share = canary / (canary + stable);
        for (sum, ratio) in self.log_ratios.iter_mut().zip(RATIOS) {
            // θ/ρ = r / (rρ + 1 − ρ) and (1 − θ)/(1 − ρ) = 1 / (rρ + 1 − ρ): no division by a vanishing share.
            let denominator = (ratio * share + 1.0 - share).ln();
            *sum += canary_bad * (ratio.ln() - denominator) - stable_bad * denominator;
        }
        self.count(window);
        self.canary_share += canary_bad * stable / (canary + stable);
        self.stable_share += stable_bad * canary / (canary + stable);
        self.weight += canary * stable / (canary + stable);
        self.phi = self.dispersion.phi(dispersion);
        self.log_e = mixture(&self.log_ratios, self.phi);
        self.sup_log_e = self.sup_log_e.max(self.log_e);
    }

    fn count(&mut self, window: Window) {
        self.canary_requests = self.canary_requests.saturating_add(window.canary_requests);
        self.stable_requests = self.stable_requests.saturating_add(window.stable_requests);
        self.canary_bad = self.canary_bad.saturating_add(window.canary_bad);
        self.stable_bad = self.stable_bad.saturating_add(window.stable_bad);
    }

    /// The E-value now: 1 before any data, finite always.
    pub fn e_value(&self) -> f64 {
        self.log_e.exp().min(f64::MAX)
    }

    /// The always-valid p-value: `min(1, 1 / sup E)`.
    pub fn p_value(&self) -> f64 {
        (-self.sup_log_e).exp().min(1.0)
    }

    /// Bad rate of the canary over that of stable, comparing within windows; `None` while stable has no bad ones.
    pub fn ratio(&self) -> Option<f64> {
        (self.stable_share > 0.0).then(|| self.canary_share / self.stable_share)
    }

    /// Bad rate of the canary minus that of stable, comparing within windows; 0 without data.
    pub fn difference(&self) -> f64 {
        if self.weight > 0.0 { (self.canary_share - self.stable_share) / self.weight } else { 0.0 }
    }
}

/// Logarithm of the mean over the ratios of `exp(L / φ)`, without overflow.
fn mixture(log_ratios: &[f64; 5], phi: f64) -> f64 {
    let greatest = log_ratios.iter().fold(f64::NEG_INFINITY, |most, sum| most.max(sum / phi));
    let sum: f64 = log_ratios.iter().map(|sum| (sum / phi - greatest).exp()).sum();
    greatest + (sum / RATIOS.len() as f64).ln()
}
