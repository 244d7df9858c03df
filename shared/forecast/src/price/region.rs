//! The price tier of a region that a person named, and what they may have meant.

use super::Error;
use model::price::{REGIONS, Tier, tier};

/// The tier of `region`, or an error that names the most similar known regions.
pub fn tier_of(region: &str) -> Result<Tier, Error> {
    tier(region).ok_or_else(|| Error::UnknownRegion { region: region.to_owned(), nearest: nearest(region) })
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
