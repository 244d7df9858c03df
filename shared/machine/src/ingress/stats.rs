//! What each revision did, second by second: requests by class, bytes, latency, CPU, memory, starts, crashes.
//!
//! Invariant: every request that an app had its say in is counted once, in the second in which it ended, and every second belongs to exactly
//! one of two adjacent windows: the one it ends in. Counts are whole; nothing is sampled.

use model::port::target::{Buckets, RevisionWindow, Window};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Two hours.
const KEPT_SECONDS: usize = 7_200;
/// What is kept over a restart.
const KEPT_MINUTES: i64 = 60;
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
    /// The second until which counts are kept elsewhere.
    kept: i64,
}

/// Counts by minute, each with the last second that it is about; the form in which they are kept.
pub(crate) type Minutes = Vec<(i64, Second)>;

/// One second, or a sum of seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Second {
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
    /// The client left before the app began its answer (what others call 499), or broke its own request: that says
    /// nothing about the app, so it is not counted.
    Left,
}

impl Stats {
    pub(crate) fn new() -> Self {
        let latency = Box::new([0; BUCKETS]);
        let (open, closed) = (Second::default(), VecDeque::new());
        Self { inner: Mutex::new(Inner { second: 0, open, latency, closed, kept: 0 }) }
    }

    /// Takes back what was counted until a restart at `now_ms`; before anything else is counted.
    pub(crate) fn restore(&self, minutes: Minutes, now_ms: i64) {
        let mut inner = self.inner.lock();
        // The clock may have been set back.
        inner.closed = minutes.into_iter().filter(|(second, _)| second * 1000 <= now_ms).collect();
        inner.second = inner.closed.back().map_or(0, |(second, _)| *second);
        inner.kept = inner.second;
    }

    /// The last hour by minute, if anything was counted since this was last asked.
    pub(crate) fn changed_minutes(&self) -> Option<Minutes> {
        let mut inner = self.inner.lock();
        if inner.kept == inner.second && inner.open == Second::default() {
            return None;
        }
        inner.kept = inner.second;
        let oldest = inner.second - KEPT_MINUTES * 60;
        let open = (inner.second, inner.open());
        let mut minutes: Minutes = Vec::new();
        for (at, second) in inner.closed.iter().chain([&open]).filter(|(at, _)| *at > oldest) {
            match minutes.last_mut() {
                Some((last, sum)) if last.div_euclid(60) == at.div_euclid(60) => {
                    *last = *at;
                    sum.add(second);
                }
                _ => minutes.push((*at, second.clone())),
            }
        }
        minutes.retain(|(_, sum)| *sum != Second::default());
        Some(minutes)
    }

    /// Counts a request that ended at `now_ms`.
    pub(crate) fn request(&self, now_ms: i64, ended: Ended, bytes_out: u64, latency_us: u64) {
        if ended == Ended::Left {
            return;
        }
        let bucket = bucket(latency_us);
        let mut inner = self.at(now_ms);
        inner.open.requests += 1;
        inner.open.bytes_out += bytes_out;
        match ended {
            Ended::Status(400..=499) => inner.open.client_errors += 1,
            Ended::Cut | Ended::Status(500..) => inner.open.server_errors += 1,
            Ended::Status(_) | Ended::Left => {}
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
        let mut sum = Second::default();
        for (_, second) in inner.closed.iter().filter(|(at, _)| inside(*at)) {
            sum.add(second);
        }
        if inside(inner.second) {
            sum.add(&inner.open());
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
    /// The open second so far.
    fn open(&self) -> Second {
        Second { latency: sparse(&self.latency).collect(), ..self.open.clone() }
    }

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

impl Second {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.client_errors += other.client_errors;
        self.server_errors += other.server_errors;
        self.bytes_out += other.bytes_out;
        self.cpu_ms += other.cpu_ms;
        self.memory_kib = self.memory_kib.max(other.memory_kib);
        self.memory_kib_ms += other.memory_kib_ms;
        self.instance_ms += other.instance_ms;
        self.starts += other.starts;
        self.crashes += other.crashes;
        if other.latency.is_empty() {
            return;
        }
        let mut latency: BTreeMap<u16, u32> = self.latency.drain(..).collect();
        for (bucket, count) in &other.latency {
            *latency.entry(*bucket).or_default() += count;
        }
        self.latency = latency.into_iter().collect();
    }

    fn finish(self) -> (RevisionWindow, u64) {
        let window = RevisionWindow {
            requests: self.requests,
            client_errors: self.client_errors,
            server_errors: self.server_errors,
            bytes_out: self.bytes_out,
            latency: self.latency,
            buckets: Buckets::default(),
            cpu_ms: self.cpu_ms,
            memory_mib: self.memory_kib.div_ceil(1024),
            instance_ms: self.instance_ms,
            starts: self.starts,
            crashes: self.crashes,
        };
        (window, self.memory_kib_ms)
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

    #[test]
    fn counts_come_back_by_minute() {
        let stats = Stats::new();
        for second in 0..400 {
            stats.request(1_000_000 + second * 1000, Ended::Status(500), 3, 300);
            stats.used(1_000_999 + second * 1000, 1000, 5, 2048);
        }
        let minutes = stats.changed_minutes().unwrap();
        assert!(minutes.len() <= 8, "{}", minutes.len());
        let text = serde_json::to_string(&minutes).unwrap();
        let again = Stats::new();
        again.restore(serde_json::from_str(&text).unwrap(), 1_399_999);
        let all = window(0, 2_000_000);
        assert_eq!(again.window(all), stats.window(all));
        assert_eq!(again.changed_minutes(), None, "nothing new");
        // It goes on in the same second, and is kept once.
        again.request(1_399_999, Ended::Cut, 0, 1);
        again.request(1_500_000, Ended::Cut, 0, 1);
        assert_eq!(again.window(all).0.requests, 402);
        let third = Stats::new();
        third.restore(again.changed_minutes().unwrap(), 1_500_000);
        assert_eq!(third.window(all), again.window(all));
        assert_eq!(third.window(window(1_400_000, 2_000_000)).0.requests, 1);
        // A clock that was set back, and what is older than an hour.
        let back = Stats::new();
        back.restore(minutes, 1_000_000);
        assert!(back.window(all).0.requests < 60);
        third.request(1_500_000 + 3_700_000, Ended::Cut, 0, 1);
        assert_eq!(third.changed_minutes().unwrap().len(), 1);
    }
}
