//! A decision as the API shows it: dollars, ratios from 0 to 1, milliseconds, times as text.

use model::{
    Micros,
    document::{Configuration, Decision, Demand, Estimate},
    port::target::Plan,
};
use serde::Serialize;

/// One predicted number with its 90 % interval.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Interval {
    /// The value that nothing learned has moved.
    pub base: f64,
    /// What is expected.
    pub value: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// Deployment-months of your own that it was learned from.
    pub n: u32,
}

/// What is expected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RecommendedPrediction)]
pub struct PredictionView {
    /// Cost of a month in US dollars.
    pub cost_month_usd: Interval,
    /// CPU utilisation, 0 to 1.
    pub cpu_utilization: Interval,
    /// Memory utilisation, 0 to 1.
    pub memory_utilization: Interval,
    /// Time to answer a request, in milliseconds.
    pub latency_ms: Interval,
}

/// A recommendation: how to run it, and what that is expected to cost and use.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Recommendation)]
pub struct DecisionView {
    /// The decision's id, `dec_…`.
    pub decision_id: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Which model made it.
    pub model_version: String,
    /// The service, where it is known.
    pub service: Option<String>,
    /// What the app is compared with.
    pub class: String,
    /// How it is built and run, where a repository was read.
    pub plan: Option<Plan>,
    /// How it is to be configured.
    pub configuration: Configuration,
    /// Under which traffic.
    pub demand: Demand,
    /// What is expected.
    pub prediction: PredictionView,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
}

impl From<&Decision> for DecisionView {
    fn from(decision: &Decision) -> Self {
        let prediction = &decision.prediction;
        Self {
            decision_id: decision.id.to_string(),
            created_at: decision.created_at.rfc3339(),
            model_version: decision.model_version.clone(),
            service: decision.service.clone(),
            class: decision.class.clone(),
            plan: (decision.plan != Plan::default()).then(|| decision.plan.clone()),
            configuration: decision.configuration.clone(),
            demand: decision.demand.clone(),
            prediction: PredictionView {
                cost_month_usd: interval(&prediction.cost_month, |micros| Micros(micros).usd()),
                cpu_utilization: interval(&prediction.cpu, |millionths| millionths as f64 / 1e6),
                memory_utilization: interval(&prediction.memory, |millionths| millionths as f64 / 1e6),
                latency_ms: interval(&prediction.latency, |micros| micros as f64 / 1e3),
            },
            reasons: decision.reasons.clone(),
        }
    }
}

fn interval(estimate: &Estimate, unit: impl Fn(i64) -> f64) -> Interval {
    Interval {
        base: unit(estimate.base),
        value: unit(estimate.value),
        low: unit(estimate.low),
        high: unit(estimate.high),
        n: estimate.n,
    }
}
