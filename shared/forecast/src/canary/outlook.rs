//! Before a shift starts: how long it takes at the traffic seen, and what it would catch by then.
//!
//! Invariant: from the same power that a pass is held to, so that what is told before and after can be compared.

use super::{Options, Sight, watch::options, words};
use model::{
    document::CanaryPolicy,
    port::target::{Measured, WindowPolicy},
    time::{MINUTE_MS, SECOND_MS},
};

/// What was seen of a service before the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Requests to it, whichever revision answered.
    pub requests: u64,
    /// Those to the last good revision: what others failed is not usual for it.
    pub good_requests: u64,
    /// Bad ones among them.
    pub good_bad: u64,
    /// In so many windows.
    pub windows: u32,
}

impl Traffic {
    /// Of the windows before the release, some of which may be left out for having nothing in them.
    pub fn of(windows: u32, seen: &[Measured], good: &str) -> Self {
        let mut traffic = Self { windows, ..Self::default() };
        for (name, revision) in seen.iter().flat_map(|measured| &measured.revisions) {
            traffic.requests = traffic.requests.saturating_add(revision.requests);
            if name == good {
                traffic.good_requests = traffic.good_requests.saturating_add(revision.requests);
                traffic.good_bad = traffic.good_bad.saturating_add(revision.server_errors);
            }
        }
        traffic
    }

    /// The share of its requests that the last good revision failed.
    fn usual(&self) -> f64 {
        self.good_bad as f64 / self.good_requests.max(1) as f64
    }
}

/// What is to be expected of a shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// How long it takes; none where a weight will not have seen enough at its deadline.
    pub takes_ms: Option<i64>,
    /// The least rate of bad requests that would be stopped by then with the power asked for.
    pub catches: f64,
    /// Both, in a sentence.
    pub sentence: String,
}

/// What is to be expected at this traffic.
pub fn outlook(policy: &CanaryPolicy, place: WindowPolicy, traffic: Traffic) -> Outlook {
    let options = options(policy);
    let length = policy.window_ms.max(place.shortest_ms).max(1);
    let rate = traffic.usual();
    let per_window = traffic.requests as f64 / f64::from(traffic.windows.max(1));
    let mut expected = Expected { per_window, rate, canary: 0.0, stable: 0.0 };
    let (mut takes_ms, mut short) = (0, None);
    for weight in policy.weights.iter().filter(|weight| **weight < 100) {
        let windows = expected.until_it_passes(*weight, policy, &options);
        short = short.or(windows.is_none().then_some(*weight));
        takes_ms += i64::from(windows.unwrap_or(policy.deadline_windows)) * length + place.lag_ms;
    }
    takes_ms += length + place.lag_ms;
    let catches = expected.catches(&options);
    let a_minute = per_window * MINUTE_MS as f64 / length as f64;
    let seen = if a_minute >= 9.95 { format!("{a_minute:.0}") } else { format!("{a_minute:.1}") };
    let sentence = match short {
        Some(weight) => format!(
            "At the {seen} requests a minute seen it will not have seen enough at {weight} % within {} to go on by itself",
            span(i64::from(policy.deadline_windows) * length)
        ),
        None => format!(
            "At the {seen} requests a minute seen it takes about {}; by then one that fails {} of its requests (the last \
             good revision: {}) would be stopped with {}",
            span(takes_ms),
            words::percent(catches),
            words::percent(rate),
            words::chance(options.power.max(CATCHES)),
        ),
    };
    Outlook { takes_ms: short.is_none().then_some(takes_ms), catches, sentence }
}

/// The power by which it is told what would be caught, where the policy asks for less.
const CATCHES: f64 = 0.9;

/// What both sides are expected to have had.
struct Expected {
    per_window: f64,
    rate: f64,
    canary: f64,
    stable: f64,
}

impl Expected {
    /// Windows at this weight until it can pass; none if it can't by its deadline.
    fn until_it_passes(&mut self, weight: u32, policy: &CanaryPolicy, options: &Options) -> Option<u32> {
        let share = f64::from(weight) / 100.0;
        let before = self.canary;
        let mut deadline = policy.deadline_windows;
        for window in 1..=deadline.saturating_mul(2) {
            if window > deadline {
                return None;
            }
            self.canary += self.per_window * share;
            self.stable += self.per_window * (1.0 - share);
            let sight = self.sight();
            let enough = self.canary - before >= f64::from(policy.min_requests)
                && window >= sight.windows_needed(self.rate, options)
                && (options.power == 0.0 || sight.stops(options.catch(self.rate), options) >= options.power);
            if enough {
                return Some(window);
            }
            // As a deployment is given more time: as long as nothing fails.
            if window == policy.deadline_windows && policy.has_more_time((self.canary - before) as u64) {
                deadline = deadline.saturating_mul(2);
            }
        }
        None
    }

    fn sight(&self) -> Sight {
        let (canary, stable) = (self.canary.round() as u64, self.stable.round() as u64);
        Sight {
            canary_requests: canary,
            stable_requests: stable,
            stable_bad: (self.stable * self.rate).round() as u64,
            share: canary as f64 / (canary + stable).max(1) as f64,
            phi: 1.0,
        }
    }

    /// The least rate that is stopped with the power asked for.
    fn catches(&self, options: &Options) -> f64 {
        let (sight, wanted) = (self.sight(), options.power.max(CATCHES));
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..20 {
            let middle = f64::midpoint(low, high);
            if sight.stops(middle, options) >= wanted {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

/// A span of time for people.
fn span(ms: i64) -> String {
    if ms >= 2 * MINUTE_MS {
        format!("{} min", (ms + MINUTE_MS / 2) / MINUTE_MS)
    } else {
        format!("{} s", ms / SECOND_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::port::target::RevisionWindow;

    const HOUR: Traffic = Traffic { requests: 3_600, good_requests: 3_600, good_bad: 18, windows: 60 };

    fn on_cloud_run() -> CanaryPolicy {
        CanaryPolicy { bake_windows: 15, deadline_windows: 45, ..CanaryPolicy::default() }
    }

    #[test]
    fn a_shift_takes_its_windows_and_what_they_lag() {
        let told = outlook(&on_cloud_run(), WindowPolicy::CLOUD_RUN, HOUR);
        // 18 and 15 windows, one more at 100 %, and four minutes of lag after each.
        assert_eq!(told.takes_ms, Some((18 + 15 + 1 + 3 * 4) * MINUTE_MS), "{}", told.sentence);
        assert!((0.01..0.03).contains(&told.catches), "{}", told.catches);
        assert!(
            told.sentence.starts_with("At the 60 requests a minute seen it takes about 46 min"),
            "{}",
            told.sentence
        );
    }

    /// A revision that was taken back an hour ago says nothing of the one that serves.
    #[test]
    fn what_others_failed_is_not_usual_for_the_last_good_one() {
        let of =
            |requests, server_errors| RevisionWindow { requests, server_errors, ..RevisionWindow::default() };
        let revisions = [("good".to_owned(), of(900, 9)), ("bad".to_owned(), of(100, 100))].into();
        let seen = Traffic::of(1, &[Measured { revisions }], "good");
        assert_eq!(seen, Traffic { requests: 1_000, good_requests: 900, good_bad: 9, windows: 1 });
        let told = outlook(&on_cloud_run(), WindowPolicy::CLOUD_RUN, seen);
        assert!(told.sentence.contains("(the last good revision: 1 %)"), "{}", told.sentence);
    }

    #[test]
    fn much_traffic_is_quicker_and_sees_more() {
        let much = Traffic { requests: 360_000, good_requests: 360_000, good_bad: 1_800, windows: 60 };
        let told = outlook(&on_cloud_run(), WindowPolicy::CLOUD_RUN, much);
        assert!(told.takes_ms < Some(35 * MINUTE_MS) && told.catches < 0.01, "{}", told.sentence);
    }

    /// Ten requests a minute are one a minute at 10 %: too few for the deadline, and enough for twice the time.
    #[test]
    fn a_quiet_service_is_given_more_time() {
        let quiet = Traffic { requests: 600, good_requests: 600, good_bad: 0, windows: 60 };
        let told = outlook(&on_cloud_run(), WindowPolicy::CLOUD_RUN, quiet);
        assert!(
            told.takes_ms > Some(60 * MINUTE_MS) && told.takes_ms < Some(120 * MINUTE_MS),
            "{}",
            told.sentence
        );
    }

    #[test]
    fn too_little_traffic_is_said_before() {
        let little = Traffic { requests: 120, good_requests: 120, good_bad: 0, windows: 60 };
        let told = outlook(&on_cloud_run(), WindowPolicy::CLOUD_RUN, little);
        assert_eq!(told.takes_ms, None);
        let words = "At the 2.0 requests a minute seen it will not have seen enough at 10 % within 45 min";
        assert!(told.sentence.starts_with(words), "{}", told.sentence);
    }
}
