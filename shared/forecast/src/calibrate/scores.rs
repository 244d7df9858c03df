//! How far off predictions were, measured in their own standard deviations: the conformal part of an interval.
//!
//! Invariant: integer counts in fixed buckets, so scores may be added in any order; those of predictions without own
//! experience (n = 0) and with it (n > 0) never mix.

use model::document::calibration::Scores;

/// 95 % quantile of the normal distribution (so 90 % between both ends), used until there are enough scores.
pub const NORMAL_QUANTILE_MICROS: i64 = 1_645_000;

/// Scores that are needed before they are trusted.
const ENOUGH: i64 = 20;
/// Width of a bucket in millionths of a standard deviation.
const WIDTH: i64 = 20_000;
/// Share of predictions that the interval shall cover, in percent.
const COVERAGE: i64 = 90;

/// The bucket of an outcome `y` for a prediction with `mu` and `variance` (micro-nats, millionths of nat²): of
/// |y − μ| / √V.
pub fn bucket(y: i64, mu: i64, variance: i64) -> u16 {
    let deviation = (variance.max(1) as f64 / 1e6).sqrt() * 1e6;
    let score = (y.saturating_sub(mu).unsigned_abs() as f64 / deviation * 1e6) as i64;
    (score / WIDTH).min(i64::from(Scores::LAST)) as u16
}

/// q in millionths: the 90 % quantile of past scores for predictions like this one, 1.645 until there are 20.
pub fn quantile_micros(scores: &Scores, n: i64) -> i64 {
    let side = if n > 0 { &scores.seen } else { &scores.unseen };
    let total: i64 = side.values().filter(|count| **count > 0).sum();
    if total < ENOUGH {
        return NORMAL_QUANTILE_MICROS;
    }
    // The (n + 1) of split conformal prediction: the outcome to come is one of them.
    let rank = ((total + 1) * COVERAGE).div_euclid(100) + i64::from((total + 1) * COVERAGE % 100 > 0);
    let mut seen = 0;
    let found = side.iter().filter(|(_, count)| **count > 0).find(|(_, count)| {
        seen += **count;
        seen >= rank.min(total)
    });
    found.map_or(NORMAL_QUANTILE_MICROS, |(bucket, _)| (i64::from(*bucket) + 1) * WIDTH)
}
