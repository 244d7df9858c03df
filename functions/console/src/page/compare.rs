//! What was predicted beside what was measured.

use super::{chart::Interval, words};
use crate::view::{DeploymentView, ENOUGH_FOR_A_MONTH_MS, EstimateView};

/// One quantity as it was predicted and as it was measured.
pub struct Compared {
    /// What it is.
    pub name: &'static str,
    /// What is expected.
    pub predicted: String,
    /// Between what, with 90 %.
    pub interval: String,
    /// What it was learned from.
    pub n: String,
    /// What the model says without learning, where that differs.
    pub base: Option<String>,
    /// What was measured.
    pub measured: Option<String>,
    /// Why nothing is said to have been measured.
    pub missing: String,
    /// By how much that is more than expected.
    pub difference: Option<String>,
    /// The same, to be drawn.
    pub chart: Interval,
}

type Unit = fn(f64) -> String;

impl Compared {
    fn of(name: &'static str, estimate: &EstimateView, measured: Option<f64>, unit: Unit) -> Self {
        Self {
            name,
            predicted: unit(estimate.value),
            interval: format!("{} – {}", unit(estimate.low), unit(estimate.high)),
            n: match estimate.n {
                0 => "nothing learned yet".to_owned(),
                1 => "learned from 1 deployment-month".to_owned(),
                n => format!("learned from {n} deployment-months"),
            },
            base: (estimate.n > 0).then(|| unit(estimate.base)),
            measured: measured.map(unit),
            missing: "not measured yet".to_owned(),
            difference: measured
                .filter(|_| estimate.value > 0.0)
                .map(|m| difference(m / estimate.value - 1.0)),
            chart: Interval::of(estimate, measured),
        }
    }
}

/// All that is predicted; nothing before the decision is made.
pub fn comparison(view: &DeploymentView) -> Vec<Compared> {
    let Some(predicted) = &view.prediction else { return vec![] };
    let seen = view.metrics.as_ref();
    // Without requests there is nothing to compare a rate of use with.
    let app = seen.map(|seen| &seen.cloud_run).filter(|app| app.request_count > 0);
    let early = seen.map(|seen| seen.measured_ms).filter(|ms| *ms < ENOUGH_FOR_A_MONTH_MS);
    let cost = seen.filter(|_| early.is_none()).map(|seen| seen.billing.projected_monthly_cost);
    let mut month = Compared::of("Cost a month", &predicted.cost_month, cost, words::money);
    if let Some(ms) = early {
        month.missing = words::too_early(ms);
    }
    vec![
        month,
        Compared::of("CPU", &predicted.cpu_utilization, app.map(|app| app.cpu_utilization), words::percent),
        Compared::of(
            "Memory",
            &predicted.memory_utilization,
            app.map(|app| app.memory_utilization),
            words::percent,
        ),
        Compared::of("Latency", &predicted.latency_ms, app.map(|app| app.latency_ms), words::latency),
    ]
}

fn difference(ratio: f64) -> String {
    format!("{:+.0} %", ratio * 100.0).replace('-', "−")
}
