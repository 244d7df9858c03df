//! Delivery as bad as it may legally be, for tests: duplicates, delays, disorder, and verdicts that get lost.
//!
//! Invariant: every choice depends on the seed, the message and the try alone, not on the order in which threads
//! happen to run; and no choice makes a message a dead letter that would not have become one.

use std::time::Duration;

/// What to do to deliveries. Percentages are of deliveries.
#[derive(Clone, Debug, Default)]
pub struct Hostile {
    /// The same seed makes the same choices.
    pub seed: u64,
    /// Delivered once more, at some other time, maybe after the first was acknowledged.
    pub duplicate_percent: u32,
    /// Take a queued delivery from anywhere, not from the front.
    pub reorder: bool,
    /// Deliveries wait up to this long before they are queued; 0 for no delay.
    pub delay_ms_max: u64,
    /// The handler ran, and its acknowledgement was lost.
    pub nack_percent: u32,
}

/// What a choice is about; keeps the choices of one delivery independent.
#[derive(Clone, Copy)]
enum About {
    Delay = 1,
    EchoDelay = 2,
    Duplicate = 3,
    Nack = 4,
    Pick = 5,
}

impl Hostile {
    /// How long this try waits before it is queued.
    pub(super) fn delay(&self, number: u64, lane: u16, attempt: u32, echo: bool) -> Option<Duration> {
        let about = if echo { About::EchoDelay } else { About::Delay };
        let ms = self.roll(about, number, lane, attempt) % (self.delay_ms_max + 1);
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    /// Whether this try is made twice.
    pub(super) fn duplicates(&self, number: u64, lane: u16, attempt: u32) -> bool {
        self.roll(About::Duplicate, number, lane, attempt) % 100 < self.duplicate_percent.into()
    }

    /// Whether the acknowledgement of this try gets lost.
    pub(super) fn loses_ack(&self, number: u64, lane: u16, attempt: u32) -> bool {
        self.roll(About::Nack, number, lane, attempt) % 100 < self.nack_percent.into()
    }

    /// Which of the queued deliveries is next; `newest` is the number of the message at the front.
    pub(super) fn pick(&self, queued: usize, newest: u64) -> usize {
        if self.reorder && queued > 1 {
            (self.roll(About::Pick, newest, 0, queued as u32) % queued as u64) as usize
        } else {
            0
        }
    }

    fn roll(&self, about: About, number: u64, lane: u16, attempt: u32) -> u64 {
        let mixed = mix(self.seed ^ mix(number ^ (about as u64) << 56));
        mix(mixed ^ u64::from(lane) << 32 ^ u64::from(attempt))
    }
}

/// Splitmix64's finaliser (Steele, Lea, Flood 2014).
pub(super) fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
