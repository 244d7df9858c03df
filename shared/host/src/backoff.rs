//! Pauses between tries: short at first, doubling, bounded; and an end to them.

use crate::Context;
use std::time::Duration;

/// Tries after which pauses begin anew: whoever waits in a crowd is not left behind by those who come fresh.
const ROUND: u32 = 8;
/// The first pause, in milliseconds.
const FIRST_MS: u64 = 2;
/// The longest one.
const LONGEST_MS: u64 = 100;

/// Somebody who tries again while others keep changing what they read.
#[derive(Debug)]
pub struct BackOff {
    tried: u32,
    tries: u32,
}

impl BackOff {
    /// Few others are expected: 8 tries, half a second at most.
    pub const fn among_few() -> Self {
        Self { tried: 0, tries: ROUND }
    }

    /// A crowd is expected, where one gets through at a time: some hundred tries.
    pub const fn in_a_crowd() -> Self {
        Self { tried: 0, tries: 12 * ROUND }
    }

    /// After a try that failed: waits and answers true, or answers false at once when it was the last.
    pub async fn again(&mut self, ctx: &Context) -> bool {
        let Some(pause) = self.next() else { return false };
        ctx.ports.clock.sleep(pause).await;
        true
    }

    fn next(&mut self) -> Option<Duration> {
        if self.tried + 1 >= self.tries {
            return None;
        }
        let pause_ms = (FIRST_MS << (self.tried % ROUND)).min(LONGEST_MS);
        self.tried += 1;
        Some(Duration::from_millis(pause_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_bounded_and_end() {
        let pauses = |mut back_off: BackOff| -> Vec<u128> {
            std::iter::from_fn(|| back_off.next()).map(|pause| pause.as_millis()).collect()
        };
        assert_eq!(pauses(BackOff::among_few()), [2, 4, 8, 16, 32, 64, 100]);
        let crowd = pauses(BackOff::in_a_crowd());
        assert_eq!((crowd.len(), crowd[8], crowd.iter().max()), (95, 2, Some(&100)));
    }
}
