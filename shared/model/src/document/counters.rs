//! What came of a day's deployments, counted as each comes to rest: analytics read these and never scan.
//!
//! Invariant: integers that are only ever added to, whole documents never written; so no version guards them, what was
//! never counted is absent, and a new counter needs no new version.

use super::path;
use crate::{TenantId, Timestamp, port::store::Path};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The counters of one UTC day, at `tenants/{tenant}/counters/{day}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Of all services together.
    #[serde(flatten)]
    pub all: Outcomes,
    /// By stage, of all services together.
    pub stages: BTreeMap<String, StageCounters>,
    /// By the name of the service; one without a deployment that day is absent.
    pub services: BTreeMap<String, Outcomes>,
}

impl Counters {
    /// Adds another day.
    pub fn add(&mut self, day: &Self) {
        self.all.add(&day.all);
        for (name, counts) in &day.services {
            self.services.entry(name.clone()).or_default().add(counts);
        }
        for (name, ran) in &day.stages {
            let sum = self.stages.entry(name.clone()).or_default();
            sum.count += ran.count;
            sum.failed += ran.failed;
            sum.duration_ms += ran.duration_ms;
        }
    }
}

/// How many deployments ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcomes {
    /// Deployments that came to rest.
    pub total: i64,
    /// Those that were deployed.
    pub successful: i64,
    /// Those that failed, a stop by the security check among them.
    pub failed: i64,
    /// Those that a person ended.
    pub cancelled: i64,
    /// Those that made way for a newer one.
    pub superseded: i64,
    /// Those that were taken back, some of them after they were deployed.
    pub rolled_back: i64,
    /// From the first stage to the end, summed over all.
    pub duration_ms: i64,
}

impl Outcomes {
    fn add(&mut self, more: &Self) {
        self.total += more.total;
        self.successful += more.successful;
        self.failed += more.failed;
        self.cancelled += more.cancelled;
        self.superseded += more.superseded;
        self.rolled_back += more.rolled_back;
        self.duration_ms += more.duration_ms;
    }
}

/// What came of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageCounters {
    /// Times it ran.
    pub count: i64,
    /// Deployments that failed in it.
    pub failed: i64,
    /// How long it took, summed over all runs.
    pub duration_ms: i64,
}

/// Where a day's counters are kept.
pub fn counters_path(tenant: &TenantId, at: Timestamp) -> Path {
    path(tenant, "counters", &at.day())
}
