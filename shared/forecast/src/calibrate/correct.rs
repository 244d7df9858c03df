//! A base value and what was learned become a corrected value with an interval.
//!
//! Invariant: without anything learned the mean is the base; the result is integers, stored with the decision for
//! good, so a later comparison scores exactly what was promised.

use super::fold::{BETWEEN_CLASSES, BETWEEN_TENANTS, WITHIN};
use super::scores::{NORMAL_QUANTILE_MICROS, quantile_micros};
use super::{Cell, Metric, Scores, Summary};
use crate::logarithm::{exp, from_micros, to_micros};
use serde::{Deserialize, Serialize};

/// Variance of ln(actual / base) before anything is learned, in millionths of nat²: what differs between classes,
/// between tenants, and within one. A deviation of 0.73: the 90 % interval reaches from a third to three times.
pub const PRIOR_VARIANCE_MICROS: i64 = 540_000;

/// A predicted value: micro-dollars, millionths of what is configured, or microseconds, by its [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Predicted {
    /// Base P: what the price list and the priors give.
    pub base_micros: i64,
    /// Corrected mean: P × e^μ.
    pub mean_micros: i64,
    /// Lower end of the 90 % interval.
    pub low_micros: i64,
    /// Upper end of the 90 % interval.
    pub high_micros: i64,
    /// μ in micro-nats.
    pub mu: i64,
    /// V in millionths of nat².
    pub variance: i64,
    /// Own deployment-months behind it.
    pub n: i64,
    /// Deployment-months of the class behind it, own ones included.
    pub class_n: i64,
    /// Tenants behind the class, this one included.
    pub tenants: i64,
    /// 1 − half-width / prior half-width, in millionths; 0 before anything is learned.
    pub confidence_micros: i64,
}

impl Predicted {
    /// The factor that learning applies to the base.
    pub fn multiplier(&self) -> f64 {
        exp(from_micros(self.mu))
    }

    /// Whether what happened lies in the interval.
    pub fn covers(&self, actual_micros: i64) -> bool {
        (self.low_micros..=self.high_micros).contains(&actual_micros)
    }
}

/// Corrects `base_micros` by the class's summary and the tenant's own cells of the remembered months
/// ([`super::recent`]). μ = B ȳ + (1 − B) μ_class with B = n / (n + σ²/τ²).
pub fn correct(metric: Metric, base_micros: i64, class: Option<&Summary>, own: &Cell) -> Predicted {
    let (mu, variance) = posterior(class, own);
    let none = Scores::default();
    let scores = class.map_or(&none, |class| &class.scores);
    let half = from_micros(quantile_micros(scores, own.n)) * variance.sqrt();
    let prior_half = from_micros(NORMAL_QUANTILE_MICROS) * from_micros(PRIOR_VARIANCE_MICROS).sqrt();
    let value = |nats: f64| scale(metric, base_micros, nats);
    Predicted {
        base_micros,
        mean_micros: value(mu),
        low_micros: value(mu - half),
        high_micros: value(mu + half),
        mu: to_micros(mu),
        variance: to_micros(variance),
        n: own.n.max(0),
        class_n: class.map_or(own.n.max(0), |class| class.n),
        tenants: class.map_or(i64::from(own.n > 0), |class| class.tenants),
        confidence_micros: to_micros((1.0 - half / prior_half).clamp(0.0, 1.0)),
    }
}

fn posterior(class: Option<&Summary>, own: &Cell) -> (f64, f64) {
    let (mean, mean_variance, within, between) =
        class.map_or((0.0, BETWEEN_CLASSES, WITHIN, BETWEEN_TENANTS), |class| {
            (
                from_micros(class.mean),
                from_micros(class.mean_variance),
                from_micros(class.within),
                from_micros(class.between),
            )
        });
    let n = own.n.max(0) as f64;
    if n < 1.0 {
        return (mean, mean_variance + between + within);
    }
    let trust = n / (n + within / between);
    let rest = 1.0 - trust;
    let mu = trust * from_micros(own.sum_y) / n + rest * mean;
    (mu, rest * between + rest * rest * mean_variance + within)
}

fn scale(metric: Metric, base_micros: i64, nats: f64) -> i64 {
    let value = (base_micros as f64 * exp(nats)).round() as i64;
    if metric.is_share() { value.clamp(0, 1_000_000) } else { value }
}
