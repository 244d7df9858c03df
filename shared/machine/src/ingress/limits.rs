//! What one client, or one app, may cost the ingress.

use rustix::process::{Resource, getrlimit};
use std::time::Duration;

/// Bounds of the ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an app may take to begin its answer, counted from the request's head; then the client gets 504.
    pub answer: Duration,
    /// How long a connection may take to send a request's head whole, and how long it may stay without one.
    pub head: Duration,
    /// Bytes of a request's head; one that is clearly larger gets 431 (what came in one piece may pass).
    pub head_bytes: usize,
    /// Connections at once, web sockets among them; one more gets 503.
    pub connections: usize,
    /// While more than so many are open, one ends with its answer instead of staying without a request.
    pub idle: usize,
}

impl Default for Limits {
    /// As on Cloud Run where that has such a bound: 300 s, 64 KiB. Connections follow this process' descriptors,
    /// of which each takes two.
    fn default() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let connections = (descriptors / 3).clamp(64, 4096) as usize;
        Self {
            answer: Duration::from_mins(5),
            head: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            connections,
            idle: connections * 3 / 4,
        }
    }
}
