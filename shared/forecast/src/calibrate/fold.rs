//! Cells become one summary per class and metric: what a decision reads.
//!
//! Invariant: the unit is the tenant. A tenant weighs n/(n+1), never 1, so one that reports fifty times, or lies five
//! hundred times, is still one voice; from five tenants on the median of their means decides.

use super::{
    Month,
    cell::{Key, is_remembered},
};
use crate::logarithm::{from_micros, to_micros};
use model::document::calibration::{Cell, Metric, Scores, Summary};
use std::collections::BTreeMap;

/// Variance of one observation within a tenant, assumed until there are some (nat²).
pub(super) const WITHIN: f64 = 0.04;
/// Variance between tenants of a class, assumed until there are two (nat²).
pub(super) const BETWEEN_TENANTS: f64 = 0.25;
/// Variance between tenants is never taken to be less.
const BETWEEN_TENANTS_FLOOR: f64 = 0.05;
/// Variance between classes (nat²).
pub(super) const BETWEEN_CLASSES: f64 = 0.25;
/// From this many tenants on their median is preferred to their mean.
const MEDIAN_FROM: usize = 5;
/// With fewer tenants a mean is drawn in to this distance from their median: two deviations at the floor.
const REACH: f64 = 0.447;

/// A tenant's cells of the remembered months.
struct Voice {
    n: f64,
    mean: f64,
    /// Σ (y − ȳ)².
    spread: f64,
}

/// A class before it is drawn towards the others.
struct Raw {
    mean: f64,
    mean_variance: f64,
    within: f64,
    between: f64,
    n: i64,
    tenants: usize,
}

/// One summary for each class and metric in `cells`, from the last six months up to `now`. The order of `cells` does
/// not matter, nor whether a key's sums come in one cell or in shards.
pub fn fold<'a>(cells: impl IntoIterator<Item = (&'a Key, &'a Cell)>, now: Month) -> Vec<Summary> {
    let mut classes: BTreeMap<(Metric, &str), BTreeMap<&str, Cell>> = BTreeMap::new();
    for (key, cell) in cells.into_iter().filter(|(key, _)| is_remembered(key.month, now)) {
        let tenants = classes.entry((key.metric, &key.class)).or_default();
        let sum = tenants.entry(&key.tenant).or_default();
        *sum = sum.plus(*cell);
    }
    let raw: BTreeMap<_, _> =
        classes.into_iter().filter_map(|(key, tenants)| Some((key, raw(&tenants)?))).collect();
    let globals = Metric::ALL.map(|metric| {
        let of_metric = raw.iter().filter(|((other, _), _)| *other == metric);
        (metric, global_mean(&of_metric.map(|(_, made)| made).collect::<Vec<_>>()))
    });
    let global =
        |metric: Metric| globals.iter().find(|(other, _)| *other == metric).map_or(0.0, |(_, mean)| *mean);
    raw.iter().map(|((metric, class), made)| summary(class, *metric, now, made, global(*metric))).collect()
}

fn summary(class: &str, metric: Metric, month: Month, raw: &Raw, global: f64) -> Summary {
    let trust = BETWEEN_CLASSES / (BETWEEN_CLASSES + raw.mean_variance);
    Summary {
        class: class.to_owned(),
        metric,
        month,
        mean: to_micros(trust * raw.mean + (1.0 - trust) * global),
        mean_variance: to_micros(trust * raw.mean_variance),
        within: to_micros(raw.within),
        between: to_micros(raw.between),
        n: raw.n,
        tenants: raw.tenants as i64,
        scores: Scores::default(),
    }
}

/// Mean over classes, drawn towards 0 (no error) as long as there are few of them.
fn global_mean(classes: &[&Raw]) -> f64 {
    if classes.len() >= MEDIAN_FROM {
        return median(classes.iter().map(|class| class.mean));
    }
    let weight = |class: &Raw| 1.0 / (BETWEEN_CLASSES + class.mean_variance);
    let total: f64 = classes.iter().map(|class| weight(class)).sum::<f64>() + 1.0 / BETWEEN_CLASSES;
    classes.iter().map(|class| weight(class) * class.mean).sum::<f64>() / total
}

fn raw(tenants: &BTreeMap<&str, Cell>) -> Option<Raw> {
    let voices: Vec<Voice> = tenants.values().filter(|cell| cell.n > 0).map(voice).collect();
    let n = tenants.values().fold(0_i64, |sum, cell| sum.saturating_add(cell.n.max(0)));
    if voices.is_empty() {
        return None;
    }
    let within = within(&voices);
    let (mean, between) = (mean(&voices), between(&voices, within));
    let weight: f64 = voices.iter().map(|voice| voice.n / (voice.n + 1.0)).sum();
    let noise = voices.iter().map(|voice| within / voice.n).sum::<f64>() / voices.len() as f64;
    Some(Raw { mean, mean_variance: (between + noise) / weight, within, between, n, tenants: voices.len() })
}

fn voice(cell: &Cell) -> Voice {
    let n = cell.n as f64;
    let mean = from_micros(cell.sum_y) / n;
    Voice { n, mean, spread: (from_micros(cell.sum_yy) - n * mean * mean).max(0.0) }
}

fn mean(voices: &[Voice]) -> f64 {
    let middle = median(voices.iter().map(|voice| voice.mean));
    if voices.len() >= MEDIAN_FROM {
        return middle;
    }
    // Of two tenants nobody can say which is the odd one out.
    let reach = if voices.len() < 3 { f64::INFINITY } else { REACH };
    let (sum, total) = voices.iter().fold((0.0, 0.0), |(sum, total), voice| {
        let weight = voice.n / (voice.n + 1.0);
        (sum + weight * voice.mean.clamp(middle - reach, middle + reach), total + weight)
    });
    sum / total
}

/// σ²: each tenant's own variance, weighted by what it can tell and never by more than 1; the assumption counts as one.
fn within(voices: &[Voice]) -> f64 {
    let several = voices.iter().filter(|voice| voice.n > 1.0);
    let (sum, weight) = several.fold((WITHIN, 1.0), |(sum, weight), voice| {
        let own = (voice.n - 1.0) / voice.n;
        (sum + own * voice.spread / (voice.n - 1.0), weight + own)
    });
    sum / weight
}

/// τ²: between tenants, less what the noise within them explains; by median deviation where a median is used.
fn between(voices: &[Voice], within: f64) -> f64 {
    let count = voices.len() as f64;
    let middle = median(voices.iter().map(|voice| voice.mean));
    let noise = voices.iter().map(|voice| within / voice.n).sum::<f64>() / count;
    let found = if voices.len() >= MEDIAN_FROM {
        let deviation = 1.4826 * median(voices.iter().map(|voice| (voice.mean - middle).abs()));
        deviation * deviation - noise
    } else {
        let mean = voices.iter().map(|voice| voice.mean).sum::<f64>() / count;
        let squares: f64 = voices.iter().map(|voice| (voice.mean - mean) * (voice.mean - mean)).sum();
        // The assumption counts as one degree of freedom beside the count − 1 that were observed.
        (BETWEEN_TENANTS + (squares - (count - 1.0) * noise)) / count
    };
    found.max(BETWEEN_TENANTS_FLOOR)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}
