//! What a service would cost: list prices of what was measured. Nothing is billed on a machine.

use model::{
    Micros,
    port::target::{Cost, RevisionWindow},
};

// Cloud Run list prices, tier 1 regions, request-based billing, without the free tier:
// https://cloud.google.com/run/pricing, as of 2026-11.

/// USD per vCPU-second.
pub const VCPU_SECOND_USD: f64 = 0.000_024;
/// USD per GiB-second.
pub const GIB_SECOND_USD: f64 = 0.000_002_5;
/// USD per million requests.
pub const MILLION_REQUESTS_USD: f64 = 0.40;

/// The cost of what was measured: windows with their memory in KiB × ms.
pub(crate) fn cost<'a>(windows: impl Iterator<Item = &'a (RevisionWindow, u64)>) -> Cost {
    let (mut cpu_ms, mut kib_ms, mut requests) = (0, 0, 0);
    for (window, memory) in windows {
        cpu_ms += window.cpu_ms;
        kib_ms += memory;
        requests += window.requests;
    }
    let cpu_seconds = cpu_ms as f64 / 1e3;
    let gib_seconds = kib_ms as f64 / 1e3 / 1_048_576.0;
    let usd = cpu_seconds * VCPU_SECOND_USD
        + gib_seconds * GIB_SECOND_USD
        + requests as f64 / 1e6 * MILLION_REQUESTS_USD;
    Cost {
        total: Micros::from_usd(usd).unwrap_or_default(),
        estimated: true,
        cpu_seconds,
        gib_seconds,
        requests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gib_and_a_core_for_an_hour_and_a_million_requests() {
        let window = RevisionWindow { cpu_ms: 3_600_000, requests: 1_000_000, ..RevisionWindow::default() };
        let cost = cost([(window, 1_048_576 * 3_600_000)].iter());
        assert_eq!(cost.total, Micros(86_400 + 9_000 + 400_000));
        assert!(cost.estimated);
    }
}
