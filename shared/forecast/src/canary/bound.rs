//! What counts say beyond a test: exact tails, and bounds that hold at whichever window one looks.
//!
//! Invariant: sums of products only, so the same counts give the same bits everywhere.

use crate::logarithm::{exp, ln};

/// The confidence of every bound that is told.
pub const CONFIDENCE: f64 = 0.95;

/// `P(X ≥ at_least)` for X binomial of `n` and `p`.
pub fn binomial_tail(at_least: u64, n: u64, p: f64) -> f64 {
    if at_least == 0 {
        return 1.0;
    }
    if at_least > n || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    // The shorter way round the mean: there the terms fall from the first on.
    if (at_least as f64) < n as f64 * p {
        return 1.0 - below(at_least, n, p);
    }
    let odds = p / (1.0 - p);
    let mut term = exp(log_chance(at_least, n, p));
    let (mut sum, mut count) = (term, at_least);
    while count < n && term > sum * 1e-12 {
        term *= (n - count) as f64 / (count + 1) as f64 * odds;
        count += 1;
        sum += term;
    }
    sum.min(1.0)
}

fn below(limit: u64, n: u64, p: f64) -> f64 {
    let odds = (1.0 - p) / p;
    let mut count = limit - 1;
    let mut term = exp(log_chance(count, n, p));
    let mut sum = term;
    while count > 0 && term > sum * 1e-12 {
        term *= count as f64 / (n - count + 1) as f64 * odds;
        count -= 1;
        sum += term;
    }
    sum.min(1.0)
}

/// Logarithm of the chance of exactly `count`.
fn log_chance(count: u64, n: u64, p: f64) -> f64 {
    let choose = log_factorial(n) - log_factorial(count) - log_factorial(n - count);
    choose + count as f64 * ln(p) + (n - count) as f64 * ln(1.0 - p)
}

/// Stirling's series above 16, where its error is below 1e-10.
fn log_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|factor| ln(factor as f64)).sum();
    }
    let x = n as f64;
    let half_log_two_pi = 0.918_938_533_204_672_8;
    x * ln(x) - x + 0.5 * ln(x) + half_log_two_pi + 1.0 / (12.0 * x) - 1.0 / (360.0 * x * x * x)
        + 1.0 / (1260.0 * x * x * x * x * x)
}

/// The rate below which `bad` of `requests` puts the true one, at [`CONFIDENCE`], looked at once (Clopper and Pearson).
pub fn upper_rate(bad: u64, requests: u64) -> f64 {
    if bad >= requests {
        return 1.0;
    }
    // Above the bound, so few bad ones would be rarer than that.
    least_rate(|rate| 1.0 - binomial_tail(bad + 1, requests, rate) <= 1.0 - CONFIDENCE)
}

/// The same, looked at after each window: where a bet on lower rates has won more than 20 to 1 against the bound.
/// `phi`: how many bad requests count as one event.
pub fn upper_rate_always(bad: u64, requests: u64, phi: f64) -> f64 {
    if requests == 0 || bad >= requests {
        return 1.0;
    }
    let (bad, good) = (bad as f64 / phi, (requests - bad) as f64 / phi);
    least_rate(|rate| bet_on_less(bad, good, rate) >= -ln(1.0 - CONFIDENCE))
}

/// Rates that are bet on, each with the same stake, and none at all with as much as all others.
const LOWER: [f64; 8] = [0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6];

/// Logarithm of what betting on lower rates has won against `rate`; a lower rate than `rate` only.
fn bet_on_less(bad: f64, good: f64, rate: f64) -> f64 {
    let against = bad * ln(rate) + good * ln(1.0 - rate);
    let mut logs = vec![];
    if bad == 0.0 {
        logs.push(ln(0.5) - against);
    }
    let share = 0.5 / LOWER.len() as f64;
    for lower in LOWER.into_iter().filter(|lower| *lower < rate) {
        logs.push(ln(share) + bad * ln(lower) + good * ln(1.0 - lower) - against);
    }
    let Some(greatest) = logs.iter().copied().reduce(f64::max) else { return f64::NEG_INFINITY };
    greatest + ln(logs.iter().map(|log| exp(log - greatest)).sum())
}

/// The least rate, to a ten-thousandth of itself, from which on `excluded` holds; 1 if it never does.
fn least_rate(excluded: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > high * 1e-4 && high > 1e-9 {
        let middle = f64::midpoint(low, high);
        if excluded(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_bounds() {
        let (small, large) = (upper_rate(0, 59), upper_rate(0, 299));
        assert!(small < 0.05 && upper_rate(0, 58) > 0.05, "{small}");
        assert!(large < 0.01 && upper_rate(0, 298) > 0.01, "{large}");
    }

    #[test]
    fn tails_of_known_values() {
        assert!((binomial_tail(4, 4, 0.5) - 0.0625).abs() < 1e-12);
        assert!((binomial_tail(1, 2, 0.1) - 0.19).abs() < 1e-12);
        assert!((binomial_tail(500, 1000, 0.5) - 0.512_612_5).abs() < 1e-6);
        assert!((binomial_tail(3, 7, 0.1) - 0.025_690_6).abs() < 1e-6);
        assert!((binomial_tail(10_500, 20_000, 0.5)).abs() < 1e-9);
        assert_eq!((binomial_tail(0, 5, 0.1), binomial_tail(6, 5, 0.1)), (1.0, 0.0));
    }

    #[test]
    fn a_bound_that_always_holds_is_wider_and_clusters_widen_it_more() {
        for (bad, requests) in [(0, 59), (0, 900), (5, 900), (40, 9_000)] {
            let (once, always) = (upper_rate(bad, requests), upper_rate_always(bad, requests, 1.0));
            assert!(always > once && always < 3.0 * once, "{bad} of {requests}: {once}, {always}");
            assert!(upper_rate_always(bad, requests, 5.0) > always);
        }
        assert!((upper_rate_always(3, 3, 1.0) - 1.0).abs() < f64::EPSILON);
    }
}
