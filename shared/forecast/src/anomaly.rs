//! The plain rule for anomalies: a z-score over a rolling window.
//!
//! Invariant: a point is judged against the points before it, never against itself; with fewer than
//! [`MINIMUM_POINTS`] of them there is no judgement. The state is the window and nothing else. Alone this rule is
//! noisy; it is reported as `z` and promised as such.

use model::document::{Rolling, Severity};
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

/// The judgement of one point, with what it was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The point that is judged, in the series' own unit.
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

/// An empty window of at most `capacity` points. `floor` is the least deviation that matters in the series' own unit
/// (0.001 for a share, 1 for milliseconds); not below 0.
pub fn window(capacity: usize, floor: f64) -> Rolling {
    let floor = if floor.is_finite() { floor.max(0.0) } else { 0.0 };
    Rolling { capacity: capacity.max(MINIMUM_POINTS), floor, points: VecDeque::new() }
}

/// Judges `value` against the window, then adds it. `None` while there are too few points, and for a value that is not
/// a finite number, which is not added.
pub fn add(window: &mut Rolling, value: f64) -> Option<Judgement> {
    if !value.is_finite() {
        return None;
    }
    let judged = judge(window, value);
    while window.points.len() >= window.capacity {
        window.points.pop_front();
    }
    window.points.push_back(value);
    judged
}

/// Judges `value` without adding it.
pub fn judge(window: &Rolling, value: f64) -> Option<Judgement> {
    if window.points.len() < MINIMUM_POINTS || !value.is_finite() {
        return None;
    }
    let (mean, variance) = moments(&window.points);
    let deviation = variance.sqrt().max(window.floor);
    let z = score(value - mean, deviation);
    Some(Judgement { value, mean, deviation, z, severity: severity(z), points: window.points.len() })
}

/// Mean and sample variance by Welford's pass over the whole window: sliding sums would drift with time.
fn moments(points: &VecDeque<f64>) -> (f64, f64) {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (index, point) in points.iter().enumerate() {
        let step = point - mean;
        mean += step / (index + 1) as f64;
        squares += step * (point - mean);
    }
    (mean, squares / (points.len() - 1) as f64)
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
        let mut rolling = window(60, 0.0);
        values.into_iter().for_each(|value| {
            add(&mut rolling, value);
        });
        rolling
    }

    #[test]
    fn nothing_is_judged_before_ten_points() {
        let mut rolling = window(60, 0.0);
        for value in 0..10 {
            assert_eq!(add(&mut rolling, f64::from(value)), None);
        }
        assert!(add(&mut rolling, 4.5).is_some());
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
            let judged = judge(&rolling, value).unwrap();
            assert_eq!(judged.severity, expected, "{value}");
            assert!((judged.z - value).abs() < 1e-9);
        }
    }

    #[test]
    fn a_flat_series_is_judged_without_dividing_by_zero() {
        let rolling = filled([5.0; 20]);
        assert_eq!(judge(&rolling, 5.0).unwrap().severity, Severity::None);
        let judged = judge(&rolling, 5.1).unwrap();
        assert!((judged.z - GREATEST).abs() < f64::EPSILON && judged.severity == Severity::High);
        let mut floored = window(60, 1.0);
        (0..20).for_each(|_| {
            add(&mut floored, 5.0);
        });
        assert_eq!(judge(&floored, 7.0).unwrap().severity, Severity::None);
    }

    #[test]
    fn the_window_rolls_and_survives_json() {
        let mut rolling = window(12, 0.0);
        (0..100).for_each(|value| {
            add(&mut rolling, f64::from(value));
        });
        assert_eq!(rolling.points.len(), 12);
        assert!((judge(&rolling, 0.0).unwrap().mean - 93.5).abs() < 1e-9);
        let json = serde_json::to_string(&rolling).unwrap();
        assert_eq!(serde_json::from_str::<Rolling>(&json).unwrap(), rolling);
    }

    proptest! {
        #[test]
        fn any_series_is_judged_within_bounds(values in prop::collection::vec(any::<f64>(), 0..80)) {
            let mut rolling = window(20, 0.0);
            for value in values {
                if let Some(judged) = add(&mut rolling, value) {
                    prop_assert!(judged.z.abs() <= GREATEST);
                }
                prop_assert!(rolling.points.len() <= 20);
            }
        }
    }
}
