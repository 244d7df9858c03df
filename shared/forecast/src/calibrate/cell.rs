//! Where events are summed: one cell per class, metric, tenant and month.
//!
//! Invariant: a cell is three integers that only ever have integers added to them. Each event adds at most 1,
//! 2,079,442 and 4,324,079; so `i64` holds more than 2 × 10¹² events in a cell, and addition saturates beyond.

use model::month::Month;
use serde::{Deserialize, Serialize};
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

/// Whose errors a cell sums.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Kind of app, such as `fastapi`.
    pub class: String,
    /// What was predicted.
    pub metric: Metric,
    /// Who: the tenant, or a name that stands for it in a pool.
    pub tenant: String,
    /// When.
    pub month: Month,
}

/// Sums over the deployment-months of one [`Key`]; also what is added to them.
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
pub(super) const fn square(y: i64) -> i64 {
    y * y / 1_000_000
}

/// How many months are summed, the present one included; older ones are forgotten.
pub const REMEMBERED_MONTHS: i32 = 6;

/// The sum of the months that are still remembered at `now`.
pub fn recent(months: &BTreeMap<Month, Cell>, now: Month) -> Cell {
    months
        .iter()
        .filter(|(month, _)| is_remembered(**month, now))
        .fold(Cell::default(), |sum, (_, cell)| sum.plus(*cell))
}

pub(super) fn is_remembered(month: Month, now: Month) -> bool {
    let age = now.since(month);
    age >= 0 && age < REMEMBERED_MONTHS
}
