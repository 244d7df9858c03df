//! Counts of a window in the units that predictions are in.
//!
//! Invariant: what wasn't there to be measured is 0 and is never compared; a projection to a month is an estimate
//! and only as good as its window.

use forecast::histogram::Histogram;
use model::{
    document::{Configuration, Utilization},
    port::target::{Cost, RevisionWindow, Window},
    time::DAY_MS,
};

/// A month, as predictions count it.
const MONTH_MS: i64 = 30 * DAY_MS;

/// What a window came to.
pub fn utilization(
    counts: &RevisionWindow,
    cost: &Cost,
    configuration: Option<&Configuration>,
    window: Window,
) -> Utilization {
    let length = window.to.since(window.from).max(1);
    let month = |value: i64| (i128::from(value) * i128::from(MONTH_MS) / i128::from(length)) as i64;
    Utilization {
        cpu: share(
            counts.cpu_ms as f64,
            counts.instance_ms as f64 * configuration.map_or(1.0, |c| f64::from(c.cpu_milli) / 1000.0),
        ),
        memory: share(counts.memory_mib as f64, configuration.map_or(0.0, |c| f64::from(c.memory_mib))),
        latency: Histogram::from(counts).quantile(0.5).unwrap_or_default() as i64,
        error_rate: share(counts.server_errors as f64, counts.requests as f64),
        cost: cost.total.0,
        cost_month: month(cost.total.0),
        requests_month: month(counts.requests as i64),
    }
}

/// Millionths; 0 where there is nothing to divide by.
fn share(part: f64, whole: f64) -> i64 {
    if whole > 0.0 { (part / whole * 1e6).round() as i64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Micros, Timestamp};

    #[test]
    fn a_minute_becomes_shares_and_a_month() {
        let counts = RevisionWindow {
            requests: 600,
            server_errors: 6,
            latency: vec![(0, 600)],
            cpu_ms: 15_000,
            memory_mib: 64,
            instance_ms: 60_000,
            ..RevisionWindow::default()
        };
        let cost =
            Cost { total: Micros(100), estimated: true, cpu_seconds: 15.0, gib_seconds: 3.75, requests: 600 };
        let configuration = Configuration {
            cpu_milli: 500,
            memory_mib: 128,
            concurrency: 80,
            min_instances: 0,
            max_instances: 1,
            region: "us-central1".into(),
        };
        let window = Window { from: Timestamp(0), to: Timestamp(60_000) };
        let made = utilization(&counts, &cost, Some(&configuration), window);
        assert_eq!((made.cpu, made.memory, made.error_rate), (500_000, 500_000, 10_000));
        assert_eq!((made.latency, made.cost_month, made.requests_month), (100, 100 * 43_200, 600 * 43_200));
        let nothing = utilization(&RevisionWindow::default(), &cost, None, window);
        assert_eq!((nothing.cpu, nothing.memory, nothing.error_rate, nothing.latency), (0, 0, 0, 0));
    }
}
