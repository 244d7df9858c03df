//! A service's recent past, in one small document: what its next window is judged against.

use super::{Owes, SCHEMA, owes, path, shard};
use crate::{ServiceName, TenantId, Timestamp, message::Message, port::store::Path};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// CPU, share of what is configured.
    Cpu,
    /// Memory, share of what is configured.
    Memory,
    /// Median time to answer, milliseconds.
    Latency,
    /// Share of bad requests.
    ErrorRate,
    /// Requests a second.
    Requests,
}

impl Watched {
    /// As it is written: `error_rate`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Latency => "latency",
            Self::ErrorRate => "error_rate",
            Self::Requests => "requests",
        }
    }
}

/// How unusual a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to tell.
    None,
    /// 2.5 deviations or more.
    Medium,
    /// 3.5 deviations or more.
    High,
}

/// The rolling window of one series. What is judged by it, and how, is the forecast's business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// Most points that are kept.
    pub capacity: usize,
    /// Deviation that counts as at least, in the series' unit: smaller wobbles are never an anomaly.
    pub floor: f64,
    /// The values of the last windows, the oldest first.
    pub points: VecDeque<f64>,
}

/// One metric of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The windows before.
    pub past: Rolling,
    /// The anomaly that lasts.
    #[serde(default)]
    pub episode: Option<Episode>,
}

/// An anomaly that lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// First moment of its first window.
    pub since: Timestamp,
    /// The worst that was told.
    pub told: Severity,
}

/// A service's recent past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Version of this form.
    pub schema: u32,
    /// End of the newest window that was judged.
    #[serde(default)]
    pub seen_to: Timestamp,
    /// What is known of each watched metric.
    #[serde(default)]
    pub series: BTreeMap<Watched, Series>,
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

impl Baseline {
    /// Of a service that was never measured.
    pub fn new(service: &ServiceName) -> Self {
        Self {
            schema: SCHEMA,
            seen_to: Timestamp::default(),
            series: BTreeMap::new(),
            shard: shard(service.as_str()),
            next_due: None,
            outbox: vec![],
        }
    }
}

owes!(Baseline);

/// Where a service's recent past is kept.
pub fn baseline_path(tenant: &TenantId, service: &ServiceName) -> Path {
    path(tenant, "baselines", service.as_str())
}
