//! Numbers and times in words: units always, money with two decimals and a currency, relative times.

use model::{
    Timestamp,
    document::{Stage, Status},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS},
};

/// A moment: how long ago in words, and exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `3 min ago`.
    pub ago: String,
    /// RFC 3339.
    pub exact: String,
    /// How long ago in milliseconds, for the script that goes on counting.
    pub ms: i64,
}

impl Moment {
    /// As seen at `now`, by the same clock.
    pub fn of(at: Timestamp, now: Timestamp) -> Self {
        Self { ago: ago(now.since(at)), exact: at.rfc3339(), ms: now.since(at) }
    }
}

fn ago(ms: i64) -> String {
    let (n, unit) = match ms {
        i64::MIN..-999 => return "in the future".to_owned(),
        -999..5_000 => return "just now".to_owned(),
        _ if ms < MINUTE_MS => (ms / SECOND_MS, "s"),
        _ if ms < HOUR_MS => (ms / MINUTE_MS, "min"),
        _ if ms < 2 * DAY_MS => (ms / HOUR_MS, "h"),
        _ => (ms / DAY_MS, "days"),
    };
    format!("{n} {unit} ago")
}

/// How long something took.
pub fn duration(ms: i64) -> String {
    match ms.max(0) {
        ms if ms < SECOND_MS => format!("{ms} ms"),
        ms if ms < 10 * SECOND_MS => format!("{:.1} s", ms as f64 / 1e3),
        ms if ms < MINUTE_MS => format!("{} s", ms / SECOND_MS),
        ms if ms < HOUR_MS => format!("{} min {} s", ms / MINUTE_MS, ms / SECOND_MS % 60),
        ms => format!("{} h {} min", ms / HOUR_MS, ms / MINUTE_MS % 60),
    }
}

/// Why no month is told of what was measured for so long.
pub fn too_early(ms: i64) -> String {
    format!("too early to say: {} measured, a day needed", duration(ms))
}

/// US dollars.
pub fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.005 { "less than 0.01 USD".to_owned() } else { format!("{usd:.2} USD") }
}

/// A ratio as percent, `12 %`.
pub fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let digits = usize::from(percent > 0.0 && percent < 10.0);
    if percent > 0.0 && percent < 0.05 {
        "less than 0.1 %".to_owned()
    } else {
        format!("{percent:.digits$} %")
    }
}

/// Milliseconds of latency.
pub fn latency(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// A whole number with thin groups of three.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = {
        let head = digits.len() % 3;
        let (first, rest) = digits.split_at(head);
        let rest = (0..rest.len() / 3).map(|i| &rest[3 * i..3 * i + 3]);
        std::iter::once(first).filter(|part| !part.is_empty()).chain(rest).collect()
    };
    groups.join(",")
}

/// Evidence: large and small numbers alike.
pub fn evidence(e: f64) -> String {
    match e {
        e if e >= 1e6 => format!("{e:.1e}"),
        e if e >= 100.0 => format!("{e:.0}"),
        e if e >= 0.01 => format!("{e:.2}"),
        e if e > 0.0 => format!("{e:.1e}"),
        _ => "0".to_owned(),
    }
}

/// A p-value with four decimals; one below 0.0001 is said to be less than that.
pub fn probability(p: f64) -> String {
    if p < 0.0001 { "less than 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// A status for people.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "Waiting",
        Status::SecurityScanning => "Checking",
        Status::Analyzing => "Analyzing",
        Status::Building => "Building",
        Status::Deploying => "Releasing",
        Status::Verifying => "Verifying",
        Status::Shifting => "Shifting traffic",
        Status::RollingBack => "Going back",
        Status::Deployed => "Deployed",
        Status::SecurityFailed => "Refused by the check",
        Status::Failed => "Failed",
        Status::Cancelled => "Cancelled",
        Status::Superseded => "Superseded",
        Status::RolledBack => "Rolled back",
    }
}

/// How a status looks: `good`, `bad`, `busy` or `calm`.
pub fn tone(status: Status) -> &'static str {
    match status {
        Status::Deployed => "good",
        Status::SecurityFailed | Status::Failed | Status::RolledBack => "bad",
        Status::Cancelled | Status::Superseded | Status::Pending => "calm",
        Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying
        | Status::Shifting
        | Status::RollingBack => "busy",
    }
}

/// A stage for people.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Validate => "Validate",
        Stage::Analyze => "Analyze",
        Stage::Build => "Build",
        Stage::Release => "Release",
        Stage::Verify => "Verify",
        Stage::Shift => "Shift",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_units() {
        let cases =
            [ago(3_000), ago(59_000), ago(3 * MINUTE_MS), ago(30 * HOUR_MS), ago(9 * DAY_MS), ago(-5_000)];
        assert_eq!(cases, ["just now", "59 s ago", "3 min ago", "30 h ago", "9 days ago", "in the future"]);
        let cases =
            [duration(850), duration(1_250), duration(12_900), duration(200_000), duration(3_900_000)];
        assert_eq!(cases, ["850 ms", "1.2 s", "12 s", "3 min 20 s", "1 h 5 min"]);
        let cases = [money(0.0), money(0.001), money(2.806), money(1234.5)];
        assert_eq!(cases, ["0.00 USD", "less than 0.01 USD", "2.81 USD", "1234.50 USD"]);
        let cases = [percent(0.0), percent(0.0001), percent(0.012), percent(0.5)];
        assert_eq!(cases, ["0 %", "less than 0.1 %", "1.2 %", "50 %"]);
        let cases = [count(0), count(999), count(1_000), count(12_345_678)];
        assert_eq!(cases, ["0", "999", "1,000", "12,345,678"]);
        let cases = [evidence(0.1027), evidence(143.2), evidence(2.5e9), evidence(1e-5)];
        assert_eq!(cases, ["0.10", "143", "2.5e9", "1.0e-5"]);
    }
}
