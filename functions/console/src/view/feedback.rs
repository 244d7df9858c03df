//! What people said, and what was learned from it.

use super::time;
use model::document::{Feedback, FeedbackKind, Learning};
use serde::Serialize;
use utoipa::ToSchema;

/// What somebody said of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FeedbackView {
    /// What they think of the size.
    #[serde(rename = "type")]
    pub kind: FeedbackKind,
    /// 1–10.
    pub satisfaction: u8,
    /// In their words.
    pub comments: String,
    /// RFC 3339, UTC.
    pub received_at: String,
    /// `form`, `api`, `webhook` or `mail`.
    pub channel: String,
    /// What they paid in a month, where they said.
    pub actual_monthly_cost: Option<f64>,
    /// In which currency.
    pub currency: Option<String>,
    /// What they measured themselves, as they sent it.
    #[schema(value_type = Option<Object>, required = true)]
    pub deployment_metrics: serde_json::Value,
}

impl From<&Feedback> for FeedbackView {
    fn from(feedback: &Feedback) -> Self {
        Self {
            kind: feedback.kind,
            satisfaction: feedback.satisfaction,
            comments: feedback.comments.clone(),
            received_at: time(feedback.received_at),
            channel: feedback.channel.clone(),
            actual_monthly_cost: feedback.actual_monthly_cost.map(model::Micros::usd),
            currency: feedback.currency.clone(),
            deployment_metrics: feedback.metrics.clone(),
        }
    }
}

/// What changed because of measurements and feedback.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LearningView {
    /// The learning's id, `learn_…`.
    pub learning_id: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// From which decision.
    pub decision_id: String,
    /// And the deployment that carried it out.
    pub deployment_id: String,
    /// For which class of apps.
    pub class: String,
    /// What was changed: metric, before, after.
    pub updates_generated: Vec<String>,
    /// How much the next prediction moves: `low`, `medium` or `high`.
    pub impact: String,
    /// Why, in sentences.
    pub explanation: Vec<String>,
}

impl From<&Learning> for LearningView {
    fn from(learning: &Learning) -> Self {
        Self {
            learning_id: learning.id.to_string(),
            created_at: time(learning.created_at),
            decision_id: learning.decision.to_string(),
            deployment_id: learning.deployment.to_string(),
            class: learning.class.clone(),
            updates_generated: learning.updates_generated.clone(),
            impact: learning.impact.clone(),
            explanation: learning.explanation.clone(),
        }
    }
}
