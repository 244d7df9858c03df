//! Time and randomness as the operating system has them.

use async_trait::async_trait;
use model::{
    Timestamp,
    port::{Clock, Random},
};
use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The time as it is: nobody moves it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.real()
    }

    fn real(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's generator, asked once for sixteen draws.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

/// What a thread has drawn and not used. A draw is wiped as it is handed out.
struct Drawn {
    bytes: [u8; 256],
    left: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; 256], left: 0 }) };
}

impl Random for OsRandom {
    fn bits(&self) -> u128 {
        DRAWN.with_borrow_mut(Drawn::next)
    }
}

impl Drawn {
    fn next(&mut self) -> u128 {
        if self.left == 0 {
            // Straight from the kernel: a library's own generator takes 20 ms to seed itself, which is most of a
            // cold start. Up to 256 bytes come whole; without entropy nothing safe can be done, so this aborts.
            match rustix::rand::getrandom(&mut self.bytes, rustix::rand::GetRandomFlags::empty()) {
                Ok(256) => self.left = self.bytes.len(),
                Ok(_) | Err(_) => std::process::abort(),
            }
        }
        self.left -= 16;
        let mut draw = [0; 16];
        draw.swap_with_slice(&mut self.bytes[self.left..self.left + 16]);
        u128::from_le_bytes(draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bits_differ() {
        let draws: std::collections::HashSet<u128> = (0..100).map(|_| OsRandom.bits()).collect();
        assert!(draws.len() == 100 && !draws.contains(&0));
    }
}
