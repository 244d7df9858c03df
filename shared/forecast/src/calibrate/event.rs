//! One comparison of a prediction with what happened.
//!
//! Invariant: the same comparison always has the same id and the same y, and what it adds to a cell depends only on
//! the newest revision of it, never on when or how often it arrives.

use super::Month;
use crate::logarithm;
use model::document::calibration::{Cell, Metric};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// ln 8 in micro-nats: an error counts as at most eightfold.
pub const LIMIT: i64 = 2_079_442;

/// y = clamp(ln(actual / base), ± ln 8) in micro-nats.
///
/// Both values are in the unit of the metric ([`Metric`]); `base` is P re-priced at the demand that was observed, or a
/// change of traffic would look like a wrong price. Values below 1 count as 1, so that nothing is
/// undefined: both zero is no error.
pub fn event(actual_micros: i64, base_micros: i64) -> i64 {
    let ratio = actual_micros.max(1) as f64 / base_micros.max(1) as f64;
    logarithm::to_micros(logarithm::ln(ratio)).clamp(-LIMIT, LIMIT)
}

/// The id under which a comparison is stored: 32 hex digits of SHA-256 over deployment, metric and month.
pub fn event_id(deployment: &str, metric: Metric, month: Month) -> String {
    let mut hasher = Sha256::new();
    for part in [deployment, metric.name(), &month.to_string()] {
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(&hasher.finalize()[..16])
}

/// What the event's document keeps of the comparison, ordered so that the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Recorded {
    /// Which reading of the actual it is: 0 for the first settled one, higher for later corrections.
    pub revision: i64,
    /// The result of [`event`].
    pub y: i64,
}

/// What to add to the cell in the commit that stores `arrived`; `None` if it is a repetition or older than what is
/// stored. A correction adds the integer difference and no n. Guard the commit by the version of `stored`.
pub fn delta(stored: Option<Recorded>, arrived: Recorded) -> Option<Cell> {
    let new = Cell::of(arrived.y.clamp(-LIMIT, LIMIT));
    match stored {
        None => Some(new),
        Some(stored) if arrived > stored => {
            let old = Cell::of(stored.y.clamp(-LIMIT, LIMIT));
            Some(Cell { n: 0, sum_y: new.sum_y - old.sum_y, sum_yy: new.sum_yy - old.sum_yy })
        }
        Some(_) => None,
    }
}
