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
    Promote,
    /// Stop where it is and ask a person.
    #[default]
    Hold,
}

/// What to do when no request at all came before the release: a canary would wait for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WithoutTraffic {
    /// The health check decides at once; the report says so.
    #[default]
    Probe,
    /// Begin the canary all the same, and hold it at its deadline if still nothing came.
    Wait,
}

/// Requests of our own, the same to the new revision and to the last good one, for when nobody else asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct SyntheticPolicy {
    /// Paths that are asked in turn, with GET: each begins with `/` and has at most 200 visible ASCII characters.
    #[schema(min_items = 1, max_items = 10)]
    pub paths: Vec<String>,
    /// Requests to each of the two revisions, all paths together.
    #[schema(minimum = 5, maximum = 200)]
    pub requests: u32,
}

impl SyntheticPolicy {
    /// The most paths, and the longest.
    pub const PATHS: usize = 10;
    /// See [`SyntheticPolicy::PATHS`].
    pub const PATH_BYTES: usize = 200;

    /// Whether a path may be asked: it is one of the app's own, and nothing but a path with its query.
    pub fn is_path(path: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\');
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= Self::PATH_BYTES
            && path.bytes().all(legal)
    }
}

impl Default for SyntheticPolicy {
    fn default() -> Self {
        Self { paths: vec!["/".to_owned()], requests: 60 }
    }
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
    /// Windows at each weight before it can pass; 0: the target's own (15 on Cloud Run, 5 on a machine). Five will do
    /// where a revision twice as bad would have been taken back with 95 % by then.
    #[schema(minimum = 0, maximum = 1440)]
    pub bake_windows: u32,
    /// Requests to the canary at each weight before it can pass; 0 bad in 59 bounds the rate under 5 % at 95 %.
    #[schema(maximum = 1_000_000)]
    pub min_requests: u32,
    /// The chance, in percent, that a revision as bad as `catch_percent` and `catch_times` say would have been stopped:
    /// a weight is held until it is reached. 0 asks for none.
    #[schema(maximum = 99)]
    #[serde(skip_serializing_if = "is::<90>")]
    pub power_percent: u32,
    /// Percent of requests failing that must be found out with that chance.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(skip_serializing_if = "is::<5>")]
    pub catch_percent: u32,
    /// The same in times of the last good revision's usual rate; the greater of both counts.
    #[schema(minimum = 2, maximum = 1000)]
    #[serde(skip_serializing_if = "is::<10>")]
    pub catch_times: u32,
    /// The time at one weight, in windows, after which thin evidence is all there will be; 0: the target's own (45
    /// minutes on Cloud Run, two on a machine). Twice as long where nothing failed and at least half of `min_requests`
    /// have come.
    #[schema(minimum = 0, maximum = 10080)]
    pub deadline_windows: u32,
    /// What happens then.
    pub thin_evidence: ThinEvidence,
    /// What happens when no request came before the release.
    #[serde(skip_serializing_if = "super::is_default")]
    pub without_traffic: WithoutTraffic,
    /// Requests of our own that decide then instead of the health check; none are sent if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<SyntheticPolicy>,
}

impl CanaryPolicy {
    /// Whether so many requests to the new revision at a weight, none of which failed, are worth twice the time: at least
    /// half of what is asked for has come.
    pub fn has_more_time(&self, requests: u64) -> bool {
        requests > 0 && requests.saturating_mul(2) >= u64::from(self.min_requests)
    }
}

/// What is usual isn't written: documents from before it could be said read the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is<const USUAL: u32>(value: &u32) -> bool {
    *value == USUAL
}

impl Default for CanaryPolicy {
    fn default() -> Self {
        Self {
            weights: vec![10, 50, 100],
            window_ms: 0,
            bake_windows: 0,
            min_requests: 59,
            power_percent: 90,
            catch_percent: 5,
            catch_times: 10,
            deadline_windows: 0,
            thin_evidence: ThinEvidence::default(),
            without_traffic: WithoutTraffic::default(),
            synthetic: None,
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
