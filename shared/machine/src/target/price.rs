//! What a service would cost: list prices of what was measured. Nothing is billed on a machine.

use model::{
    Micros,
    port::target::{Cost, RevisionWindow},
    price::{Rates, Tier, tier},
};

/// The rates of a region that was ordered, by requests; where none was or it isn't known, those of tier 1.
pub(crate) fn rates(region: Option<&str>) -> Rates {
    Rates::by_request(region.and_then(tier).unwrap_or(Tier::One))
}

/// The cost of what was measured: windows with their memory in KiB × ms and the rates of their regions.
pub(crate) fn cost<'a>(windows: impl Iterator<Item = (&'a (RevisionWindow, u64), Rates)>) -> Cost {
    let none = Cost { total: Micros(0), estimated: true, cpu_seconds: 0.0, gib_seconds: 0.0, requests: 0 };
    windows.fold(none, |sum, ((window, kib_ms), rates)| {
        let cpu_seconds = window.cpu_ms as f64 / 1e3;
        let gib_seconds = *kib_ms as f64 / 1e3 / 1_048_576.0;
        Cost {
            total: Micros(sum.total.0 + rates.of(cpu_seconds, gib_seconds, window.requests).0),
            cpu_seconds: sum.cpu_seconds + cpu_seconds,
            gib_seconds: sum.gib_seconds + gib_seconds,
            requests: sum.requests + window.requests,
            estimated: true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gib_and_a_core_for_an_hour_and_a_million_requests() {
        let window = RevisionWindow { cpu_ms: 3_600_000, requests: 1_000_000, ..RevisionWindow::default() };
        let window = (window, 1_048_576 * 3_600_000);
        let cost_in = |region| cost([(&window, rates(region))].into_iter());
        for (region, total) in [
            (None, 86_400 + 9_000 + 400_000),
            (Some("us-central1"), 86_400 + 9_000 + 400_000),
            (Some("europe-west3"), 120_960 + 12_600 + 400_000),
            (Some("nowhere"), 86_400 + 9_000 + 400_000),
        ] {
            assert_eq!(cost_in(region).total, Micros(total), "{region:?}");
        }
        assert!(cost_in(None).estimated);
    }
}
