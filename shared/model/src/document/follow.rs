//! What happens after a deployment: observations, feedback, learnings, and the members who are asked.

use super::Spent;
use crate::{
    DecisionId, DeploymentId, LearningId, Micros, ObservationId, ServiceName, TenantId, Timestamp,
    port::target::{RevisionWindow, Window},
};
use serde::{Deserialize, Serialize};

/// What a window came to, in the units that predictions are in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Utilization {
    /// CPU in millionths of what is configured.
    pub cpu: i64,
    /// Memory in millionths of what is configured.
    pub memory: i64,
    /// Median latency in microseconds.
    pub latency: i64,
    /// Share of bad requests, in millionths.
    pub error_rate: i64,
    /// Cost in the window, micro-dollars.
    pub cost: i64,
    /// The same on a month of 30 days.
    pub cost_month: i64,
    /// Requests, on a month of 30 days.
    pub requests_month: i64,
}

/// What was measured of a service in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Version of this form.
    pub schema: u32,
    /// Derived from service and window.
    pub id: ObservationId,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// Of which service.
    pub service: ServiceName,
    /// Which deployment served.
    pub deployment: DeploymentId,
    /// Which decision that carried out.
    #[serde(default)]
    pub decision: Option<DecisionId>,
    /// Measured, in real time.
    pub window: Window,
    /// End of the window, in milliseconds, to order by.
    pub to: Timestamp,
    /// When it was recorded.
    pub collected_at: Timestamp,
    /// `machine`, `cloud-run`, or `webhook` when the customer sent it.
    pub source: String,
    /// Counts of the revision that serves.
    pub counts: RevisionWindow,
    /// The same in the units of predictions.
    pub utilization: Utilization,
    /// Whether the cost is an estimate from list prices.
    pub cost_estimated: bool,
    /// What the service has cost in the month that the window ended in, this window included; none where windows
    /// don't follow each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
}

/// What people can say of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// As it should be.
    PerfectFit,
    /// Too much of it.
    OverProvisioned,
    /// Too little of it.
    UnderProvisioned,
}

/// What somebody said of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// Version of this form.
    pub schema: u32,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// About which decision.
    pub decision: DecisionId,
    /// And the deployment that carried it out.
    #[serde(default)]
    pub deployment: Option<DeploymentId>,
    /// When; with `key` it decides who wrote last.
    pub received_at: Timestamp,
    /// Tells two answers of the same moment apart.
    pub key: String,
    /// `form`, `api`, `webhook` or `mail`.
    pub channel: String,
    /// What they think of the size.
    pub kind: FeedbackKind,
    /// How satisfied they are, from 1 (not at all) to 10.
    pub satisfaction: u8,
    /// In their words, at most 4,000 characters.
    pub comments: String,
    /// What they measured themselves, as they sent it.
    #[serde(default)]
    pub metrics: serde_json::Value,
    /// What they paid in a month, where they said.
    #[serde(default)]
    pub actual_monthly_cost: Option<Micros>,
    /// In which currency.
    #[serde(default)]
    pub currency: Option<String>,
}

/// What changed because of measurements and feedback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// Version of this form.
    pub schema: u32,
    /// `learn_…`, made when the comparison is committed.
    pub id: LearningId,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// When it was committed, by the clock of schedules.
    pub created_at: Timestamp,
    /// From which decision.
    pub decision: DecisionId,
    /// The deployment that carried that decision out.
    pub deployment: DeploymentId,
    /// For which class of apps.
    pub class: String,
    /// What was changed, one line each: metric, before, after.
    pub updates_generated: Vec<String>,
    /// How much the next prediction moves: `low`, `medium`, `high`.
    pub impact: String,
    /// Why, in sentences.
    pub explanation: Vec<String>,
}

/// A person of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Version of this form.
    pub schema: u32,
    /// The user's id, as in tokens.
    pub user: String,
    /// Where mail goes, once it is verified.
    pub email: String,
    /// Mail goes to verified members only.
    pub verified: bool,
}

/// What a feedback link leads to. Kept under the SHA-256 of the token in the link, so that the link alone names
/// tenant and decision, and whoever reads the store can't make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Version of this form.
    pub schema: u32,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// Of which service.
    pub service: ServiceName,
    /// About which decision.
    pub decision: DecisionId,
    /// When it was made, by the clock of schedules.
    pub issued_at: Timestamp,
    /// Void from here on, by the same clock.
    pub expires_at: Timestamp,
    /// When an answer consumed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
}
