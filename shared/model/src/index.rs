//! The indexes that product queries need, declared once: the embedded store builds exactly these, and they are the
//! source of Firestore's composite indexes.
//!
//! Invariant: each query of the product is answered by one of these (or by path alone); a test counts scans.

/// How far an index reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One collection at a time, such as one tenant's deployments.
    Collection,
    /// All collections of the name together, such as every tenant's deployments.
    Group,
}

/// One index. A document that lacks one of the fields isn't in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// The collection's own name, such as `deployments`.
    pub group: &'static str,
    /// How far it reaches.
    pub reach: Reach,
    /// Dotted fields and whether each descends: those compared by equality first, then those that order. Ties
    /// are by path, in the direction of the last field.
    pub fields: &'static [(&'static str, bool)],
}

const fn each(group: &'static str, fields: &'static [(&'static str, bool)]) -> Index {
    Index { group, reach: Reach::Collection, fields }
}

const fn across(group: &'static str, fields: &'static [(&'static str, bool)]) -> Index {
    Index { group, reach: Reach::Group, fields }
}

/// Every declared index.
pub const INDEXES: &[Index] = &[
    across("deployments", &[("shard", false), ("next_due", false)]),
    each("deployments", &[("created_at", true)]),
    each("deployments", &[("service", false), ("created_at", true)]),
    each("deployments", &[("status", false), ("created_at", true)]),
    each("deployments", &[("service", false), ("status", false), ("created_at", true)]),
    across("services", &[("shard", false), ("next_due", false)]),
    across("actions", &[("shard", false), ("next_due", false)]),
    across("baselines", &[("shard", false), ("next_due", false)]),
    across("learned", &[("shard", false), ("next_due", false)]),
    across("services", &[("shard", false), ("metrics_due", false)]),
    across("services", &[("shard", false), ("ask_due", false)]),
    each("observations", &[("service", false), ("to", true)]),
    each("observations", &[("deployment", false), ("to", true)]),
    each("feedback", &[("decision", false), ("received_at", true)]),
    each("learnings", &[("created_at", true)]),
    each("decisions", &[("created_at", true)]),
    across("decisions", &[("id", false), ("registration.webhook_secret_hash", false)]),
    // What is removed once it is over: see the function `sweep`.
    across("idempotency", &[("expires_at", false)]),
    each("links", &[("expires_at", false)]),
    across("notices", &[("created_at", false)]),
    across("actions", &[("ended_at", false)]),
    across("observations", &[("to", false)]),
    across("deployments", &[("log_since", false)]),
];
