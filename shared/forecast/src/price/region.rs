//! Which price tier each Cloud Run region is in.
//!
//! Invariant: one row per region, sorted by name, so that a region has exactly one tier.

use super::Error;
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

/// The tier of `region`, or an error that names the most similar known regions.
pub fn tier_of(region: &str) -> Result<Tier, Error> {
    let found = REGIONS.binary_search_by(|(name, _)| (*name).cmp(region)).ok().and_then(|at| REGIONS.get(at));
    found
        .map(|(_, tier)| *tier)
        .ok_or_else(|| Error::UnknownRegion { region: region.to_owned(), nearest: nearest(region) })
}

fn nearest(region: &str) -> Vec<&'static str> {
    let wanted: Vec<char> = region.trim().to_ascii_lowercase().chars().take(64).collect();
    let mut ranked: Vec<_> = REGIONS.iter().map(|(name, _)| (distance(&wanted, name), *name)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Levenshtein distance, one row at a time.
fn distance(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (line, wanted) in to.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, have) in from.iter().enumerate() {
            let substituted = diagonal + usize::from(*have != wanted);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[from.len()]
}
