//! What each revision did, second by second: requests by class, bytes, latency, CPU, memory, starts, crashes.
//!
//! Invariant: every request is counted once, in the second in which it ended, and every second belongs to exactly
//! one of two adjacent windows: the one it ends in. Counts are whole; nothing is sampled.

use model::port::target::{RevisionWindow, Window};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};

/// Two hours.
const KEPT_SECONDS: usize = 7_200;
/// `1.05^399` × 0.1 ms is more than seven hours.
const BUCKETS: usize = 400;

/// Counts of one revision.
#[derive(Debug)]
pub(crate) struct Stats {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The second that is being counted; never goes back.
    second: i64,
    open: Second,
    /// Latency of the open second, by bucket; made sparse when it closes.
    latency: Box<[u32; BUCKETS]>,
    closed: VecDeque<(i64, Second)>,
}

/// One second.
#[derive(Clone, Debug, Default, PartialEq)]
struct Second {
    requests: u64,
    client_errors: u64,
    server_errors: u64,
    bytes_out: u64,
    latency: Vec<(u16, u32)>,
    cpu_ms: u64,
    memory_kib: u64,
    memory_kib_ms: u64,
    instance_ms: u64,
    starts: u32,
    crashes: u32,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this status, body and all (or its receiver went away).
    Status(u16),
    /// The app broke off.
    Cut,
    /// The client left before the app began its answer: what others call 499.
    Left,
}

impl Stats {
    pub(crate) fn new() -> Self {
        let latency = Box::new([0; BUCKETS]);
        Self {
            inner: Mutex::new(Inner { second: 0, open: Second::default(), latency, closed: VecDeque::new() }),
        }
    }

    /// Counts a request that ended at `now_ms`.
    pub(crate) fn request(&self, now_ms: i64, ended: Ended, bytes_out: u64, latency_us: u64) {
        let bucket = bucket(latency_us);
        let mut inner = self.at(now_ms);
        inner.open.requests += 1;
        inner.open.bytes_out += bytes_out;
        match ended {
            Ended::Left | Ended::Status(400..=499) => inner.open.client_errors += 1,
            Ended::Cut | Ended::Status(500..) => inner.open.server_errors += 1,
            Ended::Status(_) => {}
        }
        inner.latency[bucket] += 1;
    }

    /// Counts a start of an instance.
    pub(crate) fn started(&self, now_ms: i64) {
        self.at(now_ms).open.starts += 1;
    }

    /// Counts an instance that died by itself.
    pub(crate) fn crashed(&self, now_ms: i64) {
        self.at(now_ms).open.crashes += 1;
    }

    /// Counts what an instance used in the `span_ms` that end at `now_ms`.
    pub(crate) fn used(&self, now_ms: i64, span_ms: u64, cpu_ms: u64, memory_kib: u64) {
        // A sample taken just after a second began is about the one before.
        let mut inner = self.at(now_ms);
        let inner = &mut *inner;
        let previous = (now_ms / 1000 - 1, now_ms % 1000 < 500);
        let second = match inner.closed.back_mut() {
            Some((at, second)) if previous == (*at, true) => second,
            _ => &mut inner.open,
        };
        second.cpu_ms += cpu_ms;
        second.instance_ms += span_ms;
        second.memory_kib = second.memory_kib.max(memory_kib);
        second.memory_kib_ms += memory_kib * span_ms;
    }

    /// The sum of the seconds that end in the window, and its memory in KiB × ms.
    pub(crate) fn window(&self, window: Window) -> (RevisionWindow, u64) {
        let inner = self.inner.lock();
        let inside = |second: i64| {
            let end = (second + 1) * 1000;
            window.from.0 < end && end <= window.to.0
        };
        let mut sum = Sum::default();
        for (_, second) in inner.closed.iter().filter(|(at, _)| inside(*at)) {
            sum.add(second, second.latency.iter().copied());
        }
        if inside(inner.second) {
            sum.add(&inner.open, sparse(&inner.latency));
        }
        sum.finish()
    }

    /// The newest second that anything was counted in.
    pub(crate) fn last_second(&self) -> i64 {
        self.inner.lock().second
    }

    /// The counts, turned to the second of `now_ms`.
    fn at(&self, now_ms: i64) -> parking_lot::MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        let second = now_ms.div_euclid(1000);
        if second > inner.second {
            inner.turn(second);
        }
        inner
    }
}

impl Inner {
    fn turn(&mut self, second: i64) {
        let mut closing = std::mem::take(&mut self.open);
        if self.second != 0 {
            closing.latency = sparse(&self.latency).collect();
            self.closed.push_back((self.second, closing));
            self.latency.fill(0);
        }
        // The second before always exists, so that a late sample finds it.
        if self.second != second - 1 {
            self.closed.push_back((second - 1, Second::default()));
        }
        self.second = second;
        while self.closed.front().is_some_and(|(at, _)| *at < second - KEPT_SECONDS as i64) {
            self.closed.pop_front();
        }
    }
}

#[derive(Default)]
struct Sum {
    total: RevisionWindow,
    latency: BTreeMap<u16, u32>,
    memory_kib: u64,
    memory_kib_ms: u64,
}

impl Sum {
    fn add(&mut self, second: &Second, latency: impl Iterator<Item = (u16, u32)>) {
        let total = &mut self.total;
        total.requests += second.requests;
        total.client_errors += second.client_errors;
        total.server_errors += second.server_errors;
        total.bytes_out += second.bytes_out;
        total.cpu_ms += second.cpu_ms;
        total.instance_ms += second.instance_ms;
        total.starts += second.starts;
        total.crashes += second.crashes;
        self.memory_kib = self.memory_kib.max(second.memory_kib);
        self.memory_kib_ms += second.memory_kib_ms;
        for (bucket, count) in latency {
            *self.latency.entry(bucket).or_default() += count;
        }
    }

    fn finish(self) -> (RevisionWindow, u64) {
        let memory_mib = self.memory_kib.div_ceil(1024);
        (
            RevisionWindow { latency: self.latency.into_iter().collect(), memory_mib, ..self.total },
            self.memory_kib_ms,
        )
    }
}

fn sparse(latency: &[u32; BUCKETS]) -> impl Iterator<Item = (u16, u32)> {
    latency.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bucket, count)| (bucket as u16, *count))
}

/// The first bucket whose upper bound, `1.05^b` × 0.1 ms, holds the latency.
fn bucket(latency_us: u64) -> usize {
    let ratio = latency_us as f64 / 100.0;
    if ratio <= 1.0 {
        return 0;
    }
    // The tolerance keeps a latency that is exactly a bound in its bucket.
    ((ratio.ln() / 1.05_f64.ln() - 1e-9).ceil() as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn window(from: i64, to: i64) -> Window {
        Window { from: Timestamp(from), to: Timestamp(to) }
    }

    #[test]
    fn buckets_hold_what_they_say() {
        for latency_us in [0, 1, 99, 100, 101, 105, 106, 1_000, 123_456, 60_000_000] {
            let b = bucket(latency_us);
            let upper = 1.05_f64.powi(b as i32) * 100.0;
            assert!(latency_us as f64 <= upper * (1.0 + 1e-9), "{latency_us} in {b}");
            assert!(
                b == 0 || latency_us as f64 > 1.05_f64.powi(b as i32 - 1) * 100.0 * (1.0 - 1e-9),
                "{latency_us} in {b}"
            );
        }
    }

    #[test]
    fn adjacent_windows_share_nothing_and_lose_nothing() {
        let stats = Stats::new();
        for ms in 0..5_000 {
            stats.request(1_000_000 + ms, if ms % 10 == 0 { Ended::Cut } else { Ended::Status(404) }, 2, 300);
        }
        for split in [1_000_000, 1_000_500, 1_002_000, 1_003_999] {
            let (a, _) = stats.window(window(999_000, split));
            let (b, _) = stats.window(window(split, 1_005_000));
            assert_eq!(a.requests + b.requests, 5_000, "{split}");
            assert_eq!(a.server_errors + b.server_errors, 500);
            assert_eq!(a.client_errors + b.client_errors, 4_500);
            assert_eq!(a.bytes_out + b.bytes_out, 10_000);
            let counts = a.latency.iter().chain(&b.latency).map(|(_, count)| *count).sum::<u32>();
            assert_eq!(counts, 5_000);
        }
    }

    #[test]
    fn a_sample_just_after_the_second_counts_for_it() {
        let stats = Stats::new();
        stats.used(10_004, 1000, 40, 2048);
        stats.used(11_003, 1000, 50, 1024);
        let (first, kib_ms) = stats.window(window(9_000, 10_000));
        assert_eq!((first.cpu_ms, first.memory_mib, first.instance_ms, kib_ms), (40, 2, 1000, 2_048_000));
        assert_eq!(stats.window(window(10_000, 11_000)).0.cpu_ms, 50);
    }

    #[test]
    fn old_seconds_are_let_go() {
        let stats = Stats::new();
        for second in 0..8_000 {
            stats.request(1_000_000 + second * 1000, Ended::Status(200), 0, 1);
        }
        assert!(stats.inner.lock().closed.len() <= KEPT_SECONDS + 1);
    }
}
