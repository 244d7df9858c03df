//! Geometry of the small charts: numbers in, coordinates out. The templates draw them.

use crate::view::{CanaryView, EstimateView};

/// Evidence from 1/100 to 1000 on a scale of factors, as a share of the width.
const LOW_EXPONENT: f64 = -2.0;
const HIGH_EXPONENT: f64 = 3.0;

/// The steps of a shift, in a box of 600 by 120.
pub struct Steps {
    /// One bar a step.
    pub bars: Vec<Bar>,
}

/// One bar of the chart, in the drawing's own units.
pub struct Bar {
    /// Left edge, from the drawing's left.
    pub x: f64,
    /// Top edge, from the drawing's top.
    pub y: f64,
    /// How wide it is drawn.
    pub width: f64,
    /// How high it is drawn.
    pub height: f64,
    /// Middle, for the text.
    pub middle: f64,
    /// Percent of traffic.
    pub weight: u32,
    /// `past`, `now`, `failed` or `next`.
    pub state: &'static str,
}

impl Steps {
    /// Of a shift; `over` when it came to an end, good or bad.
    pub fn of(canary: &CanaryView, over: bool, good: bool) -> Self {
        let width = 600.0 / canary.weights.len().max(1) as f64;
        let bar = |(place, weight): (usize, &u32)| {
            let height = f64::from((*weight).min(100)) * 0.8 + 4.0;
            let x = place as f64 * width;
            let state = match place.cmp(&canary.index) {
                std::cmp::Ordering::Less => "past",
                std::cmp::Ordering::Equal if over && good => "past",
                std::cmp::Ordering::Equal if over => "failed",
                std::cmp::Ordering::Equal => "now",
                std::cmp::Ordering::Greater => "next",
            };
            Bar {
                x: x + 2.0,
                y: 100.0 - height,
                width: width - 4.0,
                height,
                middle: x + width / 2.0,
                weight: *weight,
                state,
            }
        };
        Self { bars: canary.weights.iter().enumerate().map(bar).collect() }
    }
}

/// Where evidence stands on a scale 600 wide.
pub fn evidence_x(e: f64) -> f64 {
    let exponent = if e > 0.0 { e.log10() } else { LOW_EXPONENT };
    let share = (exponent - LOW_EXPONENT) / (HIGH_EXPONENT - LOW_EXPONENT);
    // The mark is a dot of radius 9 that stays whole at both ends.
    round((600.0 * share).clamp(10.0, 590.0))
}

/// A predicted interval and what was measured, on one scale 200 wide.
pub struct Interval {
    /// Left end of the interval.
    pub low: f64,
    /// How wide the whole is drawn.
    pub width: f64,
    /// What is expected.
    pub value: f64,
    /// What was measured.
    pub measured: Option<f64>,
}

impl Interval {
    /// Of an estimate.
    pub fn of(estimate: &EstimateView, measured: Option<f64>) -> Self {
        let most = estimate.high.max(measured.unwrap_or(0.0)).max(f64::MIN_POSITIVE) * 1.05;
        let x = |value: f64| round(200.0 * (value / most).clamp(0.0, 1.0));
        let low = x(estimate.low);
        Self {
            low,
            width: (x(estimate.high) - low).max(2.0),
            value: x(estimate.value),
            measured: measured.map(x),
        }
    }
}

/// The points of a line through values, oldest first, in a box of 240 by 40; empty for fewer than two.
pub fn sparkline(values: &[f64]) -> String {
    if values.len() < 2 {
        return String::new();
    }
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let step = 240.0 / (values.len() - 1) as f64;
    let point = |(place, value): (usize, &f64)| {
        let (x, y) = (round(place as f64 * step), round(38.0 - 36.0 * (value / most).clamp(0.0, 1.0)));
        format!("{x},{y}")
    };
    values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

/// Two decimals are finer than any screen.
fn round(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_hold_whatever_comes() {
        let places = [0.0, 1.0, 100.0, f64::MAX].map(|e| evidence_x(e).to_string());
        assert_eq!(places, ["10", "240", "480", "590"]);
        assert_eq!(sparkline(&[1.0]), "");
        assert_eq!(sparkline(&[0.0, 0.0]), "0,38 240,38");
        assert_eq!(sparkline(&[0.0, 1.0, 2.0]), "0,38 120,20 240,2");
    }
}
