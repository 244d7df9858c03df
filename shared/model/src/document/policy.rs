//! How a deployment is to go: its strategy, the evidence it needs, and the time it may take.

use serde::{Deserialize, Serialize};

/// How traffic gets to a new revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// All of it at once, after the probe.
    Instant,
    /// All of it at once after the probe, then one window is watched.
    Quick,
    /// 0 → 10 → 50 → 100 on evidence.
    #[default]
    Canary,
}

/// What to do when a canary's deadline passes without enough requests to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThinEvidence {
    /// Go on if the revision's own address answers the probe and none of its requests failed; the report says so.
    #[default]
    Promote,
    /// Stop where it is and ask a person.
    Hold,
}

/// How evidence is gathered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CanaryPolicy {
    /// Percent of traffic, step by step; the last is 100.
    #[schema(min_items = 1, max_items = 20)]
    pub weights: Vec<u32>,
    /// Length of a window in milliseconds; 0: the target's own (a second on a machine, a minute on Cloud Run).
    #[schema(minimum = 0, maximum = 3_600_000)]
    pub window_ms: i64,
    /// Windows at each weight before it can pass.
    #[schema(minimum = 1, maximum = 1440)]
    pub bake_windows: u32,
    /// Requests to the canary at each weight before it can pass; 0 bad in 59 bounds the rate under 5 % at 95 %.
    #[schema(maximum = 1_000_000)]
    pub min_requests: u32,
    /// Windows at one weight after which thin evidence is all there will be.
    #[schema(minimum = 1, maximum = 10080)]
    pub deadline_windows: u32,
    /// What happens then.
    pub thin_evidence: ThinEvidence,
}

impl Default for CanaryPolicy {
    fn default() -> Self {
        Self {
            weights: vec![10, 50, 100],
            window_ms: 0,
            bake_windows: 5,
            min_requests: 59,
            deadline_windows: 15,
            thin_evidence: ThinEvidence::Promote,
        }
    }
}

/// How long the parts of a pipeline may take, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Limits {
    /// A build; then it is killed. At most an hour.
    #[schema(minimum = 1_000, maximum = 3_600_000)]
    pub build_ms: i64,
    /// From release until the health path answers. At most ten minutes.
    #[schema(minimum = 1_000, maximum = 600_000)]
    pub verify_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { build_ms: 20 * crate::time::MINUTE_MS, verify_ms: crate::time::MINUTE_MS }
    }
}
