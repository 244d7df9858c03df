//! How long requests take: which windows tell, and by how much the canary is slower.
//!
//! Invariant: a window in which the canary starts instances, and the warm-up after it, tells nothing: cold starts and
//! warming caches are no regression.

use super::{Options, Window};
use crate::histogram::{Histogram, slow_counts};
use model::port::target::RevisionWindow;
use serde::{Deserialize, Serialize};

/// Windows after one with starts in which caches still warm.
const WARM_UP: u32 = 3;

/// The p95 of both sides, over the windows that told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Longer {
    /// Of the canary, in microseconds: the end of its bucket.
    pub canary_micros: u64,
    /// Of stable, in microseconds: the end of its bucket.
    pub stable_micros: u64,
    /// By how much a bucket's end is beyond the one before, in millionths: a difference of one bucket is none.
    pub bucket_millionths: u32,
}

impl Longer {
    /// Whether the canary's is longer by enough to matter.
    pub fn is_longer(&self, options: &Options) -> bool {
        let bucket = (f64::from(self.bucket_millionths) / 1e6).max(1.0);
        let ratio = self.canary_micros as f64 / self.stable_micros.max(1) as f64;
        let difference = self.canary_micros.saturating_sub(self.stable_micros);
        ratio > options.latency_ratio_floor * bucket && difference >= options.latency_floor_micros
    }
}

/// What is kept of it between windows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// Of stable, from before the release on: its p95 is the edge beyond which a request counts as slow.
    usual: Histogram,
    /// Of both sides in the windows that told.
    canary: Histogram,
    stable: Histogram,
    /// Windows that are still to be left out.
    warming: u32,
}

impl Latency {
    /// A window of stable from before the release.
    pub fn learn(&mut self, before: &RevisionWindow) {
        self.usual.merge(&Histogram::from(before));
    }

    /// A closed window as long as `spans`: the counts of slow requests, where it tells.
    pub fn add(
        &mut self,
        ours: &RevisionWindow,
        good: &RevisionWindow,
        spans: u32,
    ) -> Option<(Window, Longer)> {
        let (canary, stable) = (Histogram::from(ours), Histogram::from(good));
        self.usual.merge(&stable);
        if ours.starts > 0 {
            self.warming = WARM_UP;
            return None;
        }
        if self.warming > 0 {
            self.warming = self.warming.saturating_sub(spans);
            return None;
        }
        let edge = self.usual.quantile(0.95)?;
        self.canary.merge(&canary);
        self.stable.merge(&stable);
        let longer = Longer {
            canary_micros: self.canary.quantile(0.95).unwrap_or_default(),
            stable_micros: self.stable.quantile(0.95).unwrap_or_default(),
            bucket_millionths: ours.buckets.growth_millionths,
        };
        Some((slow_counts(&canary, &stable, edge), longer))
    }
}
