//! Time and randomness, as arguments from outside.

use crate::Timestamp;
use async_trait::async_trait;
use std::time::Duration;

/// The two times there are, and waiting.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time that schedules and timers go by. On a developer's machine it can be moved forward.
    fn now(&self) -> Timestamp;

    /// Time as it really passes: observation windows, leases, tokens and durations of stages go by this one.
    fn real(&self) -> Timestamp;

    /// Waits in real time. For bounded polling within one request (at most 20 s).
    async fn sleep(&self, duration: Duration);
}

/// Unpredictable bits, for ids and keys; a port, so that tests can repeat a run.
pub trait Random: Send + Sync {
    /// 128 bits from the operating system's generator.
    fn bits(&self) -> u128;
}
