//! How clustered bad requests are, from stable against stable windows.
//!
//! Invariant: φ is never below 1, so correcting for clusters can only make the test more cautious.

use serde::{Deserialize, Serialize};

/// φ while nothing is known: errors that come in fives.
const UNKNOWN: f64 = 5.0;

/// Where the dispersion φ comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispersion {
    /// φ = 1: each bad request is its own event.
    #[default]
    Independent,
    /// φ is estimated from the stable side's windows, before and during the canary.
    Estimated,
    /// φ is given; below 1 it counts as 1.
    Fixed(f64),
}

/// The sums from which φ is estimated; adding a window is constant work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Accumulator {
    /// Windows with requests.
    pub windows: u64,
    /// Requests.
    pub requests: u64,
    /// Bad requests.
    pub bad: u64,
    /// Σ bad² / requests, in millionths.
    pub squares_micros: i64,
}

impl Accumulator {
    /// Adds one window of the stable side; one without requests is left out.
    pub fn add(&mut self, requests: u64, bad: u64) {
        if requests == 0 {
            return;
        }
        self.windows = self.windows.saturating_add(1);
        self.requests = self.requests.saturating_add(requests);
        self.bad = self.bad.saturating_add(bad);
        let square = (bad as f64) * (bad as f64) / requests as f64;
        self.squares_micros = self.squares_micros.saturating_add((square * 1e6).round() as i64);
    }

    /// φ to divide by, under `source`.
    pub fn phi(&self, source: Dispersion) -> f64 {
        match source {
            Dispersion::Independent => 1.0,
            Dispersion::Fixed(phi) => {
                if phi.is_finite() {
                    phi.max(1.0)
                } else {
                    1.0
                }
            }
            Dispersion::Estimated => self.estimate(),
        }
    }

    /// Pearson's χ² over its degrees of freedom, at a common rate: Σ (x − Np)² / (Np(1 − p)) / (n − 1).
    fn estimate(&self) -> f64 {
        if self.windows < 2 || self.bad == 0 || self.bad >= self.requests {
            return self.floor();
        }
        let rate = self.bad as f64 / self.requests as f64;
        let chi_squared = (self.squares_micros as f64 / 1e6 / rate - self.bad as f64) / (1.0 - rate);
        let found = chi_squared / (self.windows - 1) as f64;
        // Independent errors scatter too, by (2 + 1/mean) / windows; without this allowance half of all estimates
        // would exceed 1 by chance and blunt the test for everybody.
        let chance = ((2.0 + self.windows as f64 / self.bad as f64) / self.windows as f64).sqrt();
        (found - chance).max(self.floor())
    }

    /// What φ counts as at least: little history can't show clusters, so it is trusted by degrees.
    fn floor(&self) -> f64 {
        let by_windows = self.windows.saturating_sub(10) as f64 / 20.0;
        let by_bad = self.bad as f64 / 15.0;
        let known = by_windows.min(by_bad).min(1.0);
        UNKNOWN - (UNKNOWN - 1.0) * known
    }
}
