//! What was learned, as it is kept: events, the sums they are added to, and the summaries that decisions read.
//!
//! Invariant: a cell is three integers that only ever have integers added to them. Each event adds at most 1,
//! 2,079,442 and 4,324,079; so `i64` holds more than 2 × 10¹² events in a cell, and addition saturates beyond.
//! Scores of predictions without own experience (n = 0) and with it (n > 0) never mix.

use super::path;
use crate::{DecisionId, DeploymentId, TenantId, month::Month, port::store::Path};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a prediction is about. Values are integers: millionths of a dollar, of what is configured, of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Cost of a month, in micro-dollars.
    CostMonth,
    /// Share of the allotted CPU in use, in millionths.
    CpuUtilization,
    /// Share of the allotted memory in use, in millionths.
    MemoryUtilization,
    /// Median time to answer a request, in microseconds.
    LatencyMs,
}

impl Metric {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] =
        [Self::CostMonth, Self::CpuUtilization, Self::MemoryUtilization, Self::LatencyMs];

    /// The name in documents and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CostMonth => "cost_month",
            Self::CpuUtilization => "cpu_utilization",
            Self::MemoryUtilization => "memory_utilization",
            Self::LatencyMs => "latency_ms",
        }
    }

    /// The value cannot be above 1.
    pub const fn is_share(self) -> bool {
        matches!(self, Self::CpuUtilization | Self::MemoryUtilization)
    }
}

/// Sums over the deployment-months of one class, metric, tenant and month; also what is added to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cell {
    /// Deployment-months, not windows.
    pub n: i64,
    /// Σ y in micro-nats.
    pub sum_y: i64,
    /// Σ y² in millionths of a squared nat, each rounded down.
    pub sum_yy: i64,
}

impl Cell {
    /// What one event adds.
    pub const fn of(y: i64) -> Self {
        Self { n: 1, sum_y: y, sum_yy: square(y) }
    }

    /// Both together; saturates far beyond any number of events that can happen.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            n: self.n.saturating_add(other.n),
            sum_y: self.sum_y.saturating_add(other.sum_y),
            sum_yy: self.sum_yy.saturating_add(other.sum_yy),
        }
    }

    /// Nothing to add.
    pub const fn is_zero(self) -> bool {
        self.n == 0 && self.sum_y == 0 && self.sum_yy == 0
    }
}

/// y² of micro-nats in millionths of a squared nat; a pure function of y, so a correction can take it back exactly.
const fn square(y: i64) -> i64 {
    y * y / 1_000_000
}

/// Histograms of |y − μ| / √V as they stood when predicted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// Count by bucket, for predictions made with n = 0.
    pub unseen: BTreeMap<u16, i64>,
    /// Count by bucket, for predictions made with n > 0.
    pub seen: BTreeMap<u16, i64>,
}

impl Scores {
    /// The last bucket, ten standard deviations and more.
    pub const LAST: u16 = 500;

    /// Counts one outcome. `n` is what the prediction stored.
    pub fn add(&mut self, n: i64, bucket: u16) {
        let side = if n > 0 { &mut self.seen } else { &mut self.unseen };
        *side.entry(bucket.min(Self::LAST)).or_default() += 1;
    }

    /// Takes one outcome back, for a correction of its actual.
    pub fn remove(&mut self, n: i64, bucket: u16) {
        let side = if n > 0 { &mut self.seen } else { &mut self.unseen };
        *side.entry(bucket.min(Self::LAST)).or_default() -= 1;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.unseen, &other.unseen), (&mut self.seen, &other.seen)] {
            for (bucket, count) in theirs {
                let slot = mine.entry(*bucket).or_default();
                *slot = slot.saturating_add(*count);
            }
        }
    }
}

/// What was learned about one class and metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Summary {
    /// Kind of app.
    pub class: String,
    /// What was predicted.
    pub metric: Metric,
    /// The month at which it was folded.
    pub month: Month,
    /// μ of the class in micro-nats.
    pub mean: i64,
    /// Variance of that mean, in millionths of nat².
    pub mean_variance: i64,
    /// σ²: variance of an observation within a tenant.
    pub within: i64,
    /// τ²: variance between tenants.
    pub between: i64,
    /// Deployment-months behind it.
    pub n: i64,
    /// Tenants behind it.
    pub tenants: i64,
    /// Conformal scores of past predictions.
    #[serde(default)]
    pub scores: Scores,
}

impl Summary {
    /// The same, with the scores by which intervals are widened or narrowed.
    #[must_use]
    pub fn with_scores(mut self, scores: Scores) -> Self {
        self.scores = scores;
        self
    }
}

/// How often people said what about the size of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// How often `over_provisioned` was said: it is larger than it has to be.
    pub over: i64,
    /// How often `perfect_fit` was said.
    pub fit: i64,
    /// How often `under_provisioned` was said: it is too small.
    pub under: i64,
}

/// What the whole pool (`pool/CLASS`) learned about a class: summaries by metric, folded on schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassDocument {
    /// Version of this form.
    pub schema: u32,
    /// The kind of app, such as `node/express`: what is learned holds for all of one kind.
    pub class: String,
    /// The newest summary of each metric; one that was never measured is absent.
    pub summaries: BTreeMap<Metric, Summary>,
}

/// What one tenant's own services taught about a class (`tenants/T/calibration/CLASS`): only added to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnDocument {
    /// Version of this form; 0 in those written before they said it.
    pub schema: u32,
    /// The kind of app, such as `node/express`: what is learned holds for all of one kind.
    pub class: String,
    /// By metric and month.
    pub cells: BTreeMap<Metric, BTreeMap<Month, Cell>>,
    /// What people said of the size; moves head-room alone.
    pub answers: Answers,
}

/// A class as one segment of a path.
fn segment(class: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    class.chars().map(legal).take(60).collect()
}

/// Where the pool's summary of a class is.
pub fn pool_path(class: &str) -> Path {
    Path::new(format!("pool/{}", segment(class)))
}

/// Where a tenant's own cells of a class are.
pub fn own_path(tenant: &TenantId, class: &str) -> Path {
    path(tenant, "calibration", &segment(class))
}

/// Where the copy of a tenant's cells is that the pool is folded from; the tenant is not legible in it.
pub fn pool_cells_path(tenant: &TenantId, class: &str) -> Path {
    Path::new(format!("pool_cells/{}-{}", segment(class), pseudonym(tenant)))
}

/// The name that stands for a tenant in the pool: 16 hex digits of SHA-256.
pub fn pseudonym(tenant: &TenantId) -> String {
    let digest = Sha256::digest(format!("pool/{tenant}"));
    format!("{:016x}", digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

/// A tenant's cells of a class, as they are copied for the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolCells {
    /// Version of this form; 0 in those written before they said it.
    pub schema: u32,
    /// The kind of app, such as `node/express`: what is learned holds for all of one kind.
    pub class: String,
    /// The [`pseudonym`] of the tenant.
    pub tenant: String,
    /// Sums by metric and month.
    pub cells: BTreeMap<Metric, BTreeMap<Month, Cell>>,
    /// Scores by metric.
    pub scores: BTreeMap<Metric, Scores>,
}

/// One comparison of what was predicted with what happened in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationEvent {
    /// Version of this form.
    pub schema: u32,
    /// How often it was corrected.
    pub revision: i64,
    /// ln(actual / base) in micro-nats.
    pub y: i64,
    /// What it is summed under.
    pub class: String,
    /// What was compared.
    pub metric: Metric,
    /// Of which month.
    pub month: Month,
    /// Of which decision.
    pub decision: DecisionId,
    /// The deployment that carried that decision out.
    pub deployment: DeploymentId,
    /// The unlearned value at the observed demand.
    pub base: i64,
    /// What was measured or paid, in the unit of the metric.
    pub actual: i64,
    /// Deployment-months that the prediction rested on.
    pub n: i64,
    /// Bucket of |y − μ| / √V.
    pub score: u16,
}

/// Where the event of this id is kept.
pub fn calibration_event_path(tenant: &TenantId, id: &str) -> Path {
    path(tenant, "calibration_events", id)
}
