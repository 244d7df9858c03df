//! Which price tier each Cloud Run region is in.
//!
//! Invariant: one row per region, sorted by name, so that a region has exactly one tier.

use serde::{Deserialize, Serialize};

/// Price tier of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// The cheaper list.
    One,
    /// The dearer list.
    Two,
}

/// Known regions, sorted by name, with their tier.
/// Source: cloud.google.com/run/docs/locations, "Subject to Tier 1 / Tier 2 pricing", from stored copies without a date,
/// looked up in November 2026. Regions opened since then are missing: their tier was not seen.
pub const REGIONS: &[(&str, Tier)] = &[
    ("africa-south1", Tier::Two),
    ("asia-east1", Tier::One),
    ("asia-east2", Tier::Two),
    ("asia-northeast1", Tier::One),
    ("asia-northeast2", Tier::One),
    ("asia-northeast3", Tier::Two),
    ("asia-south1", Tier::Two),
    ("asia-south2", Tier::Two),
    ("asia-southeast1", Tier::Two),
    ("asia-southeast2", Tier::Two),
    ("australia-southeast1", Tier::Two),
    ("australia-southeast2", Tier::Two),
    ("europe-central2", Tier::Two),
    ("europe-north1", Tier::One),
    ("europe-southwest1", Tier::One),
    ("europe-west1", Tier::One),
    ("europe-west10", Tier::Two),
    ("europe-west12", Tier::Two),
    ("europe-west2", Tier::Two),
    ("europe-west3", Tier::Two),
    ("europe-west4", Tier::One),
    ("europe-west6", Tier::Two),
    ("europe-west8", Tier::One),
    ("europe-west9", Tier::One),
    ("me-central1", Tier::Two),
    ("me-central2", Tier::Two),
    ("me-west1", Tier::One),
    ("northamerica-northeast1", Tier::Two),
    ("northamerica-northeast2", Tier::Two),
    ("southamerica-east1", Tier::Two),
    ("southamerica-west1", Tier::Two),
    ("us-central1", Tier::One),
    ("us-east1", Tier::One),
    ("us-east4", Tier::One),
    ("us-east5", Tier::One),
    ("us-south1", Tier::One),
    ("us-west1", Tier::One),
    ("us-west2", Tier::Two),
    ("us-west3", Tier::Two),
    ("us-west4", Tier::Two),
];

/// The tier of a region; `None` for one that isn't known.
pub fn tier(region: &str) -> Option<Tier> {
    let at = REGIONS.binary_search_by(|(name, _)| (*name).cmp(region)).ok()?;
    REGIONS.get(at).map(|(_, tier)| *tier)
}
