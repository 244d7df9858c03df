//! The list prices of Cloud Run, and what measured resources cost by them.
//!
//! Invariant: this is the only table of prices; what predicts, what estimates on a machine and what is printed all read
//! it, and a test looks for a second one. Amounts are integers until they are handed out.

mod region;

pub use region::{REGIONS, Tier, tier};

use crate::Micros;

/// Nano-dollars per unit; integers, because the list has at most nine decimals.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// A vCPU for a second in which a request runs (request-based) or the instance lives.
    pub vcpu_second: i64,
    /// A GiB of memory for such a second.
    pub gib_second: i64,
    /// A single request; 0 where requests cost nothing.
    pub request: i64,
    /// A vCPU for a second of a minimum instance without a request.
    pub idle_vcpu_second: i64,
    /// A GiB of memory for such an idle second.
    pub idle_gib_second: i64,
}

/// What is free each month, as quantities; they are worth their tier 1 price in every region.
#[derive(Debug, Clone, Copy)]
pub struct FreeTier {
    /// vCPU-seconds a month and billing account.
    pub vcpu_seconds: i64,
    /// GiB-seconds a month and billing account.
    pub gib_seconds: i64,
    /// Requests a month and billing account.
    pub requests: i64,
}

/// Request-based, tier 1: vCPU-s 0.000024, GiB-s 0.0000025, 0.40 per million requests.
/// Source: cloud.google.com/run/pricing, seen November 2026. Idle minimum instances (0.0000025 for both) are
/// believed, not verified.
pub const REQUEST_TIER_1: Rates = Rates {
    vcpu_second: 24_000,
    gib_second: 2_500,
    request: 400,
    idle_vcpu_second: 2_500,
    idle_gib_second: 2_500,
};

/// Request-based, tier 2: vCPU-s 0.0000336, GiB-s 0.0000035, 0.40 per million requests.
/// Source: cloud.google.com/run/pricing, seen November 2026. The idle rates scale tier 1's by the same 1.4 as
/// everything else in the tier; not verified.
pub const REQUEST_TIER_2: Rates = Rates {
    vcpu_second: 33_600,
    gib_second: 3_500,
    request: 400,
    idle_vcpu_second: 3_500,
    idle_gib_second: 3_500,
};

/// Instance-based, tier 1: vCPU-s 0.000018, GiB-s 0.000002, no request fee; idle time costs the same.
/// Source: cloud.google.com/run/pricing, seen November 2026.
pub const INSTANCE_TIER_1: Rates = Rates {
    vcpu_second: 18_000,
    gib_second: 2_000,
    request: 0,
    idle_vcpu_second: 18_000,
    idle_gib_second: 2_000,
};

/// Instance-based, tier 2: vCPU-s 0.0000216, GiB-s 0.0000024, no request fee; idle time costs the same.
/// Source: cloud.google.com/run/pricing, seen November 2026.
pub const INSTANCE_TIER_2: Rates = Rates {
    vcpu_second: 21_600,
    gib_second: 2_400,
    request: 0,
    idle_vcpu_second: 21_600,
    idle_gib_second: 2_400,
};

/// Request-based: 180,000 vCPU-s, 360,000 GiB-s, 2 million requests a month and billing account.
/// Source: cloud.google.com/run/pricing, seen November 2026. Some calculators swap the first two.
pub const FREE_REQUEST: FreeTier =
    FreeTier { vcpu_seconds: 180_000, gib_seconds: 360_000, requests: 2_000_000 };

/// Instance-based: 240,000 vCPU-s, 450,000 GiB-s a month and billing account.
/// Source: cloud.google.com/run/pricing, seen November 2026.
pub const FREE_INSTANCE: FreeTier = FreeTier { vcpu_seconds: 240_000, gib_seconds: 450_000, requests: 0 };

impl Rates {
    /// What is asked in a region of that tier where requests are paid for, as Cloud Run does unless told otherwise.
    pub const fn by_request(tier: Tier) -> Self {
        match tier {
            Tier::One => REQUEST_TIER_1,
            Tier::Two => REQUEST_TIER_2,
        }
    }

    /// What was measured costs this, without the free tier: an estimate, to be marked as one.
    pub fn of(&self, cpu_seconds: f64, gib_seconds: f64, requests: u64) -> Micros {
        let parts = [
            (cpu_seconds, self.vcpu_second),
            (gib_seconds, self.gib_second),
            (requests as f64, self.request),
        ];
        Micros(parts.into_iter().map(|(quantity, rate)| micros(quantity, rate)).sum())
    }
}

/// Micro-dollars for a quantity at nano-dollars a unit. A float-to-integer cast saturates, so an absurd quantity gives
/// an absurd price and never wraps; an eighth, so that a few can be added up.
pub fn micros(quantity: f64, nanos_per_unit: i64) -> i64 {
    ((quantity * nanos_per_unit as f64 / 1000.0).round() as i64).min(i64::MAX / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    #[test]
    fn measured_resources_are_priced_without_a_free_tier() {
        assert_eq!(REQUEST_TIER_1.of(1000.0, 500.0, 1_000_000), Micros(24_000 + 1_250 + 400_000));
        assert_eq!(INSTANCE_TIER_2.of(1000.0, 500.0, 1_000_000), Micros(21_600 + 1_200));
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs" || end == "md" || end == "html") {
                found.push(path);
            }
        }
    }

    /// A rate as people write it in dollars, with the underscores of Rust or without.
    fn spelled(nanos: i64) -> [String; 2] {
        let digits = format!("{nanos:09}");
        let digits = digits.trim_end_matches('0');
        let groups: Vec<&str> =
            (0..digits.len()).step_by(3).map(|at| &digits[at..digits.len().min(at + 3)]).collect();
        [format!("0.{digits}"), format!("0.{}", groups.join("_"))]
    }

    #[test]
    fn no_other_file_spells_a_rate() {
        assert_eq!(spelled(2_500), ["0.0000025", "0.000_002_5"]);
        let tables = [REQUEST_TIER_1, REQUEST_TIER_2, INSTANCE_TIER_1, INSTANCE_TIER_2];
        let rates: Vec<String> =
            tables.iter().flat_map(|rates| [rates.vcpu_second, rates.gib_second]).flat_map(spelled).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut files = vec![];
        for folder in ["shared", "functions"] {
            sources(&root.join(folder), &mut files);
        }
        assert!(files.len() > 100, "{}", files.len());
        // Tests say for themselves what the table has to be.
        files.retain(|file| !file.ends_with("model/src/price.rs") && !file.ends_with("tests.rs"));
        for file in &files {
            let text = fs::read_to_string(file).unwrap();
            let found = rates.iter().find(|rate| text.contains(rate.as_str()));
            assert_eq!(found, None, "{} spells a price: take it from model::price", file.display());
        }
    }
}
