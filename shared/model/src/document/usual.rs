//! How long the parts of a deployment usually take, from its own service's history.

use super::{Stage, StageTime};
use serde::{Deserialize, Serialize};

/// How long the parts of one deployment took that came to serve, in milliseconds of real time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Its build; none where what an earlier one built was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_ms: Option<i64>,
    /// From the release to a probe that was answered well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_ms: Option<i64>,
}

impl Took {
    /// As many are remembered of a service.
    pub const REMEMBERED: usize = 5;

    /// Of a deployment's stages.
    pub fn of(stages: &[StageTime]) -> Self {
        let sum = |wanted: &[Stage]| {
            let spans = stages.iter().filter(|time| wanted.contains(&time.stage));
            spans.filter_map(|time| Some(time.to?.since(time.from).max(0))).reduce(|sum, ms| sum + ms)
        };
        Self { build_ms: sum(&[Stage::Build]), release_ms: sum(&[Stage::Release, Stage::Verify]) }
    }
}

/// The medians of a service's newest deployments that came to serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usual {
    /// Of a build, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_ms: Option<i64>,
    /// From the release to a probe that was answered well, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_ms: Option<i64>,
    /// Of how many builds.
    #[serde(default)]
    pub builds: u32,
}

impl Usual {
    /// What is usual by these; none where there are none.
    pub fn of(took: &[Took]) -> Option<Self> {
        let builds: Vec<i64> = took.iter().filter_map(|one| one.build_ms).collect();
        let releases: Vec<i64> = took.iter().filter_map(|one| one.release_ms).collect();
        let count = u32::try_from(builds.len()).unwrap_or(u32::MAX);
        let usual = Self { build_ms: median(builds), release_ms: median(releases), builds: count };
        (usual != Self::default()).then_some(usual)
    }

    /// ", usually 12 s by its last 3 builds"; empty where that isn't known.
    pub fn build_words(usual: Option<&Self>) -> String {
        let Some((ms, builds)) = usual.and_then(|usual| Some((usual.build_ms?, usual.builds))) else {
            return String::new();
        };
        let by = if builds == 1 { "its last build".to_owned() } else { format!("its last {builds} builds") };
        format!(", usually {} by {by}", span(ms))
    }

    /// ", usually 2 s"; empty where that isn't known.
    pub fn release_words(usual: Option<&Self>) -> String {
        usual
            .and_then(|usual| usual.release_ms)
            .map(|ms| format!(", usually {}", span(ms)))
            .unwrap_or_default()
    }
}

/// The middle one; of two the longer, so that nobody waits for longer than was said more often than not.
fn median(mut all: Vec<i64>) -> Option<i64> {
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

/// `0.4 s`, `12 s`, `3 min`.
fn span(ms: i64) -> String {
    match ms {
        ..10_000 => format!("{:.1} s", ms as f64 / 1e3),
        10_000..120_000 => format!("{} s", ms / 1_000),
        _ => format!("{} min", ms / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn what_is_usual_is_the_median_of_what_it_took() {
        assert_eq!(Usual::of(&[]), None);
        let time = |stage, from, to| StageTime { stage, from: Timestamp(from), to: Some(Timestamp(to)) };
        let took = |build_ms| {
            let stages = [
                time(Stage::Build, 0, build_ms),
                time(Stage::Release, build_ms, build_ms + 100),
                time(Stage::Verify, build_ms + 100, build_ms + 400),
            ];
            Took::of(&stages)
        };
        let usual = Usual::of(&[took(90_000), took(12_000), took(15_000), Took::of(&[])]);
        assert_eq!(usual, Some(Usual { build_ms: Some(15_000), release_ms: Some(400), builds: 3 }));
        assert_eq!(Usual::build_words(usual.as_ref()), ", usually 15 s by its last 3 builds");
        assert_eq!(Usual::release_words(usual.as_ref()), ", usually 0.4 s");
        assert_eq!(Usual::build_words(None), "");
    }
}
