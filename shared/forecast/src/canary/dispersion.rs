//! How clustered bad requests are within a window: the φ by which the evidence is divided.
//!
//! Neighbouring windows are compared, never windows with a common rate: of two neighbours, the bad ones of the first,
//! given those of both, are binomial under one rate, however the rate wanders from hour to hour. Each pair says how far
//! it is from that; a mean of what they say is φ, robust in three ways: a pair weighs at most [`WEIGHT`] and says at most
//! [`CAP`], the loudest window is left out where there are [`ENOUGH`] others, and so are windows amid an incident, which
//! say nothing of what is usual. Both sides tell: errors of the canary that are spread evenly over its windows are no
//! cluster, however clean the stable side is.
//!
//! Invariant: φ is never below 1, so correcting for clusters can only make the test more cautious.

use serde::{Deserialize, Serialize};

/// φ while nothing is known: errors that come in fives.
const UNKNOWN: f64 = 5.0;
/// What not knowing weighs, in pairs.
const PRIOR: f64 = 1.0;
/// The most that one pair may say, so that a single minute blinds nobody.
const CAP: f64 = 100.0;
/// By how much the robust mean falls short of what is beyond 1: it cuts off what is loudest.
const ROBUST: f64 = 1.3;
/// What one window with many bad requests leaves in doubt.
const DOUBT: f64 = 4.0;
/// Pairs among which the two of the loudest window are left out.
const ENOUGH: u64 = 16;
/// The most that one pair weighs, in bad requests.
const WEIGHT: f64 = 8.0;
/// The share of bad requests from which on a window may be part of an incident, and how many times the usual rate.
const INCIDENT_SHARE: f64 = 0.1;
const INCIDENT_TIMES: f64 = 3.0;

const MILLI: f64 = 1e3;

/// Where the dispersion φ comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispersion {
    /// φ = 1: each bad request is its own event.
    #[default]
    Independent,
    /// φ is estimated from both sides' windows, before and during the canary.
    Estimated,
    /// φ is given; below 1 it counts as 1.
    Fixed(f64),
}

/// One side's window, as its neighbour is compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
struct Seen {
    requests: u64,
    bad: u64,
    /// It is amid an incident: bad, and so is a neighbour.
    incident: bool,
}

/// What a pair says times what it weighs, and what it weighs, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
struct Pair {
    said_milli: i64,
    weight_milli: i64,
}

/// What one side's neighbouring windows say, and its usual rate; adding a window is constant work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Neighbours {
    before_last: Option<Seen>,
    last: Option<Seen>,
    /// Everything that was seen, incidents too.
    requests: u64,
    bad: u64,
    /// The same without incidents.
    usual_requests: u64,
    usual_bad: u64,
    windows: u64,
    /// Sum of what the pairs say times what they weigh, and of what they weigh, in thousandths.
    said_milli: i64,
    weight_milli: i64,
    /// The same of the two loudest pairs: a single odd window is in two.
    loudest: [Pair; 2],
    /// Pairs that had something to say, in halves: each window is in two pairs.
    pairs: u64,
}

impl Neighbours {
    /// Adds the side's next window; one without requests is left out.
    pub fn add(&mut self, requests: u64, bad: u64) {
        if requests == 0 {
            return;
        }
        let mut next = Seen { requests, bad: bad.min(requests), incident: false };
        let is_high = |seen: Seen| self.is_high(seen);
        let high = is_high(next);
        if let Some(mut last) = self.last {
            let joined = is_high(last) && (high || self.before_last.is_some_and(is_high));
            last.incident = last.incident || joined;
            next.incident = high && is_high(last);
            self.settle(last);
            self.before_last = Some(last);
        }
        self.requests = self.requests.saturating_add(next.requests);
        self.bad = self.bad.saturating_add(next.bad);
        self.last = Some(next);
    }

    /// Much worse than what was usual so far.
    fn is_high(&self, seen: Seen) -> bool {
        let rate = seen.bad as f64 / seen.requests as f64;
        let usual = self.bad as f64 / self.requests.max(1) as f64;
        rate >= INCIDENT_SHARE && rate >= INCIDENT_TIMES * usual
    }

    /// Both neighbours of `last` are known: it counts, and is compared with the one before.
    fn settle(&mut self, last: Seen) {
        if last.incident {
            return;
        }
        self.usual_requests = self.usual_requests.saturating_add(last.requests);
        self.usual_bad = self.usual_bad.saturating_add(last.bad);
        self.windows = self.windows.saturating_add(1);
        let Some(first) = self.before_last.filter(|first| !first.incident) else { return };
        let both = first.bad.saturating_add(last.bad) as f64;
        if both == 0.0 {
            return;
        }
        let share = first.requests as f64 / first.requests.saturating_add(last.requests) as f64;
        let off = first.bad as f64 - both * share;
        let says = (off * off / (both * share * (1.0 - share))).min(CAP);
        let weight = both.min(WEIGHT);
        let mut pair = Pair {
            said_milli: (says * weight * MILLI).round() as i64,
            weight_milli: (weight * MILLI).round() as i64,
        };
        self.said_milli = self.said_milli.saturating_add(pair.said_milli);
        self.weight_milli = self.weight_milli.saturating_add(pair.weight_milli);
        for loudest in &mut self.loudest {
            if pair.said_milli > loudest.said_milli {
                std::mem::swap(&mut pair, loudest);
            }
        }
        self.pairs = self.pairs.saturating_add(1);
    }

    /// As if the newest window were no incident's first: what comes next may tell otherwise.
    fn settled(mut self) -> Self {
        if let Some(last) = self.last {
            self.settle(last);
        }
        self
    }

    /// The rate of bad requests outside incidents, from requests and bad ones.
    pub fn usual(&self) -> (u64, u64) {
        let last = self.last.filter(|last| !last.incident).unwrap_or_default();
        (self.usual_requests.saturating_add(last.requests), self.usual_bad.saturating_add(last.bad))
    }

    /// What this side says of φ, if anything, and how many independent pairs say it.
    fn says(&self) -> (f64, f64) {
        let (mut said, mut weight) = (self.said_milli, self.weight_milli);
        if self.pairs >= ENOUGH {
            said -= self.loudest.iter().map(|pair| pair.said_milli).sum::<i64>();
            weight -= self.loudest.iter().map(|pair| pair.weight_milli).sum::<i64>();
        }
        if weight <= 0 {
            return (0.0, 0.0);
        }
        (said as f64 / weight as f64, self.pairs as f64 / 2.0)
    }
}

impl Neighbours {
    /// By how much more cautious one is, as a share, while a few windows with many bad requests are all there is: rates
    /// that differ from window to window may differ little in a few of them.
    fn doubt(&self, other: &Self) -> f64 {
        let (pairs, windows) = ((self.pairs + other.pairs) as f64, (self.windows + other.windows) as f64);
        let weight = (self.weight_milli + other.weight_milli) as f64 / MILLI;
        if pairs == 0.0 { 0.0 } else { weight / (pairs * WEIGHT) * DOUBT * 2.0 / windows }
    }
}

/// φ to divide by, under `source`. `share`: the canary's share of requests now. The evidence is the canary's bad ones
/// less their share of all, so the canary's clusters count by the share of stable, and stable's by that of the canary.
pub fn phi(source: Dispersion, canary: &Neighbours, stable: &Neighbours, share: f64) -> f64 {
    match source {
        Dispersion::Independent => 1.0,
        Dispersion::Fixed(phi) => {
            if phi.is_finite() {
                phi.max(1.0)
            } else {
                1.0
            }
        }
        Dispersion::Estimated => estimate(canary, stable, share),
    }
}

/// φ for what a worse canary would have shown: its errors would be its own and spread, stable's cluster as they do.
pub fn phi_of_spread(source: Dispersion, stable: &Neighbours, share: f64) -> f64 {
    match source {
        Dispersion::Independent | Dispersion::Fixed(_) => phi(source, stable, stable, share),
        Dispersion::Estimated => {
            let (says, pairs) = stable.says();
            let own = if pairs > 0.0 { says.max(1.0) } else { 1.0 };
            1.0 - share + share * own
        }
    }
}

fn estimate(canary_side: &Neighbours, stable_side: &Neighbours, share: f64) -> f64 {
    let (canary_side, stable_side) = (canary_side.settled(), stable_side.settled());
    let ((canary_says, canary_pairs), (stable_says, stable_pairs)) = (canary_side.says(), stable_side.says());
    let together = (canary_says * canary_pairs + stable_says * stable_pairs + PRIOR * UNKNOWN)
        / (canary_pairs + stable_pairs + PRIOR);
    let own = |says: f64, pairs: f64| (says * pairs + together * 2.0) / (pairs + 2.0);
    let (canary, stable) = (own(canary_says, canary_pairs), own(stable_says, stable_pairs));
    let found = 1.0 + ((1.0 - share) * canary + share * stable - 1.0).max(0.0) * ROBUST;
    found * (1.0 + canary_side.doubt(&stable_side))
}
