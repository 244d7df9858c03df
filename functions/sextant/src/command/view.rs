//! What the API answers, as far as the command line reads it. What is absent or new is no error.

#![expect(clippy::struct_field_names, reason = "fields have the API's names")]

use model::document::{Scan, Synthetic, Why};
use serde::Deserialize;
use serde_json::Value;

/// What the CLI reads of a deployment's JSON; absent fields are empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Deployment {
    pub deployment_id: String,
    pub decision_id: Option<String>,
    pub service: String,
    pub environment: String,
    pub carried_out_by: String,
    pub status: String,
    pub pipeline_status: Option<String>,
    pub progress: u8,
    pub seq: u64,
    pub created_at: String,
    pub duration_ms: Option<i64>,
    pub url: Option<String>,
    pub revision: Option<String>,
    pub revision_url: Option<String>,
    pub target: String,
    pub commit: Option<String>,
    pub stages: Vec<Stage>,
    pub failure: Option<Failure>,
    pub last_words: Vec<String>,
    pub diagnosis: Option<model::document::Diagnosis>,
    pub scan: Option<Scan>,
    pub checks: Vec<String>,
    pub canary: Option<Canary>,
    pub timeline: Vec<Entry>,
    pub prediction: Option<Prediction>,
    pub reasons: Vec<String>,
    pub configuration: Option<Configuration>,
    pub kept: Vec<Kept>,
    pub metrics: Option<Value>,
}

impl Deployment {
    /// Whether it runs now; a deployment of the customer's never does.
    pub fn at_rest(&self) -> bool {
        self.pipeline_status.as_deref().is_none_or(at_rest)
    }

    /// Whether it came to what was wanted.
    pub fn succeeded(&self) -> bool {
        self.pipeline_status.as_deref().is_none_or(|status| status == "DEPLOYED")
    }
}

/// Whether nothing more happens by itself in this status.
pub fn at_rest(status: &str) -> bool {
    model::document::Status::parse(status).is_none_or(model::document::Status::at_rest)
}

/// When a stage ran.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stage {
    pub stage: String,
    pub duration_ms: i64,
}

/// Why a deployment failed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    pub stage: String,
    pub code: String,
    pub message: String,
    pub hint: String,
}

/// A shift of traffic.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Canary {
    pub weight: u32,
    pub index: usize,
    pub e_value: f64,
    pub p_value: f64,
    pub reason: String,
    pub held: Option<String>,
    pub thin: bool,
    pub verdict: String,
    pub counts: Counts,
    pub words: String,
    pub effect: Option<String>,
    pub power_words: Option<String>,
    pub outlook: Option<String>,
    pub synthetic: Option<Synthetic>,
    pub why: Option<Why>,
}

/// Requests on both sides.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub canary_requests: u64,
    pub stable_requests: u64,
    pub canary_bad: u64,
    pub stable_bad: u64,
}

/// One line of a deployment's story.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    pub seq: u64,
    pub at: String,
    pub status: String,
    pub progress: u8,
    pub text: String,
}

/// One predicted number with its 90 % interval.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    pub base: f64,
    pub n: u32,
}

impl Estimate {
    /// `5.02 USD a month (90 % between 1.10 and 12.00; learned from 3 deployment-months)`.
    pub fn dollars(&self) -> String {
        let basis = match self.n {
            0 => "nothing of your own learned yet, n = 0".to_owned(),
            1 => "learned from 1 deployment-month".to_owned(),
            n => format!("learned from {n} deployment-months"),
        };
        format!("{:.2} USD a month (90 % between {:.2} and {:.2}; {basis})", self.value, self.low, self.high)
    }
}

/// What is expected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Prediction {
    #[serde(alias = "cost_month_usd")]
    pub cost_month: Estimate,
    pub cpu_utilization: Estimate,
    pub memory_utilization: Estimate,
    pub latency_ms: Estimate,
}

/// How an app runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Configuration {
    pub vcpu: f64,
    pub memory_mib: u32,
    pub concurrency: u32,
    pub min_instances: u32,
    pub max_instances: u32,
    pub region: String,
}

impl Configuration {
    /// In one line.
    pub fn words(&self) -> String {
        format!(
            "{} vCPU, {} MiB, {} requests at once, {} to {} instances, priced for {}",
            self.vcpu, self.memory_mib, self.concurrency, self.min_instances, self.max_instances, self.region
        )
    }
}

/// A revision that can take traffic again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub revision: String,
    pub deployment_id: String,
    pub since: String,
    pub serving: bool,
}

/// What the CLI reads of a service's JSON; absent fields are empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    pub service: String,
    pub environment: String,
    pub carried_out_by: String,
    pub url: Option<String>,
    pub running: Option<String>,
    pub queued: Option<String>,
    pub serving: Option<Kept>,
    pub question: Option<String>,
    pub stopped_at: Option<String>,
    pub deleting: bool,
}

/// What an accepted deployment is answered with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Started {
    pub deployment_id: String,
    pub service: String,
    pub queued: bool,
    pub expected: String,
    pub notes: Vec<String>,
}

/// What a command is answered with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Commanded {
    pub deployment_id: String,
    pub status: String,
    pub changed: bool,
    pub message: String,
}

/// A line of a log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Line {
    #[serde(alias = "s")]
    pub stream: String,
    #[serde(alias = "l")]
    pub text: String,
}
