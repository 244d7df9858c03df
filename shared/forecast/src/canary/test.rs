//! One sequential test: a mixture of likelihood ratios, summed in logarithms.
//!
//! Invariant: under equal rates and φ = 1 the E-value is a non-negative martingale that starts at 1, so it exceeds
//! 1/α at any time with probability at most α.

use super::{Accumulator, Dispersion, Window};
use crate::logarithm::{exp, ln};
use serde::{Deserialize, Serialize};

/// The ratios of bad rates that the alternatives stand for, equally weighted.
pub const RATIOS: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 10.0];

const NANO: f64 = 1e9;
const MICRO: f64 = 1e6;

/// The running sums of one sequential test; integers, so that storing and reading them changes no bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Test {
    /// Log likelihood ratio for each of [`RATIOS`] in nano-nats, before division by φ.
    pub log_ratios_nanos: [i64; 5],
    /// Logarithm of the E-value now, in nano-nats.
    pub log_e_nanos: i64,
    /// The greatest `log_e_nanos` so far; at least 0, the value before any data.
    pub sup_log_e_nanos: i64,
    /// The dispersion φ by which the sums were last divided, in millionths.
    pub phi_micros: i64,
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
    /// Mantel-Haenszel sums over windows, in millionths: Σ xc·Ns/N, Σ xs·Nc/N, Σ Nc·Ns/N. Pooling the counts instead
    /// would mistake a change of the split during a bad hour for a difference between the revisions.
    pub canary_share_micros: i64,
    /// See [`Test::canary_share_micros`].
    pub stable_share_micros: i64,
    /// See [`Test::canary_share_micros`].
    pub weight_micros: i64,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            log_ratios_nanos: [0; 5],
            log_e_nanos: 0,
            sup_log_e_nanos: 0,
            phi_micros: 1_000_000,
            dispersion: Accumulator::default(),
            canary_requests: 0,
            stable_requests: 0,
            canary_bad: 0,
            stable_bad: 0,
            canary_share_micros: 0,
            stable_share_micros: 0,
            weight_micros: 0,
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
        for (sum, ratio) in self.log_ratios_nanos.iter_mut().zip(RATIOS) {
            // θ/ρ = r / (rρ + 1 − ρ) and (1 − θ)/(1 − ρ) = 1 / (rρ + 1 − ρ): no division by a vanishing share.
            let denominator = ln(ratio * share + 1.0 - share);
            add(sum, canary_bad * (ln(ratio) - denominator) - stable_bad * denominator, NANO);
        }
        add(&mut self.canary_share_micros, canary_bad * stable / (canary + stable), MICRO);
        add(&mut self.stable_share_micros, stable_bad * canary / (canary + stable), MICRO);
        add(&mut self.weight_micros, canary * stable / (canary + stable), MICRO);
        self.count(window);
        let phi = self.dispersion.phi(dispersion);
        self.phi_micros = (phi * MICRO).round() as i64;
        self.log_e_nanos = (mixture(&self.log_ratios_nanos, phi) * NANO).round() as i64;
        self.sup_log_e_nanos = self.sup_log_e_nanos.max(self.log_e_nanos);
    }

    fn count(&mut self, window: Window) {
        self.canary_requests = self.canary_requests.saturating_add(window.canary_requests);
        self.stable_requests = self.stable_requests.saturating_add(window.stable_requests);
        self.canary_bad = self.canary_bad.saturating_add(window.canary_bad);
        self.stable_bad = self.stable_bad.saturating_add(window.stable_bad);
    }

    /// Logarithm of the E-value now.
    pub fn log_e(&self) -> f64 {
        self.log_e_nanos as f64 / NANO
    }

    /// The E-value now: 1 before any data, finite always.
    pub fn e_value(&self) -> f64 {
        self.log_e().exp().min(f64::MAX)
    }

    /// The always-valid p-value: `min(1, 1 / sup E)`.
    pub fn p_value(&self) -> f64 {
        (-(self.sup_log_e_nanos as f64) / NANO).exp().min(1.0)
    }

    /// The dispersion by which the evidence was last divided.
    pub fn phi(&self) -> f64 {
        self.phi_micros as f64 / MICRO
    }

    /// Bad rate of the canary over that of stable, comparing within windows; `None` while stable has no bad ones.
    pub fn ratio(&self) -> Option<f64> {
        (self.stable_share_micros > 0)
            .then(|| self.canary_share_micros as f64 / self.stable_share_micros as f64)
    }

    /// Bad rate of the canary minus that of stable, comparing within windows; 0 without data.
    pub fn difference(&self) -> f64 {
        if self.weight_micros <= 0 {
            return 0.0;
        }
        self.canary_share_micros.saturating_sub(self.stable_share_micros) as f64 / self.weight_micros as f64
    }
}

/// Adds a float to a fixed-point sum; a float-to-integer cast saturates, and so does the sum.
fn add(sum: &mut i64, value: f64, unit: f64) {
    *sum = sum.saturating_add((value * unit).round() as i64);
}

/// Logarithm of the mean over the ratios of `exp(L / φ)`, without overflow.
fn mixture(log_ratios_nanos: &[i64; 5], phi: f64) -> f64 {
    let scaled = log_ratios_nanos.map(|sum| sum as f64 / NANO / phi);
    let greatest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scaled.iter().map(|value| exp(value - greatest)).sum();
    greatest + ln(sum / RATIOS.len() as f64)
}
