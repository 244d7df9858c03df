//! Hard guards: what ends a canary at any weight, whatever the statistics say.
//!
//! Invariant: no guard goes by one window's errors, since errors come in clusters, and none blames the canary for an
//! incident that hits both sides alike.

use model::{Timestamp, document::Counts, time::MINUTE_MS};
use serde::{Deserialize, Serialize};

/// Deaths within this span that end it at once: windows may be shorter than the pause before a process is started again.
const CRASH_LOOP: u32 = 2;
pub const CRASH_SPAN_MS: i64 = 2 * MINUTE_MS;
/// Windows with deaths that are remembered.
const DEATHS: usize = 4;
/// Windows running that are looked at together.
const WINDOWS: usize = 3;
/// Requests in them, at least.
const REQUESTS: u64 = 10;
/// With all traffic on it there is no other side: this share, of at least so many requests in each of so many windows.
const ALONE_SHARE: f64 = 0.2;
const ALONE_REQUESTS: u64 = 20;
const ALONE_WINDOWS: u32 = 4;

/// The newest windows in which the canary had requests.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Guards {
    newest: [Counts; WINDOWS],
    /// Windows running in which it failed at [`ALONE_SHARE`].
    bad_running: u32,
    /// The newest windows in which its process died.
    deaths: [Deaths; DEATHS],
}

/// Deaths in a window.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Deaths {
    /// The window's end.
    to: Timestamp,
    count: u32,
}

impl Guards {
    /// Adds a window; several that were read as one are one, since nobody knows how their errors lay.
    pub fn add(&mut self, seen: Counts) {
        if seen.canary_requests == 0 {
            return;
        }
        self.newest.rotate_left(1);
        self.newest[WINDOWS - 1] = seen;
        let bad = seen.canary_requests >= ALONE_REQUESTS
            && seen.canary_bad as f64 >= ALONE_SHARE * seen.canary_requests as f64;
        self.bad_running = if bad { self.bad_running.saturating_add(1) } else { 0 };
    }

    /// Its process died so often in a window that ended then.
    pub fn died(&mut self, to: Timestamp, count: u32) {
        if count > 0 {
            self.deaths.rotate_left(1);
            self.deaths[DEATHS - 1] = Deaths { to, count };
        }
    }

    /// How often it died lately.
    pub fn deaths(&self, now: Timestamp) -> u32 {
        let lately = self.deaths.iter().filter(|died| died.count > 0 && now.since(died.to) < CRASH_SPAN_MS);
        lately.fold(0, |sum, died| sum.saturating_add(died.count))
    }

    /// It keeps dying.
    pub fn crash_loop(&self, now: Timestamp) -> Option<String> {
        let deaths = self.deaths(now);
        (deaths >= CRASH_LOOP).then(|| {
            format!("The new revision died {deaths} times within {} minutes", CRASH_SPAN_MS / MINUTE_MS)
        })
    }

    /// Most of the canary's requests failed in the newest windows, in none of them only a few, and stable's did not; with
    /// nobody beside it what was usual before counts, as a ratio.
    pub fn failing(&self, before: f64) -> Option<String> {
        let sum = |of: fn(&Counts) -> u64| self.newest.iter().map(of).sum::<u64>();
        let (requests, bad) = (sum(|seen| seen.canary_requests), sum(|seen| seen.canary_bad));
        let stable = sum(|seen| seen.stable_requests);
        let theirs = if stable > 0 { sum(|seen| seen.stable_bad) as f64 / stable as f64 } else { before };
        let each = self
            .newest
            .iter()
            .all(|seen| seen.canary_requests > 0 && seen.canary_bad * 4 >= seen.canary_requests);
        let most = requests >= REQUESTS && bad * 2 > requests;
        let ours = bad as f64 / requests.max(1) as f64;
        (each && most && theirs * 2.0 < ours).then(|| {
            format!("{bad} of {requests} requests to the new revision failed in {WINDOWS} windows running")
        })
    }

    /// With all traffic on it: it fails more than was usual before, as a ratio, window after window.
    pub fn failing_alone(&self, before: f64) -> Option<String> {
        let newest = self.newest[WINDOWS - 1];
        (self.bad_running >= ALONE_WINDOWS && self.newest_rate() > 2.0 * before).then(|| {
            format!(
                "{} of {} requests failed in the last of {} bad windows running",
                newest.canary_bad, newest.canary_requests, self.bad_running
            )
        })
    }

    /// Whether the newest window is bad: one of a run that isn't long enough yet to end it, beside what was usual before;
    /// or one whose requests mostly failed, however few they were and whatever was usual. It is looked on.
    pub fn is_doubtful(&self, before: f64) -> bool {
        let newest = self.newest[WINDOWS - 1];
        let most = newest.canary_bad.saturating_mul(2) > newest.canary_requests;
        most || (self.bad_running > 0 && self.newest_rate() > 2.0 * before)
    }

    fn newest_rate(&self) -> f64 {
        let newest = self.newest[WINDOWS - 1];
        newest.canary_bad as f64 / newest.canary_requests.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(windows: &[(u64, u64, u64, u64)]) -> Guards {
        let mut guards = Guards::default();
        for (canary_requests, stable_requests, canary_bad, stable_bad) in windows.iter().copied() {
            guards.add(Counts { canary_requests, stable_requests, canary_bad, stable_bad });
        }
        guards
    }

    #[test]
    fn most_requests_failing_in_three_windows_running_end_it_at_any_weight() {
        let why =
            after(&[(10, 90, 9, 0), (0, 100, 0, 0), (12, 88, 12, 1), (11, 90, 8, 0)]).failing(0.005).unwrap();
        assert!(why.contains("29 of 33 requests") && why.contains("3 windows"), "{why}");
        assert!(
            after(&[(20, 0, 20, 0); 3]).failing(0.005).is_some(),
            "with all traffic on it there is no other side"
        );
        let broken = after(&[(10, 90, 9, 0), (10, 90, 2, 0), (10, 90, 9, 0), (10, 90, 9, 0)]).failing(0.005);
        assert_eq!(broken, None, "not running");
        assert_eq!(
            after(&[(1, 9, 1, 0); 9]).failing(0.005),
            None,
            "a handful of requests is for the deadline"
        );
        assert_eq!(
            after(&[(10, 90, 9, 80); 5]).failing(0.005),
            None,
            "an incident on both sides blames neither"
        );
        assert_eq!(after(&[(60, 540, 50, 3); 1]).failing(0.005), None, "a single burst blames nobody");
    }

    #[test]
    fn deaths_add_up_over_a_span_of_time_whatever_the_windows() {
        let after = |deaths: &[(i64, u32)], now: i64| {
            let mut guards = Guards::default();
            for (at, count) in deaths {
                guards.died(Timestamp(*at), *count);
            }
            guards.crash_loop(Timestamp(now))
        };
        // Seconds: a process is never started again within one.
        assert!(after(&[(1_000, 1), (2_000, 0), (15_000, 1)], 15_000).is_some());
        assert!(after(&[(60_000, 2)], 60_000).is_some());
        assert_eq!(after(&[(60_000, 1)], 60_000), None);
        assert_eq!(after(&[(60_000, 1), (180_000, 1)], 180_000), None, "far apart");
    }

    #[test]
    fn with_all_traffic_a_bad_window_is_looked_on_and_a_run_of_them_ends_it() {
        let before = 0.005;
        let bad = (100, 0, 30, 0);
        assert!(after(&[bad]).is_doubtful(before) && !after(&[bad, (100, 0, 1, 0)]).is_doubtful(before));
        assert_eq!(after(&[bad; 3]).failing_alone(before), None, "an incident of three windows");
        assert!(after(&[bad; 4]).failing_alone(before).is_some());
        assert_eq!(after(&[bad; 9]).failing_alone(0.2), None);
        assert!(!after(&[bad]).is_doubtful(0.25), "no worse than before is no reason to wait");
    }

    #[test]
    fn a_few_requests_that_all_fail_are_looked_on() {
        assert!(after(&[(19, 0, 19, 0)]).is_doubtful(0.0) && after(&[(1, 0, 1, 0)]).is_doubtful(0.0));
        assert!(
            after(&[(100, 0, 100, 0)]).is_doubtful(1.0),
            "that the one before failed too makes it no success"
        );
        assert!(!after(&[(19, 0, 1, 0)]).is_doubtful(0.0), "one of nineteen is no bad window");
    }

    #[test]
    fn a_revision_half_as_bad_as_the_one_before_is_no_reason_to_go_back() {
        assert_eq!(after(&[(100, 0, 60, 0); 4]).failing(0.5), None);
        assert!(after(&[(100, 0, 60, 0); 4]).failing(0.01).is_some());
    }

    #[test]
    fn windows_that_were_read_as_one_are_one() {
        assert_eq!(after(&[(4, 30, 4, 0)]).failing(0.0), None);
    }
}
