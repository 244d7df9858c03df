//! One service of a tenant in one environment: what runs, what waits, what is kept, what is owed.

use super::{CarriedOutBy, Took};
use crate::{
    DecisionId, DeploymentId, ObservationId, ServiceName, TenantId, Timestamp, message::Message,
    month::Month, port::target::TrafficToken,
};
use serde::{Deserialize, Serialize};

/// A revision that proved itself and can take traffic again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Kept {
    /// Its name at the target.
    pub revision: String,
    /// The deployment that released it.
    pub deployment: DeploymentId,
    /// The decision it carries out.
    #[serde(default)]
    pub decision: Option<DecisionId>,
    /// The commit that it was built from, if its source has commits.
    #[serde(default)]
    pub commit: Option<String>,
    /// Since when it has served, by the clock of schedules.
    pub since: Timestamp,
}

/// The one open question of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// About which decision: the one that served longest.
    pub decision: DecisionId,
    /// And the deployment that carried it out.
    pub deployment: DeploymentId,
    /// SHA-256 of the token in the link, hex. The token itself is nowhere stored.
    pub token_hash: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Whether the reminder went out.
    pub reminded: bool,
    /// Whether the last mail is not known to have gone out: it is sent again, with a token of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owed: bool,
}

/// What a service has cost in a calendar month (UTC) so far: the sum of what its windows cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The calendar month, in UTC, that the sum is of.
    pub month: Month,
    /// In millionths of a US dollar.
    pub micros: i64,
}

impl Spent {
    /// The sum with one more window that ended at `to`; a new month begins at nothing.
    pub fn with(before: Option<&Self>, to: Timestamp, micros: i64) -> Self {
        let month = to.month();
        let sum = before.filter(|spent| spent.month == month).map_or(0, |spent| spent.micros);
        Self { month, micros: sum.saturating_add(micros) }
    }
}

/// A measurement that a customer's webhook brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When, in real time.
    pub at: Timestamp,
    /// Hash of the message's own id; empty if it had none.
    pub id: String,
    /// What it became.
    pub observation: ObservationId,
}

/// Somebody has stopped a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// When, by the clock of schedules.
    pub at: Timestamp,
    /// The user, or the policy, that wanted it.
    pub by: String,
}

/// Which deployments and revisions a service has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The one deployment that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<DeploymentId>,
    /// The one that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<DeploymentId>,
    /// What takes all traffic, or took it until the service was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Kept>,
    /// Set while the service is stopped: nothing takes traffic until it is started, or the next deployment serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// The action that deletes the service; nothing else is begun with it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleting: Option<String>,
    /// Revisions that can take traffic again, newest first, `serving` among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// The address people use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Traffic as we last saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficToken>,
    /// How long the newest deployments took that came to serve, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub took: Vec<Took>,
}

/// What is measured of a service, and when next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measuring {
    /// When it is next measured; absent when it isn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_due: Option<Timestamp>,
    /// First moment that isn't measured yet, in real time.
    #[serde(default)]
    pub measured_to: Timestamp,
    /// What its windows have cost this month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// The newest measurements that the customer's webhook brought, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arrivals: Vec<Arrival>,
}

/// What is asked about a service, and when next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// When its owner is to be asked or reminded; absent when nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_due: Option<Timestamp>,
    /// The open question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

/// The app being deployed, in one environment.
///
/// Its parts say who writes what. In the store they lie side by side: queries are by `metrics_due` and `ask_due`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Version of this form.
    pub schema: u32,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// Its name; the environment is part of it.
    pub name: ServiceName,
    /// `production`, `staging`, …
    pub environment: String,
    /// By whom it is deployed.
    #[serde(default)]
    pub carried_out_by: CarriedOutBy,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who gets the mails: a user of the tenant.
    pub owner: String,
    /// Spreads due documents.
    pub shard: u32,
    /// What runs, waits and serves: written by who starts deployments and by their steps.
    #[serde(flatten)]
    pub slot: Slot,
    /// What is measured when: written by `collect-metrics` and by the customer's webhook.
    #[serde(flatten)]
    pub measuring: Measuring,
    /// Whom to ask when: written by `send-feedback` and by whoever receives the answer.
    #[serde(flatten)]
    pub asking: Asking,
    /// Messages that the last commit owes to the topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Message>,
    /// When `sweep` must look at it; none when nothing is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
}

impl Service {
    /// Whether a deployment of it runs, waits, serves, or can take traffic again.
    pub fn refers_to(&self, deployment: &DeploymentId) -> bool {
        let kept = self.slot.serving.iter().chain(&self.slot.kept).map(|kept| &kept.deployment);
        self.slot.running.iter().chain(&self.slot.queued).chain(kept).any(|known| known == deployment)
    }

    /// Whether its owner is still to be asked about a decision, or has yet to answer.
    pub fn waits_for(&self, decision: &DecisionId) -> bool {
        let asked = self.asking.question.as_ref().is_some_and(|question| question.decision == *decision);
        let serves = self.slot.serving.as_ref().and_then(|kept| kept.decision.as_ref()) == Some(decision);
        asked || (serves && self.asking.ask_due.is_some())
    }

    /// What takes traffic now. What is stopped is there to be started, but nothing to compare with or to go back to.
    pub fn live(&self) -> Option<&Kept> {
        self.slot.serving.as_ref().filter(|_| self.slot.stopped.is_none())
    }

    /// How many revisions are kept for rollback.
    pub const KEPT: usize = 5;

    /// A revision now serves: it becomes the newest kept one.
    pub fn serve(&mut self, kept: Kept) {
        self.slot.kept.retain(|old| old.revision != kept.revision);
        self.slot.kept.insert(0, kept.clone());
        self.slot.kept.truncate(Self::KEPT);
        (self.slot.serving, self.slot.stopped) = (Some(kept), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As it was written before the parts had names.
    #[test]
    fn what_is_stored_is_read_and_written_as_it_was() {
        let kept = json!({
            "revision": "shop-1", "deployment": "dep_01hzzzzzzzzzzzzzzzzzzzzzzz", "decision": null, "commit": null,
            "since": 1_763_617_260_000_i64,
        });
        let stored = json!({
            "schema": 1, "tenant": "acme", "name": "shop", "environment": "production", "carried_out_by": "sextant",
            "created_at": 1, "updated_at": 2, "owner": "ann", "shard": 3,
            "running": "dep_01hzzzzzzzzzzzzzzzzzzzzzzy", "serving": kept, "kept": [kept], "url": "http://shop.localhost",
            "metrics_due": 4, "measured_to": 5, "spent": { "month": "2026-11", "micros": 6 }, "ask_due": 7,
            "next_due": 8,
        });
        let read: Service = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(read.slot.kept.len(), 1);
        assert_eq!(
            read.slot.running.as_ref().map(DeploymentId::as_str),
            Some("dep_01hzzzzzzzzzzzzzzzzzzzzzzy")
        );
        assert_eq!(
            (read.measuring.metrics_due, read.asking.ask_due),
            (Some(Timestamp(4)), Some(Timestamp(7)))
        );
        assert_eq!(serde_json::to_value(&read).unwrap(), stored);
        let least = json!({
            "schema": 1, "tenant": "acme", "name": "shop", "environment": "production", "created_at": 1, "updated_at": 2,
            "owner": "ann", "shard": 3,
        });
        let read: Service = serde_json::from_value(least).unwrap();
        assert_eq!((read.slot, read.measuring, read.asking), Default::default());
    }
}
