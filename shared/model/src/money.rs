//! Money as integer micro-dollars, so that sums are exact and any order of adding gives the same bits.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Millionths of a US dollar.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Rounds dollars to the nearest millionth; `None` if it isn't a finite number that fits.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let micros = (usd * 1e6).round();
        (micros.is_finite() && micros.abs() < 9e18).then_some(Self(micros as i64))
    }

    /// Dollars, for arithmetic and for JSON that people's clients read.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} USD", self.usd())
    }
}
