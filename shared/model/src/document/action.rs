//! What became of a request to act on a service: kept under the request's id, begun before its first effect.

use super::{Owes, SCHEMA, owes, path, shard};
use crate::{
    TenantId, Timestamp,
    message::{ActionDone, ActionRequest, Message},
    port::{store::Path, target::TrafficToken},
};
use serde::{Deserialize, Serialize};

/// What a request that acts on the target began on. Stored before the first effect: a repeat carries on with this,
/// whatever has come since, and never decides anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The revision that served.
    pub revision: String,
    /// The traffic as it was: whoever has changed it since came later, and is not undone.
    pub token: TrafficToken,
    /// Whether anything took traffic.
    pub live: bool,
}

/// A request that was taken up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Version of this form.
    pub schema: u32,
    /// What was wanted.
    pub request: ActionRequest,
    /// What it began on; none if it was over at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What became of it; none while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ActionDone>,
    /// Spreads due documents.
    #[serde(default)]
    pub shard: u32,
    /// When `sweep` must look at it; none when nothing is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// Messages that are owed to the topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Message>,
}

impl ActionRecord {
    /// Of a request of which nothing was done yet.
    pub fn new(request: ActionRequest) -> Self {
        Self {
            schema: SCHEMA,
            shard: shard(&request.id),
            request,
            begun: None,
            ended_at: None,
            outcome: None,
            next_due: None,
            outbox: vec![],
        }
    }
}

owes!(ActionRecord);

/// Where a request's record is kept.
pub fn action_path(tenant: &TenantId, id: &str) -> Path {
    path(tenant, "actions", id)
}
