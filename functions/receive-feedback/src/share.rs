//! Shares of a whole (CPU, memory, errors) as people send them: a fraction or percent.
//!
//! The one rule, for feedback and for the metrics webhook alike: a value over 1 is percent, any other a fraction; so
//! `0.25` and `25` are the same, `1` is the whole, and less than one percent is sent as a fraction (`0.007`). It
//! stands in the API's document as well ([`RULE`]).

use host::Findings;
use serde_json::{Map, Value};

/// The rule as a problem says it.
pub const RULE: &str = "it must be a share of the whole: a fraction from 0 to 1, or percent from 1 to 100 (a value over 1 is percent)";

/// Members of measurements that are shares.
pub const NAMES: [&str; 3] = ["cpu_utilization", "memory_utilization", "error_rate"];

/// The fraction that a value means; `None` if it can't be a share.
pub fn fraction(value: f64) -> Option<f64> {
    match value {
        fraction if (0.0..=1.0).contains(&fraction) => Some(fraction),
        percent if percent > 1.0 && percent <= 100.0 => Some(percent / 100.0),
        _ => None,
    }
}

/// One member as a fraction; what is there and is no share is noted.
pub fn take(metrics: &Map<String, Value>, name: &str, field: &str, findings: &mut Findings) -> Option<f64> {
    let value = metrics.get(name).filter(|value| !value.is_null())?;
    let share = value.as_f64().and_then(fraction);
    findings.require(share.is_some(), &format!("{field}.{name}"), || RULE.to_owned());
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_one_is_percent() {
        for (sent, meant) in
            [(0.0, 0.0), (0.007, 0.007), (0.25, 0.25), (1.0, 1.0), (25.0, 0.25), (100.0, 1.0)]
        {
            assert_eq!(fraction(sent), Some(meant), "{sent}");
        }
        for bad in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(fraction(bad), None, "{bad}");
        }
    }
}
