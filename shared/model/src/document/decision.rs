//! A decision: an immutable recommendation with its prediction. What became of it is told elsewhere.

use crate::{DecisionId, DeploymentId, TenantId, Timestamp, port::target::Plan};
use serde::{Deserialize, Serialize};

/// How the app is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Configuration {
    /// vCPU in thousandths.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Requests that one instance takes at once.
    pub concurrency: u32,
    /// Instances that always run.
    pub min_instances: u32,
    /// At most this many.
    pub max_instances: u32,
    /// The Cloud Run region, such as `europe-west3`; it decides the price tier.
    pub region: String,
}

/// The traffic that a prediction assumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Demand {
    /// Requests in a month of 30 days.
    pub requests_month: u64,
    /// Time to answer one, in milliseconds.
    pub duration_ms: u32,
}

/// One predicted number. `base` is what the unlearned model says; the rest is after learning. Units of `base`,
/// `value`, `low` and `high` are those of the field it stands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Estimate {
    /// What the price list and the class say, before anything was learned; in the unit of the metric.
    pub base: i64,
    /// What is promised: the base, corrected by what was learned.
    pub value: i64,
    /// Lower end of the 90 % interval.
    pub low: i64,
    /// Upper end of the 90 % interval, in the same unit.
    pub high: i64,
    /// Natural logarithm of value/base, in millionths.
    pub mu: i64,
    /// Variance of that logarithm, in millionths.
    pub variance: i64,
    /// Deployment-months it was learned from.
    pub n: u32,
}

/// What a decision predicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Prediction {
    /// Cost of a month in micro-dollars.
    pub cost_month: Estimate,
    /// CPU utilisation in millionths of what is configured.
    pub cpu: Estimate,
    /// Memory utilisation in millionths of what is configured.
    pub memory: Estimate,
    /// Time to answer a request, in microseconds.
    pub latency: Estimate,
}

/// What a customer told us at `register`. Credentials are elsewhere, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The user in the customer's own system, as they sent it.
    pub user_id: String,
    /// The session in the customer's own system, as they sent it.
    pub session_id: String,
    /// The customer's Google Cloud project, in which the deployment runs.
    pub project: String,
    /// Where they deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Metrics count from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_at: Option<Timestamp>,
    /// Whether metrics may be collected.
    pub collect: bool,
    /// SHA-256 of the secret that their metrics webhook presents, hex.
    pub webhook_secret_hash: String,
    /// How often that secret was changed.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub webhook_generation: u32,
    /// The secret before, while it is still good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_former: Option<FormerSecret>,
}

/// A secret that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerSecret {
    /// SHA-256 of it, hex.
    pub hash: String,
    /// Good until then, in real time.
    pub until: Timestamp,
}

impl Registration {
    /// The hashes of the secrets that are good now, the newest first.
    pub fn webhook_hashes(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let former = self.webhook_former.iter().filter(move |former| former.until > now);
        std::iter::once(self.webhook_secret_hash.as_str()).chain(former.map(|former| former.hash.as_str()))
    }
}

/// A recommendation, as it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Version of this form.
    pub schema: u32,
    /// `dec_…`, made by whoever asked for the recommendation.
    pub id: DecisionId,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Which model made it.
    pub model_version: String,
    /// The deployment that carries it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// Service's name, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What it is compared with: `node/express`, …
    pub class: String,
    /// How it is built and run.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub plan: Plan,
    /// How it is to be configured.
    pub configuration: Configuration,
    /// Under which traffic.
    pub demand: Demand,
    /// What we expect.
    pub prediction: Prediction,
    /// Why, one sentence each; what was corrected by learning among them.
    pub reasons: Vec<String>,
    /// What a customer said at `register`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
}
