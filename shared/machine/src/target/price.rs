//! What a service would cost: list prices of what was measured. Nothing is billed on a machine.

use model::{
    port::target::{Cost, RevisionWindow},
    price::REQUEST_TIER_1,
};

/// The cost of what was measured, in a region of tier 1 and by requests: windows with their memory in KiB × ms.
pub(crate) fn cost<'a>(windows: impl Iterator<Item = &'a (RevisionWindow, u64)>) -> Cost {
    let (mut cpu_ms, mut kib_ms, mut requests) = (0, 0, 0);
    for (window, memory) in windows {
        cpu_ms += window.cpu_ms;
        kib_ms += memory;
        requests += window.requests;
    }
    let cpu_seconds = cpu_ms as f64 / 1e3;
    let gib_seconds = kib_ms as f64 / 1e3 / 1_048_576.0;
    Cost {
        total: REQUEST_TIER_1.of(cpu_seconds, gib_seconds, requests),
        estimated: true,
        cpu_seconds,
        gib_seconds,
        requests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Micros;

    #[test]
    fn a_gib_and_a_core_for_an_hour_and_a_million_requests() {
        let window = RevisionWindow { cpu_ms: 3_600_000, requests: 1_000_000, ..RevisionWindow::default() };
        let cost = cost([(window, 1_048_576 * 3_600_000)].iter());
        assert_eq!(cost.total, Micros(86_400 + 9_000 + 400_000));
        assert!(cost.estimated);
    }
}
