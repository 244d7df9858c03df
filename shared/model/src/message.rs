//! What travels through topics: a type, a tenant, a JSON body; and the Pub/Sub push envelope it travels in.

use crate::{DecisionId, DeploymentId, LearningId, ObservationId, ServiceName, TenantId, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// The topics there are.
pub mod topic {
    /// Facts and wake-ups of deployments.
    pub const DEPLOYMENTS: &str = "deployments";
    /// Requests to act on something that runs.
    pub const ACTIONS: &str = "actions";
    /// What was measured.
    pub const OBSERVATIONS: &str = "observations";
    /// What was asked and what people said.
    pub const FEEDBACK: &str = "feedback";
    /// What was learned.
    pub const LEARNING: &str = "learning";
    /// All of them.
    pub const ALL: [&str; 5] = [DEPLOYMENTS, ACTIONS, OBSERVATIONS, FEEDBACK, LEARNING];
}

/// The types of messages there are: events in the past tense, commands as `….requested`.
pub mod kind {
    /// A deployment was accepted.
    pub const DEPLOYMENT_REQUESTED: &str = "deployment.requested";
    /// A deployment has something to do now.
    pub const DEPLOYMENT_DUE: &str = "deployment.due";
    /// A build of a deployment ended; a hint, read the build.
    pub const BUILD_ENDED: &str = "build.ended";
    /// A deployment came to rest.
    pub const DEPLOYMENT_ENDED: &str = "deployment.ended";
    /// Somebody or a policy wants something done to a service.
    pub const ACTION_REQUESTED: &str = "action.requested";
    /// It was done.
    pub const ACTION_DONE: &str = "action.done";
    /// A window was measured.
    pub const OBSERVATION_RECORDED: &str = "observation.recorded";
    /// A measurement is out of line.
    pub const ANOMALY_DETECTED: &str = "anomaly.detected";
    /// A service's owner should be asked.
    pub const FEEDBACK_DUE: &str = "feedback.due";
    /// A service's owner was asked.
    pub const FEEDBACK_ASKED: &str = "feedback.asked";
    /// An owner answered the question, by form or by API.
    pub const FEEDBACK_RECEIVED: &str = "feedback.received";
    /// Something changed because of it.
    pub const LEARNING_RECORDED: &str = "learning.recorded";
    /// A schedule's minute has come.
    pub const SCHEDULE: &str = "schedule";
}

/// One message. Small: ids and facts, never a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The topic it goes to.
    pub topic: String,
    /// What happened, such as `deployment.requested`: the attribute `type` of the envelope.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose it is: the attribute `tenant` of the envelope.
    pub tenant: TenantId,
    /// Attribute `traceparent` (W3C), where a request began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What is to be known of it, as JSON; its form depends on the kind.
    pub data: String,
}

/// The body of every message about a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutDeployment {
    /// The deployment that this happened to.
    pub deployment: DeploymentId,
}

/// What can be done to a service that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ends its processes; nothing serves until it is restarted or deployed again.
    Stop,
    /// Brings a stopped service back; one that serves is left as it is.
    Start,
    /// Starts them anew.
    Restart,
    /// Traffic back to an earlier revision.
    RollBack,
    /// Other bounds for the number of instances.
    Scale,
    /// Removes the service: its revisions, its variables and secrets, itself.
    Delete,
}

/// The body of `action.requested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRequest {
    /// Tells requests apart; a redelivery has the same.
    pub id: String,
    /// To which service.
    pub service: ServiceName,
    /// What is to be done with the service.
    pub action: Action,
    /// Revision to go back to; the newest kept one of another deployment if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Instances that always run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_instances: Option<u32>,
    /// At most this many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_instances: Option<u32>,
    /// The user, or the policy, that wants it.
    pub requested_by: String,
    /// Why, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The body of `action.done`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionDone {
    /// The request's id.
    pub id: String,
    /// To which service.
    pub service: ServiceName,
    /// What is to be done with the service.
    pub action: Action,
    /// Whether it was done; else it was refused.
    pub done: bool,
    /// What happened, one sentence.
    pub message: String,
}

/// The body of `observation.recorded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutObservation {
    /// The observation that was written.
    pub observation: ObservationId,
    /// Of which service.
    pub service: ServiceName,
}

/// The body of `anomaly.detected`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AboutAnomaly {
    /// The window that is out of line.
    pub observation: ObservationId,
    /// Of which service.
    pub service: ServiceName,
    /// The deployment that served.
    pub deployment: DeploymentId,
    /// What is out of line: `cpu`, `memory`, `latency`, `error_rate`, `requests`.
    pub metric: String,
    /// `medium` or `high`.
    pub severity: String,
    /// Distance from what was expected, in standard deviations.
    pub z: f64,
    /// The end of the first window that was out of the ordinary.
    pub since: Timestamp,
    /// What, against what was expected, since when, how rare: for people.
    pub sentence: String,
}

/// The body of messages about a question and its answer: `feedback.due`, `feedback.asked`, `feedback.received`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutFeedback {
    /// Of which service.
    pub service: ServiceName,
    /// About which decision, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
}

/// The body of `learning.recorded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutLearning {
    /// The learning that was written.
    pub learning: LearningId,
    /// From which decision.
    pub decision: DecisionId,
    /// The deployment that carried that decision out.
    pub deployment: DeploymentId,
    /// Of which service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
}

impl Message {
    /// A message whose data is `body` as JSON.
    pub fn new<T: Serialize>(topic: &str, kind: &str, tenant: &TenantId, body: &T) -> Self {
        let data = serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned());
        Self {
            topic: topic.to_owned(),
            kind: kind.to_owned(),
            tenant: tenant.clone(),
            traceparent: None,
            data,
        }
    }

    /// "This deployment has something to do", or another fact that needs no more than its id.
    pub fn about(kind: &str, tenant: &TenantId, deployment: &DeploymentId) -> Self {
        Self::new(topic::DEPLOYMENTS, kind, tenant, &AboutDeployment { deployment: deployment.clone() })
    }

    /// Reads the data.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.data)
    }

    /// The attributes as they travel.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::from([
            ("type".to_owned(), self.kind.clone()),
            ("tenant".to_owned(), self.tenant.to_string()),
        ]);
        if let Some(trace) = &self.traceparent {
            map.insert("traceparent".to_owned(), trace.clone());
        }
        map
    }

    /// A message back from its attributes and data; the error says what is missing.
    pub fn from_parts(
        topic: &str,
        attributes: &BTreeMap<String, String>,
        data: &Bytes,
    ) -> Result<Self, String> {
        let attribute =
            |name: &str| attributes.get(name).ok_or(format!("the message has no attribute `{name}`"));
        Ok(Self {
            topic: topic.to_owned(),
            kind: attribute("type")?.clone(),
            tenant: TenantId::new(attribute("tenant")?).map_err(|e| e.to_string())?,
            traceparent: attributes.get("traceparent").cloned(),
            data: String::from_utf8(data.to_vec())
                .map_err(|_| "the message's data is not UTF-8".to_owned())?,
        })
    }
}
