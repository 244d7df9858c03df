//! What learning knows of a decision besides the decision: when it last compared, and which months are over.
//!
//! Invariant: each commit about a decision's comparisons is guarded by this document, and it is read before anything
//! that is compared; so a later commit never rests on older facts.

use super::{FeedbackKind, Owes, SCHEMA, owes, path, shard};
use crate::{DecisionId, TenantId, Timestamp, message::Message, month::Month, port::store::Path};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The state of learning from one decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningRun {
    /// Version of this form.
    pub schema: u32,
    /// When it last compared, by the clock of timers.
    #[serde(default)]
    pub compared_at: Timestamp,
    /// Months that were compared for good.
    #[serde(default)]
    pub closed: BTreeSet<Month>,
    /// The month for which somebody said what they pay.
    #[serde(default)]
    pub paid_in: Option<Month>,
    /// What somebody said of the size, as it was counted.
    #[serde(default)]
    pub answer: Option<FeedbackKind>,
    /// The class that was counted in.
    #[serde(default)]
    pub class: String,
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

impl LearningRun {
    /// Of a decision that nothing was compared of yet.
    pub fn new(decision: &DecisionId) -> Self {
        Self {
            schema: SCHEMA,
            compared_at: Timestamp::default(),
            closed: BTreeSet::new(),
            paid_in: None,
            answer: None,
            class: String::new(),
            shard: shard(decision.as_str()),
            next_due: None,
            outbox: vec![],
        }
    }
}

owes!(LearningRun);

/// Where the state of learning from a decision is kept.
pub fn learning_run_path(tenant: &TenantId, decision: &DecisionId) -> Path {
    path(tenant, "learned", decision.as_str())
}
