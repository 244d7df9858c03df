//! Dates as clients write them: `2026-11-20`, with a time, with or without an offset. Without one it is UTC.

use jiff::civil::{Date, DateTime};
use model::Timestamp;

/// Launches outside of these are slips of a key.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

/// The moment that a text names, or what would be right.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let utc = |moment: DateTime| moment.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp());
    let moment = text
        .parse::<jiff::Timestamp>()
        .ok()
        .or_else(|| (text.len() > 10).then(|| text.parse::<DateTime>().ok()).flatten().and_then(utc))
        .or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)).and_then(utc));
    let shown: String = text.chars().take(40).collect();
    let moment = moment.ok_or_else(|| {
        format!("`{shown}` is not a date of the calendar; send one like 2026-11-20 or 2026-11-20T09:00:00Z")
    })?;
    if !YEARS.contains(&moment.to_zoned(jiff::tz::TimeZone::UTC).year()) {
        return Err(format!("`{shown}` is not in the years {} to {}", YEARS.start(), YEARS.end()));
    }
    Ok(Timestamp(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_and_without_time() {
        let midnight = Timestamp::parse("2026-11-20").unwrap();
        assert_eq!(parse("2026-11-20"), Ok(midnight));
        let nine = midnight.plus(9 * model::time::HOUR_MS);
        for text in [
            "2026-11-20T09:00:00Z",
            "2026-11-20T09:00:00",
            "2026-11-20T09:00:00.000000",
            "2026-11-20 09:00:00",
            "2026-11-20T10:00:00+01:00",
            "2026-11-20T09:00:00.000000+00:00",
        ] {
            assert_eq!(parse(text), Ok(nine), "{text}");
        }
        for bad in [
            "",
            "soon",
            "2026-02-30",
            "2026-02-31T10:00:00Z",
            "0001-01-01",
            "9999-12-31",
            "-009999-01-01",
            "20/11/2026",
            "2026-13-01",
            "1763617260",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
