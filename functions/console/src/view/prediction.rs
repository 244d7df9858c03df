//! A decision and what it predicts.

use super::{FeedbackView, millionths, milliseconds, time};
use model::{
    document::{Configuration, Decision, Demand, Estimate, Feedback, Prediction},
    port::target::Plan,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One predicted number with its 90 % interval.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EstimateView {
    /// What is expected, after learning.
    pub value: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// What the model says without learning.
    pub base: f64,
    /// Deployment-months it was learned from.
    pub n: u32,
}

impl EstimateView {
    fn of(estimate: &Estimate, unit: fn(i64) -> f64) -> Self {
        Self {
            value: unit(estimate.value),
            low: unit(estimate.low),
            high: unit(estimate.high),
            base: unit(estimate.base),
            n: estimate.n,
        }
    }
}

/// What a decision predicts.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PredictionView {
    /// US dollars in a month of 30 days.
    pub cost_month: EstimateView,
    /// CPU used, as a share of what is configured.
    pub cpu_utilization: EstimateView,
    /// Memory used, as a share of what is configured.
    pub memory_utilization: EstimateView,
    /// Milliseconds to answer a request.
    pub latency_ms: EstimateView,
}

impl From<&Prediction> for PredictionView {
    fn from(prediction: &Prediction) -> Self {
        Self {
            cost_month: EstimateView::of(&prediction.cost_month, millionths),
            cpu_utilization: EstimateView::of(&prediction.cpu, millionths),
            memory_utilization: EstimateView::of(&prediction.memory, millionths),
            latency_ms: EstimateView::of(&prediction.latency, milliseconds),
        }
    }
}

/// How the app is to run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ConfigurationView {
    /// vCPUs of one instance.
    pub vcpu: f64,
    /// Memory of one instance, in MiB.
    pub memory_mib: u32,
    /// Requests that one instance takes at once.
    pub concurrency: u32,
    /// Instances that always run.
    pub min_instances: u32,
    /// At most this many.
    pub max_instances: u32,
    /// The Cloud Run region whose prices hold.
    pub region: String,
}

impl From<&Configuration> for ConfigurationView {
    fn from(configuration: &Configuration) -> Self {
        Self {
            vcpu: f64::from(configuration.cpu_milli) / 1000.0,
            memory_mib: configuration.memory_mib,
            concurrency: configuration.concurrency,
            min_instances: configuration.min_instances,
            max_instances: configuration.max_instances,
            region: configuration.region.clone(),
        }
    }
}

/// A decision, as it was made, and what somebody said of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DecisionView {
    /// The decision's id, `dec_…`.
    pub decision_id: String,
    /// The deployment that carries it out.
    pub deployment_id: Option<String>,
    /// Of which service.
    pub service: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// By which model.
    pub model_version: String,
    /// What the app was compared with.
    pub class: String,
    /// How it is built and run.
    pub plan: Plan,
    /// How it is to be configured.
    pub configuration: ConfigurationView,
    /// The traffic that the prediction assumes.
    pub demand: Demand,
    /// What is expected.
    pub prediction: PredictionView,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What somebody said of it.
    pub feedback: Option<FeedbackView>,
}

impl DecisionView {
    /// Of these documents.
    pub fn of(decision: &Decision, feedback: Option<&Feedback>) -> Self {
        Self {
            decision_id: decision.id.to_string(),
            deployment_id: decision.deployment.as_ref().map(ToString::to_string),
            service: decision.service.clone(),
            created_at: time(decision.created_at),
            model_version: decision.model_version.clone(),
            class: decision.class.clone(),
            plan: decision.plan.clone(),
            configuration: (&decision.configuration).into(),
            demand: decision.demand.clone(),
            prediction: (&decision.prediction).into(),
            reasons: decision.reasons.clone(),
            feedback: feedback.map(FeedbackView::from),
        }
    }
}
