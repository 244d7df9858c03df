//! What people said, and what people are told.
//!
//! Invariant: an answer moves only head-room, between 0.9 and 1.3, at a quarter of a measurement's weight; cost is
//! never touched by an opinion. Every sentence is a template over numbers that were computed before.

use crate::logarithm::{exp, from_micros};
use model::document::calibration::{Answers, Metric};
use serde::{Deserialize, Serialize};

/// Head-room by which CPU and memory are multiplied, in thousandths, 900 to 1300.
///
/// `measured` is the number of own measurements, each for a factor of 1. An answer weighs a quarter of one and pulls
/// towards 0.9, 1 or 1.3. Without any measurement the prior stands for one.
pub fn headroom_milli(answers: &Answers, measured: i64) -> i64 {
    let count = |value: i64| i128::from(value.max(0));
    let (over, fit, under) = (count(answers.over), count(answers.fit), count(answers.under));
    let quarters = 4 * count(measured).max(1);
    let sum = 1000 * quarters + 900 * over + 1000 * fit + 1300 * under;
    (sum / (quarters + over + fit + under)) as i64
}

/// The numbers of one learning, for [`explain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Facts {
    /// What it is about.
    pub metric: Metric,
    /// What was predicted, in the unit of its metric.
    pub predicted_micros: i64,
    /// What happened, in the unit of its metric.
    pub actual_micros: i64,
    /// Similar services behind the correction, this one included.
    pub similar: i64,
    /// μ that now applies, in micro-nats.
    pub mu: i64,
}

/// "we predicted 12.40, you paid 15.10 (+22 %); from 7 similar services we now multiply by 1.18".
///
/// The currency is for the caller to name beside it: the price list's, US dollars.
pub fn explain(facts: &Facts) -> String {
    let happened = if facts.metric == Metric::CostMonth { "you paid" } else { "we measured" };
    let services = if facts.similar == 1 { "service" } else { "services" };
    format!(
        "{}we predicted {}, {happened} {}{}; from {} similar {services} we now multiply by {:.2}",
        subject(facts.metric),
        value(facts.metric, facts.predicted_micros),
        value(facts.metric, facts.actual_micros),
        percent(facts.predicted_micros, facts.actual_micros),
        facts.similar,
        exp(from_micros(facts.mu))
    )
}

const fn subject(metric: Metric) -> &'static str {
    match metric {
        Metric::CostMonth => "",
        Metric::CpuUtilization => "CPU: ",
        Metric::MemoryUtilization => "memory: ",
        Metric::LatencyMs => "latency: ",
    }
}

fn value(metric: Metric, micros: i64) -> String {
    let unit = micros as f64 / 1e6;
    match metric {
        // Below half a cent two decimals would say nothing was predicted or paid.
        Metric::CostMonth if micros != 0 && micros.abs() < 5_000 => format!("{unit:.6}"),
        Metric::CostMonth => format!("{unit:.2}"),
        Metric::CpuUtilization | Metric::MemoryUtilization => format!("{:.1} %", unit * 100.0),
        Metric::LatencyMs => format!("{:.1} ms", unit * 1000.0),
    }
}

fn percent(predicted: i64, actual: i64) -> String {
    if predicted <= 0 {
        return String::new();
    }
    let change = (actual as f64 / predicted as f64 - 1.0) * 100.0;
    format!(" ({change:+.0} %)")
}
