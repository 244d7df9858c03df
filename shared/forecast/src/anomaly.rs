//! The plain rule for anomalies: a z-score over a rolling window.
//!
//! Invariant: a point is judged against the points before it, never against itself; with fewer than
//! [`MINIMUM_POINTS`] of them there is no judgement. The state is the window and nothing else. Alone this rule is
//! noisy; it is reported as `z` and promised as such.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Points that must have been seen before one is judged.
pub const MINIMUM_POINTS: usize = 10;
/// |z| from which a point is of medium severity.
pub const MEDIUM: f64 = 2.5;
/// |z| from which a point is of high severity.
pub const HIGH: f64 = 3.5;
/// |z| is never reported beyond this: a flat series has no deviation to divide by.
pub const GREATEST: f64 = 100.0;

/// How unusual a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to tell.
    None,
    /// 2.5 deviations or more.
    Medium,
    /// 3.5 deviations or more.
    High,
}

/// The judgement of one point, with what it was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The point.
    pub value: f64,
    /// Mean of the points before it.
    pub mean: f64,
    /// Their standard deviation, not below the floor.
    pub deviation: f64,
    /// (value − mean) / deviation, within ± [`GREATEST`].
    pub z: f64,
    /// What that means.
    pub severity: Severity,
    /// Points it was compared with.
    pub points: usize,
}

/// The rolling window of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// Most points that are kept, at least [`MINIMUM_POINTS`].
    capacity: usize,
    /// Deviation that counts as at least, in the series' unit: smaller wobbles are never an anomaly.
    floor: f64,
    /// Oldest first.
    points: VecDeque<f64>,
}

impl Rolling {
    /// An empty window of at most `capacity` points. `floor` is the least deviation that matters in the series' own
    /// unit (0.001 for a share, 1 for milliseconds); not below 0.
    pub fn new(capacity: usize, floor: f64) -> Self {
        let floor = if floor.is_finite() { floor.max(0.0) } else { 0.0 };
        Self { capacity: capacity.max(MINIMUM_POINTS), floor, points: VecDeque::new() }
    }

    /// Points in the window.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// No point was added yet.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Judges `value` against the window, then adds it. `None` while there are too few points, and for a value that
    /// is not a finite number, which is not added.
    pub fn add(&mut self, value: f64) -> Option<Judgement> {
        if !value.is_finite() {
            return None;
        }
        let judged = self.judge(value);
        while self.points.len() >= self.capacity {
            self.points.pop_front();
        }
        self.points.push_back(value);
        judged
    }

    /// Judges `value` without adding it.
    pub fn judge(&self, value: f64) -> Option<Judgement> {
        if self.points.len() < MINIMUM_POINTS || !value.is_finite() {
            return None;
        }
        let (mean, variance) = self.moments();
        let deviation = variance.sqrt().max(self.floor);
        let z = score(value - mean, deviation);
        Some(Judgement { value, mean, deviation, z, severity: severity(z), points: self.points.len() })
    }

    /// Mean and sample variance by Welford's pass over the whole window: sliding sums would drift with time.
    fn moments(&self) -> (f64, f64) {
        let (mut mean, mut squares) = (0.0, 0.0);
        for (index, point) in self.points.iter().enumerate() {
            let step = point - mean;
            mean += step / (index + 1) as f64;
            squares += step * (point - mean);
        }
        (mean, squares / (self.points.len() - 1) as f64)
    }
}

fn score(distance: f64, deviation: f64) -> f64 {
    if distance == 0.0 {
        return 0.0;
    }
    let z = distance / deviation;
    // Numbers so large that their squares overflow leave nothing to compare with.
    if z.is_nan() { 0.0 } else { z.clamp(-GREATEST, GREATEST) }
}

/// What a z-score means.
pub fn severity(z: f64) -> Severity {
    match z.abs() {
        high if high >= HIGH => Severity::High,
        medium if medium >= MEDIUM => Severity::Medium,
        _ => Severity::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(values: impl IntoIterator<Item = f64>) -> Rolling {
        let mut rolling = Rolling::new(60, 0.0);
        values.into_iter().for_each(|value| {
            rolling.add(value);
        });
        rolling
    }

    #[test]
    fn nothing_is_judged_before_ten_points() {
        let mut rolling = Rolling::new(60, 0.0);
        for value in 0..10 {
            assert_eq!(rolling.add(f64::from(value)), None);
        }
        assert!(rolling.add(4.5).is_some());
    }

    #[test]
    fn thresholds_are_two_and_a_half_and_three_and_a_half() {
        // Mean 0, sample deviation 1 by construction: ±a with a² · 10 / 9 = 1.
        let a = 0.9_f64.sqrt();
        let rolling = filled((0..10).map(|index| if index % 2 == 0 { a } else { -a }));
        for (value, expected) in [
            (0.0, Severity::None),
            (2.49, Severity::None),
            (-2.51, Severity::Medium),
            (3.49, Severity::Medium),
            (3.51, Severity::High),
            (-9.0, Severity::High),
        ] {
            let judged = rolling.judge(value).unwrap();
            assert_eq!(judged.severity, expected, "{value}");
            assert!((judged.z - value).abs() < 1e-9);
        }
    }

    #[test]
    fn a_flat_series_is_judged_without_dividing_by_zero() {
        let rolling = filled([5.0; 20]);
        assert_eq!(rolling.judge(5.0).unwrap().severity, Severity::None);
        let judged = rolling.judge(5.1).unwrap();
        assert!((judged.z - GREATEST).abs() < f64::EPSILON && judged.severity == Severity::High);
        let mut floored = Rolling::new(60, 1.0);
        (0..20).for_each(|_| {
            floored.add(5.0);
        });
        assert_eq!(floored.judge(7.0).unwrap().severity, Severity::None);
    }

    #[test]
    fn the_window_rolls_and_survives_json() {
        let mut rolling = Rolling::new(12, 0.0);
        (0..100).for_each(|value| {
            rolling.add(f64::from(value));
        });
        assert_eq!(rolling.len(), 12);
        assert!((rolling.judge(0.0).unwrap().mean - 93.5).abs() < 1e-9);
        let json = serde_json::to_string(&rolling).unwrap();
        assert_eq!(serde_json::from_str::<Rolling>(&json).unwrap(), rolling);
    }

    proptest! {
        #[test]
        fn any_series_is_judged_within_bounds(values in prop::collection::vec(any::<f64>(), 0..80)) {
            let mut rolling = Rolling::new(20, 0.0);
            for value in values {
                if let Some(judged) = rolling.add(value) {
                    prop_assert!(judged.z.abs() <= GREATEST);
                }
                prop_assert!(rolling.len() <= 20);
            }
        }
    }
}
