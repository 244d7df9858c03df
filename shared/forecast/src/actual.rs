//! What really happened, in the units of a decision's prediction, and what that decision would have predicted had
//! it known the traffic.
//!
//! Invariant: the sums are over whole windows and don't depend on their order; what was not measured is absent,
//! never 0; an actual is compared with P re-priced at the demand that was observed, never with P at the assumed one.

use crate::{
    calibrate::{Metric, event},
    histogram::Histogram,
    size::{self, Basis, Demand, Place, Shape},
};
use model::{
    Timestamp,
    document::{Decision, Estimate, Observation},
    time::DAY_MS,
};
use std::collections::BTreeMap;

/// A month of 30 days, as predictions count it.
const MONTH_MS: i128 = 30 * DAY_MS as i128;
/// What a share can't exceed, in millionths.
const WHOLE: i64 = 1_000_000;

/// What a set of windows came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actual {
    /// How many windows.
    pub windows: usize,
    /// Time that they cover, in milliseconds.
    pub covered_ms: i64,
    /// First moment of the first.
    pub from: Timestamp,
    /// First moment after the last.
    pub to: Timestamp,
    /// Requests on a month of 30 days, where they were counted.
    pub requests_month: Option<u64>,
    /// What was measured: micro-dollars a month, millionths of what is configured, microseconds.
    pub values: BTreeMap<Metric, i64>,
    /// Whether any of the cost was reckoned from list prices.
    pub cost_estimated: bool,
}

/// One metric of a decision beside what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The metric that is compared; it decides the unit of the rest.
    pub metric: Metric,
    /// What the decision promised, under the traffic that it assumed.
    pub promised: i64,
    /// The unlearned value at the demand that was observed.
    pub base: i64,
    /// What the decision would have promised at that demand.
    pub predicted: i64,
    /// What was measured, in the metric's unit.
    pub actual: i64,
    /// ln(actual / base), clamped, in micro-nats.
    pub y: i64,
}

#[derive(Default)]
struct Sums {
    cpu_ms: u64,
    busy_ms: u64,
    memory: i128,
    memory_ms: i128,
    latency: Histogram,
    told_latency: i128,
    told_ms: i128,
    cost: i128,
    cost_ms: i128,
    requests: u64,
    requests_ms: i128,
}

/// Sums up windows in which the decision served; `None` without any.
pub fn actual(decision: &Decision, observations: &[Observation]) -> Option<Actual> {
    let from = observations.iter().map(|seen| seen.window.from).min()?;
    let to = observations.iter().map(|seen| seen.window.to).max()?;
    let mut sums = Sums::default();
    for seen in observations {
        add(&mut sums, decision, seen);
    }
    let covered_ms = observations.iter().map(|seen| seen.window.to.since(seen.window.from).max(0)).sum();
    Some(Actual {
        windows: observations.len(),
        covered_ms,
        from,
        to,
        requests_month: (sums.requests > 0)
            .then(|| month(i128::from(sums.requests), sums.requests_ms) as u64),
        values: values(&sums, decision),
        cost_estimated: observations.iter().any(|seen| seen.cost_estimated && seen.utilization.cost > 0),
    })
}

fn add(sums: &mut Sums, decision: &Decision, seen: &Observation) {
    let ms = i128::from(seen.window.to.since(seen.window.from).max(1));
    let (counts, told) = (&seen.counts, &seen.utilization);
    let sent = seen.source == "webhook";
    if counts.instance_ms > 0 && counts.requests > 0 {
        let latency = Histogram::from(counts);
        sums.cpu_ms += counts.cpu_ms;
        sums.busy_ms += busy_ms(&latency).clamp(1, counts.instance_ms);
        sums.latency.merge(&latency);
    } else if sent {
        // Whole utilisation is all a customer sends: as good as it gets.
        if told.cpu > 0 {
            let allotted = ms * i128::from(decision.configuration.cpu_milli.max(1)) / 1000;
            sums.cpu_ms += (i128::from(told.cpu) * allotted / i128::from(WHOLE)) as u64;
            sums.busy_ms += ms as u64;
        }
        if told.latency > 0 {
            sums.told_latency += i128::from(told.latency) * ms;
            sums.told_ms += ms;
        }
    }
    if told.memory > 0 {
        sums.memory += i128::from(told.memory) * ms;
        sums.memory_ms += ms;
    }
    if told.cost > 0 || !sent {
        sums.cost += i128::from(told.cost);
        sums.cost_ms += ms;
    }
    if counts.requests > 0 || !sent {
        sums.requests += counts.requests;
        sums.requests_ms += ms;
    }
}

/// Time in which at least one request ran, at most: latencies one after the other.
fn busy_ms(latency: &Histogram) -> u64 {
    let micros = latency.iter().fold(0_u64, |sum, (bucket, count)| {
        sum.saturating_add(crate::histogram::EDGES[usize::from(bucket)].saturating_mul(count))
    });
    micros / 1000
}

fn values(sums: &Sums, decision: &Decision) -> BTreeMap<Metric, i64> {
    let cpu = u128::from(sums.cpu_ms) * 1_000_000_000;
    let allotted = u128::from(sums.busy_ms) * u128::from(decision.configuration.cpu_milli.max(1));
    let latency = match sums.latency.quantile(0.5) {
        Some(median) => median as i64,
        None => ratio(sums.told_latency, sums.told_ms),
    };
    let measured = [
        (Metric::CostMonth, month(sums.cost, sums.cost_ms)),
        (Metric::CpuUtilization, ratio(cpu as i128, allotted as i128).min(WHOLE)),
        (Metric::MemoryUtilization, ratio(sums.memory, sums.memory_ms).min(WHOLE)),
        (Metric::LatencyMs, latency),
    ];
    measured.into_iter().filter(|(_, value)| *value > 0).collect()
}

fn month(sum: i128, ms: i128) -> i64 {
    ratio(sum.saturating_mul(MONTH_MS), ms)
}

fn ratio(part: i128, whole: i128) -> i64 {
    if whole > 0 { i64::try_from(part / whole).unwrap_or(i64::MAX) } else { 0 }
}

/// A decision's prediction of a metric.
pub fn promise(decision: &Decision, metric: Metric) -> &Estimate {
    match metric {
        Metric::CostMonth => &decision.prediction.cost_month,
        Metric::CpuUtilization => &decision.prediction.cpu,
        Metric::MemoryUtilization => &decision.prediction.memory,
        Metric::LatencyMs => &decision.prediction.latency,
    }
}

/// Each metric that has an actual beside what the decision would have predicted at `requests_month`.
pub fn compare(
    decision: &Decision,
    values: &BTreeMap<Metric, i64>,
    requests_month: Option<u64>,
) -> Vec<Comparison> {
    let demand = demand_factors(decision, requests_month);
    let one = |(metric, actual): (&Metric, &i64)| {
        let promised = promise(decision, *metric);
        let factor = demand.get(metric).copied().unwrap_or(1.0);
        let scaled = |value: i64| {
            let value = (value as f64 * factor).round() as i64;
            if metric.is_share() { value.clamp(0, WHOLE) } else { value.max(0) }
        };
        let base = scaled(promised.base);
        Comparison {
            metric: *metric,
            promised: promised.value,
            base,
            predicted: scaled(promised.value),
            actual: *actual,
            y: event(*actual, base),
        }
    };
    values.iter().map(one).collect()
}

/// By how much the observed traffic changes each base. A ratio, because a customer's promise is not ours to price.
fn demand_factors(decision: &Decision, requests_month: Option<u64>) -> BTreeMap<Metric, f64> {
    let configuration = &decision.configuration;
    let shape = Shape {
        cpu_milli: configuration.cpu_milli,
        memory_mib: configuration.memory_mib,
        concurrency: configuration.concurrency,
    };
    let place = Place { region: configuration.region.clone(), ..Place::default() };
    let price = |requests_month: u64| {
        let demand = Demand {
            requests_month,
            duration_ms: Some(decision.demand.duration_ms),
            min_instances: configuration.min_instances,
            basis: Basis::Measured,
        };
        size::reprice(&decision.class, shape, &demand, &place).ok()
    };
    let Some(requests) = requests_month else { return BTreeMap::new() };
    let (Some(assumed), Some(observed)) = (price(decision.demand.requests_month), price(requests)) else {
        return BTreeMap::new();
    };
    let factor = |metric: Metric| {
        let (from, to) = (assumed.of(metric), observed.of(metric));
        (from > 0).then(|| (metric, to as f64 / from as f64))
    };
    Metric::ALL.into_iter().filter_map(factor).collect()
}

#[cfg(test)]
#[path = "actual_tests.rs"]
mod tests;
