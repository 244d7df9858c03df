//! The prediction of a decision: cost, CPU, memory and latency, each with its interval.
//!
//! Invariant: with nothing learned each value is its base; the base at another demand comes from the same function
//! ([`reprice`]), so that a learning compares like with like.

use super::prior::{Prior, prior};
use super::shape::{Generation, Legal, Shape, legal};
use crate::calibrate::{Cell, MODEL_VERSION, Metric, Predicted, Summary, correct};
use crate::price::{Billing, Error, Usage, bill};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds of a month of 30 days, as demand counts it.
const MONTH_SECONDS: f64 = 2_592_000.0;
/// Utilisation that a base never exceeds: above it requests queue instead.
const FULL: i64 = 950_000;

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// It was observed on this service.
    Measured,
    /// It is a starting point, or a public price.
    Assumed,
    /// It was corrected by what happened to this tenant or to others.
    Learned,
}

/// The traffic that a prediction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Demand {
    /// Requests in a month of 30 days.
    pub requests_month: u64,
    /// Mean time to answer one, in milliseconds; `None`: the framework's.
    pub duration_ms: Option<u32>,
    /// Instances that always run.
    #[serde(default)]
    pub min_instances: u32,
    /// Whether it was measured or assumed.
    pub basis: Basis,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            requests_month: super::ASSUMED_REQUESTS_MONTH,
            duration_ms: None,
            min_instances: 0,
            basis: Basis::Assumed,
        }
    }
}

/// Where and how it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Cloud Run region; on a machine, the region whose prices are used.
    pub region: String,
    /// How it is billed.
    pub billing: Billing,
    /// Cloud Run's execution environment, which decides the least memory.
    pub generation: Generation,
    /// What whoever configures it wants an instance to get.
    pub asked: Asked,
}

/// Parts of a shape that are asked for; what is absent is recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// vCPU in thousandths.
    pub cpu_milli: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u32>,
    /// Requests at once.
    pub concurrency: Option<u32>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            region: "us-central1".to_owned(),
            billing: Billing::Request,
            generation: Generation::First,
            asked: Asked::default(),
        }
    }
}

/// What was learned, as far as this decision may know it. `Default`: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Learning {
    /// The class's summaries, by metric.
    pub class: BTreeMap<Metric, Summary>,
    /// The tenant's own cells of the remembered months, summed, by metric.
    pub own: BTreeMap<Metric, Cell>,
    /// Head-room from what people said ([`crate::calibrate::headroom_milli`]); `None`: 1000.
    pub headroom_milli: Option<i64>,
}

/// The unlearned values at one demand. Cost in micro-dollars, CPU and memory in millionths of what is configured,
/// latency in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// A month at list price, without the free tier: that belongs to a billing account, not to a service.
    pub cost_month: i64,
    /// CPU while an instance is busy.
    pub cpu_utilization: i64,
    /// Memory in use while an instance lives.
    pub memory_utilization: i64,
    /// Median time to answer.
    pub latency: i64,
}

impl Base {
    /// The value of `metric`.
    pub const fn of(&self, metric: Metric) -> i64 {
        match metric {
            Metric::CostMonth => self.cost_month,
            Metric::CpuUtilization => self.cpu_utilization,
            Metric::MemoryUtilization => self.memory_utilization,
            Metric::LatencyMs => self.latency,
        }
    }
}

/// One ingredient of a prediction, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is.
    pub what: String,
    /// Its value, with its unit.
    pub value: String,
    /// Where it comes from.
    pub basis: Basis,
}

/// What a decision promises, in the units of [`Base`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// Which rule made it.
    pub model_version: String,
    /// What the app is compared with, as given.
    pub class: String,
    /// The shape it is for.
    pub shape: Shape,
    /// The traffic it is for.
    pub demand: Demand,
    /// The region, how it is billed, and the execution environment.
    pub place: Place,
    /// Cost of a month.
    pub cost_month: Predicted,
    /// CPU while an instance is busy, of what is configured.
    pub cpu_utilization: Predicted,
    /// Memory in use, of what is configured.
    pub memory_utilization: Predicted,
    /// Median time to answer.
    pub latency: Predicted,
    /// The unlearned cost if this were the only service of its billing account, free tier subtracted.
    pub after_free_tier_micros: i64,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// What had to be more than was asked for, one sentence each.
    pub changes: Vec<String>,
}

/// Predicts for an app of `class` (`fastapi`, `python/fastapi`, …): its shape and four values.
pub fn predict(
    class: &str,
    demand: &Demand,
    place: &Place,
    learning: &Learning,
) -> Result<Prediction, Error> {
    let prior = prior(class);
    let headroom = learning.headroom_milli.unwrap_or(1000).clamp(900, 1300);
    // Head-room goes to memory: whole vCPUs are too coarse a step to answer an opinion with.
    let memory_mib = (i64::from(prior.memory_mib) * headroom / 1000) as u32;
    let asked = place.asked;
    let cpu_milli = asked.cpu_milli.unwrap_or(prior.cpu_milli);
    // Less than one vCPU is to be had for one request at once only.
    let usual = if cpu_milli < 1000 { 1 } else { prior.concurrency };
    let concurrency = asked.concurrency.unwrap_or(usual);
    let wanted = Shape { cpu_milli, memory_mib: asked.memory_mib.unwrap_or(memory_mib), concurrency };
    let Legal { shape, changes } = legal(wanted, place.generation);
    let base = reprice(class, shape, demand, place)?;
    let none = Cell::default();
    let corrected = |metric: Metric| {
        let own = learning.own.get(&metric).unwrap_or(&none);
        correct(metric, base.of(metric), learning.class.get(&metric), own)
    };
    let cost_month = corrected(Metric::CostMonth);
    Ok(Prediction {
        model_version: MODEL_VERSION.to_owned(),
        class: class.to_owned(),
        shape,
        demand: *demand,
        place: place.clone(),
        cost_month,
        cpu_utilization: corrected(Metric::CpuUtilization),
        memory_utilization: corrected(Metric::MemoryUtilization),
        latency: corrected(Metric::LatencyMs),
        after_free_tier_micros: bill(&usage(prior, shape, demand, place, true))?.total_micros(),
        parts: parts(prior, shape, demand, place, &cost_month),
        changes,
    })
}

/// The unlearned values for `shape` at `demand`: P of the prediction, and P again at the demand that was observed.
pub fn reprice(class: &str, shape: Shape, demand: &Demand, place: &Place) -> Result<Base, Error> {
    let prior = prior(class);
    let cost_month = bill(&usage(prior, shape, demand, place, false))?.total_micros();
    let duration_ms = f64::from(duration_ms(prior, demand));
    let busy = f64::from(prior.cpu_ms) * together(prior, shape, demand) * 1000.0;
    let cpu = busy / (duration_ms * f64::from(shape.cpu_milli.max(1)));
    let memory = f64::from(prior.working_set_mib) / f64::from(shape.memory_mib.max(1));
    Ok(Base {
        cost_month,
        cpu_utilization: ((cpu * 1e6).round() as i64).min(FULL),
        memory_utilization: ((memory * 1e6).round() as i64).min(FULL),
        latency: i64::from(prior.duration_ms) * 1000,
    })
}

fn usage(prior: &Prior, shape: Shape, demand: &Demand, place: &Place, free_tier: bool) -> Usage {
    Usage {
        region: place.region.clone(),
        billing: place.billing,
        vcpu: f64::from(shape.cpu_milli) / 1000.0,
        memory_gib: f64::from(shape.memory_mib) / 1024.0,
        requests: demand.requests_month,
        duration_ms: f64::from(duration_ms(prior, demand)),
        concurrency: together(prior, shape, demand) as u32,
        min_instances: demand.min_instances,
        free_tier,
        ..Usage::default()
    }
}

fn duration_ms(prior: &Prior, demand: &Demand) -> u32 {
    demand.duration_ms.unwrap_or(prior.duration_ms).max(1)
}

/// Requests that really run at once in an instance, by Little's law: at small traffic one, whatever is configured.
fn together(prior: &Prior, shape: Shape, demand: &Demand) -> f64 {
    let per_second = demand.requests_month as f64 / MONTH_SECONDS;
    let running = per_second * f64::from(duration_ms(prior, demand)) / 1000.0;
    running.floor().clamp(1.0, f64::from(shape.concurrency.clamp(1, 1000)))
}

fn parts(prior: &Prior, shape: Shape, demand: &Demand, place: &Place, cost: &Predicted) -> Vec<Part> {
    let part = |what: &str, value: String, basis: Basis| Part { what: what.to_owned(), value, basis };
    let duration_basis = if demand.duration_ms.is_some() { demand.basis } else { Basis::Assumed };
    let mut made = vec![
        part("requests", format!("{} a month", demand.requests_month), demand.basis),
        part("time of a request", format!("{} ms", duration_ms(prior, demand)), duration_basis),
        part("requests at once", format!("{}", together(prior, shape, demand)), demand.basis),
        part("CPU time of a request", format!("{} ms", prior.cpu_ms), Basis::Assumed),
        part("memory in use", format!("{} MiB", prior.working_set_mib), Basis::Assumed),
        part("list price", format!("{}, without the free tier", place.region), Basis::Assumed),
    ];
    if cost.n > 0 || cost.class_n > 0 {
        let value =
            format!("× {:.2} from {} months of {} tenants", cost.multiplier(), cost.class_n, cost.tenants);
        made.push(part("correction of cost", value, Basis::Learned));
    }
    made
}
