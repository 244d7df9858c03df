//! A service's recent past, in one small document.

use forecast::anomaly::{Rolling, Severity};
use model::{ServiceName, TenantId, Timestamp, message::Message, port::store::Path};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Windows that are remembered of each metric: ten hours at five minutes each.
const WINDOWS: usize = 120;

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

    /// A deviation is never taken to be smaller: what differs by less is of no consequence.
    fn floor(self) -> f64 {
        match self {
            Self::Cpu | Self::Memory => 0.01,
            Self::Latency => 2.0,
            Self::ErrorRate => 0.002,
            Self::Requests => 0.5,
        }
    }
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

impl Series {
    /// Without a past.
    pub fn new(watched: Watched) -> Self {
        Self { past: Rolling::new(WINDOWS, watched.floor()), episode: None }
    }
}

/// A service's recent past.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// Version of this form.
    pub schema: u32,
    /// End of the newest window that was judged.
    pub seen_to: Timestamp,
    /// By metric.
    pub series: BTreeMap<Watched, Series>,
    /// What the last commit owes to the topics.
    pub outbox: Vec<Message>,
}

/// Where it is kept.
pub fn baseline_path(tenant: &TenantId, service: &ServiceName) -> Path {
    Path::new(format!("tenants/{tenant}/baselines/{service}"))
}
