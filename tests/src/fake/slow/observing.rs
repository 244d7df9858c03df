//! What revisions are seen to do: as their nature is, by the share that they have now.

use super::{Nature, SlowTarget};
use model::port::target::{Measured, Probe, RevisionWindow, ServiceKey, Window};

/// Requests that a service gets in a second.
const PER_SECOND: i64 = 100;

impl SlowTarget {
    pub(super) fn seen(&self, service: &ServiceKey, window: Window) -> Measured {
        let serves = self.state().services.get(service).map(super::Service::serves).unwrap_or_default();
        let all = window.to.since(window.from).max(0) * PER_SECOND / 1000;
        let one = |(revision, share): (String, u32)| {
            let nature = self.nature(&revision);
            let requests = if nature == Nature::Quiet { 0 } else { (all * i64::from(share) / 100) as u64 };
            let server_errors = if nature == Nature::Failing { requests } else { 0 };
            let latency = vec![(90, requests as u32)];
            (revision, RevisionWindow { requests, server_errors, latency, ..RevisionWindow::default() })
        };
        Measured { revisions: serves.into_iter().map(one).collect() }
    }

    pub(super) fn probed(&self, revision: &str, runs: bool) -> Probe {
        let nature = self.nature(revision);
        let dead = nature == Nature::Dead || !runs;
        let healthy = runs && !matches!(nature, Nature::Dead | Nature::Unhealthy);
        let detail = if dead {
            "it exited with code 1".to_owned()
        } else if healthy {
            "GET / answered 200 in 1 ms".to_owned()
        } else {
            "GET / did not answer".to_owned()
        };
        Probe { healthy, dead, detail, ..Probe::default() }
    }
}
