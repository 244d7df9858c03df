//! Points in time, as whole milliseconds since 1970-01-01 UTC. Nothing here reads a clock.

use crate::month::Month;
use jiff::tz::TimeZone;
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

    /// `2026-11-20T05:41:00.123Z`: in UTC, always with three digits of a second.
    pub fn rfc3339(self) -> String {
        format!("{:.3}", self.moment())
    }

    /// `2026-11-20 05:41`, in UTC, as mails and advice name a time.
    pub fn minute(self) -> String {
        self.moment().strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// `2026-11-20`: the UTC day, as counters are keyed.
    pub fn day(self) -> String {
        self.date().to_string()
    }

    /// The month, in UTC, as bills and calibration are keyed.
    pub fn month(self) -> Month {
        Month::of(self)
    }

    /// The UTC day, for what counts by the calendar.
    pub(crate) fn date(self) -> jiff::civil::Date {
        self.moment().to_zoned(TimeZone::UTC).date()
    }

    /// When a day begins, in UTC.
    pub(crate) fn midnight(date: jiff::civil::Date) -> Self {
        let start = date.to_zoned(TimeZone::UTC).map_or(jiff::Timestamp::MAX, |start| start.timestamp());
        Self(start.as_millisecond())
    }

    /// As the calendar has it, which ends with the year 9999.
    fn moment(self) -> jiff::Timestamp {
        let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        jiff::Timestamp::from_millisecond(
            self.0.clamp(first.as_second() * SECOND_MS, last.as_second() * SECOND_MS),
        )
        .unwrap_or_default()
    }

    /// Reads `2026-11-20` (midnight, UTC) or `2026-11-20T05:41:00[.123]Z`, with another offset if there is one;
    /// `None` for anything else, days that no calendar has among them.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Some(Self(moment.as_millisecond()));
        }
        // A date alone: jiff would take the date out of a time that lacks its offset, too.
        let date = Some(text).filter(|text| text.len() == 10)?.parse::<jiff::civil::Date>().ok()?;
        Some(Self::midnight(date))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
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
        assert_eq!(Timestamp(1_763_617_260_123).rfc3339(), "2025-11-20T05:41:00.123Z");
        assert_eq!(Timestamp(1_763_617_260_000).rfc3339(), "2025-11-20T05:41:00.000Z");
        assert_eq!(Timestamp(1_763_617_260_123).minute(), "2025-11-20 05:41");
        assert_eq!(Timestamp(-1).rfc3339(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(i64::MAX).day(), "9999-12-30");
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
