//! Points in time, as whole milliseconds since 1970-01-01 UTC. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One second, one minute, one hour, one day, in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Milliseconds since 1970-01-01 UTC. Serialized as that integer in documents; people get [`Timestamp::rfc3339`].
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This point plus `ms` milliseconds; saturates.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this point; negative if `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `2026-11-20T05:41:00.123Z`.
    pub fn rfc3339(self) -> String {
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute) = (ms / HOUR_MS, ms / MINUTE_MS % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z", ms / 1000 % 60, ms % 1000)
    }

    /// `2026-11-20`: the UTC day, as counters are keyed.
    pub fn day(self) -> String {
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `2026-11`: the UTC month, as calibration is keyed.
    pub fn month(self) -> String {
        self.day()[..7].to_owned()
    }

    /// Reads `2026-11-20` (midnight, UTC) or `2026-11-20T05:41:00[.123]Z`, with another offset if there is one;
    /// `None` for anything else, days that no calendar has among them.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Some(Self(moment.as_millisecond()));
        }
        // A date alone: jiff would take the date out of a time that lacks its offset, too.
        let date = Some(text).filter(|text| text.len() == 10)?.parse::<jiff::civil::Date>().ok()?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(midnight.timestamp().as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Days since 1970 to (year, month, day); Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for ms in [0, 951_782_400_000, 1_763_617_260_123, 4_102_444_799_999] {
            assert_eq!(Timestamp::parse(&Timestamp(ms).rfc3339()), Some(Timestamp(ms)));
        }
        assert_eq!(Timestamp(951_782_400_000).day(), "2000-02-29");
        assert_eq!(Timestamp::parse("2026-13-01"), None);
        assert_eq!(Timestamp::parse("2026-11-20T25:00:00Z"), None);
    }

    #[test]
    fn days_that_no_calendar_has_are_none() {
        for bad in [
            "2026-02-31",
            "2026-02-31T00:00:00Z",
            "2026-02-29",
            "2026-04-31",
            "2026-11-00",
            "2026-11-20T05",
            "",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
        assert_eq!(Timestamp::parse("2028-02-29").map(Timestamp::day).as_deref(), Some("2028-02-29"));
        let noon = Timestamp::parse("2026-11-20T12:00:00Z");
        assert!(noon.is_some() && Timestamp::parse("2026-11-20T13:00:00+01:00") == noon);
    }
}
