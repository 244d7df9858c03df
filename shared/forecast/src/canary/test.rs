//! One sequential test: a mixture of likelihood ratios, summed in logarithms.
//!
//! Invariant: under equal rates and φ = 1 the E-value is a non-negative martingale that starts at 1, so it exceeds
//! 1/α at any time with probability at most α. Where φ is estimated, the e-value is the mean of this one and of one whose
//! unit is the window ([`Windows`]): that one catches what a φ that came out too high would hide.

use super::{
    Dispersion, Window,
    dispersion::{Neighbours, phi, phi_of_spread},
    windows::Windows,
};
use crate::logarithm::{ln, mean_of_logs};
use serde::{Deserialize, Serialize};

/// The ratios of bad rates that the alternatives stand for, equally weighted.
pub const RATIOS: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 10.0];

/// Ratios that only bounds are looked for among, beyond [`RATIOS`].
const FAR: [f64; 3] = [20.0, 50.0, 100.0];

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
    /// Log likelihood ratio for each of `FAR`.
    log_far_nanos: [i64; 3],
    /// How clustered the canary's bad requests are.
    pub canary: Neighbours,
    /// How clustered the stable side's are, from before the release on.
    pub stable: Neighbours,
    /// The test whose unit is the window.
    pub by_window: Windows,
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
            log_far_nanos: [0; 3],
            canary: Neighbours::default(),
            stable: Neighbours::default(),
            by_window: Windows::default(),
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
        self.stable.add(window.stable_requests, window.stable_bad);
        self.canary.add(window.canary_requests, window.canary_bad);
        if !window.has_both_sides() {
            return;
        }
        let (canary, stable) = (window.canary_requests as f64, window.stable_requests as f64);
        let (canary_bad, stable_bad) = (window.canary_bad as f64, window.stable_bad as f64);
        let share = canary / (canary + stable);
        let near = self.log_ratios_nanos.iter_mut().zip(RATIOS);
        for (sum, ratio) in near.chain(self.log_far_nanos.iter_mut().zip(FAR)) {
            let (ours, theirs) = log_odds(ratio, share);
            add(sum, canary_bad * ours + stable_bad * theirs, NANO);
        }
        add(&mut self.canary_share_micros, canary_bad * stable / (canary + stable), MICRO);
        add(&mut self.stable_share_micros, stable_bad * canary / (canary + stable), MICRO);
        add(&mut self.weight_micros, canary * stable / (canary + stable), MICRO);
        self.count(window);
        self.by_window.add(window);
        self.weigh(dispersion);
    }

    /// A window of stable from before the release: it only teaches how errors cluster, and how rare they are.
    pub fn learn(&mut self, requests: u64, bad: u64) {
        self.stable.add(requests, bad);
        self.by_window.learn(Window::new(0, requests, 0, bad));
    }

    fn weigh(&mut self, dispersion: Dispersion) {
        let phi = phi(dispersion, &self.canary, &self.stable, self.split());
        self.phi_micros = (phi * MICRO).round() as i64;
        let by_request = mean_of_logs(&self.log_ratios_nanos.map(|sum| sum as f64 / NANO / phi));
        let log_e = if dispersion == Dispersion::Estimated {
            mean_of_logs(&[by_request, self.by_window.log_e()])
        } else {
            by_request
        };
        self.log_e_nanos = (log_e * NANO).round() as i64;
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

    /// φ for what a worse canary would have shown by now.
    pub fn phi_of_spread(&self, dispersion: Dispersion) -> f64 {
        phi_of_spread(dispersion, &self.stable, self.split())
    }

    /// The canary's share of all requests.
    pub fn split(&self) -> f64 {
        let all = self.canary_requests.saturating_add(self.stable_requests);
        self.canary_requests as f64 / all.max(1) as f64
    }

    /// The share of all bad requests that would be the canary's if the two were equal.
    pub fn explained_share(&self) -> f64 {
        let bad = self.canary_bad.saturating_add(self.stable_bad) as f64;
        if bad == 0.0 {
            return self.split();
        }
        let shares = self.stable_share_micros.saturating_sub(self.canary_share_micros) as f64 / MICRO;
        ((self.canary_bad as f64 + shares) / bad).clamp(0.0, 1.0)
    }

    /// The rate of bad requests that is usual for the stable side, before the release and since, without incidents.
    pub fn usual_rate(&self) -> f64 {
        let (requests, bad) = self.stable.usual();
        bad as f64 / requests.max(1) as f64
    }

    /// Whether anything can be said yet.
    pub fn has_evidence(&self) -> bool {
        self.canary_requests > 0
    }

    /// How many times as bad the canary is at least and at most, at 95 % whenever one looks, among the ratios that are
    /// tried: 1 where it may be as good, none where it may be worse than any of them.
    pub fn ratio_bounds(&self) -> (f64, Option<f64>) {
        let enough = -ln(1.0 - super::bound::CONFIDENCE);
        let phi = self.phi();
        let logs: Vec<(f64, f64)> = RATIOS
            .into_iter()
            .zip(self.log_ratios_nanos)
            .chain(FAR.into_iter().zip(self.log_far_nanos))
            .map(|(ratio, sum)| (ratio, sum as f64 / NANO / phi))
            .collect();
        let most = logs.iter().find(|(_, log)| -log >= enough).map(|(ratio, _)| *ratio);
        let all: Vec<f64> = logs.iter().map(|(_, log)| *log).collect();
        let worse = mean_of_logs(&all);
        let excluded = |log: f64| worse - log >= enough;
        let least =
            std::iter::once((1.0, 0.0)).chain(logs.iter().copied()).take_while(|(_, log)| excluded(*log));
        (least.last().map_or(1.0, |(ratio, _)| ratio), most)
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

/// What one bad request of the canary, and one of stable, adds to the logarithm for this ratio: ln θ/ρ and
/// ln (1 − θ)/(1 − ρ), without division by a vanishing share.
pub(super) fn log_odds(ratio: f64, share: f64) -> (f64, f64) {
    // θ/ρ = r / (rρ + 1 − ρ) and (1 − θ)/(1 − ρ) = 1 / (rρ + 1 − ρ).
    let denominator = ln(ratio * share + 1.0 - share);
    (ln(ratio) - denominator, -denominator)
}
