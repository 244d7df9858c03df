//! A month of the calendar, as bills and calibration are kept by.

use crate::Timestamp;
use jiff::{ToSpan, Unit, civil::Date};
use serde::{Deserialize, Serialize};

/// A month of the calendar, written `2026-11`; held as its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month(Date);

/// What is not a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a month: write year and month like `2026-11`")]
pub struct MonthError(pub String);

impl Month {
    /// The month `month` (1 to 12) of `year` (0 to 9999).
    pub fn new(year: u16, month: u8) -> Result<Self, MonthError> {
        let number = i16::try_from(year).ok().zip(i8::try_from(month).ok());
        let first = number.and_then(|(year, month)| Date::new(year, month, 1).ok());
        first.map(Self).ok_or_else(|| MonthError(format!("{year}-{month}")))
    }

    /// The month, in UTC, that a moment lies in.
    pub(crate) fn of(at: Timestamp) -> Self {
        Self(at.date().first_of_month())
    }

    /// Its first millisecond, in UTC.
    pub fn start(self) -> Timestamp {
        Timestamp::midnight(self.0)
    }

    /// The month after it; December 9999 is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1.month()).first_of_month())
    }

    /// The month before it.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1.month()).first_of_month())
    }

    /// How many months `earlier` is before this one; negative if it is later.
    pub fn since(self, earlier: Self) -> i32 {
        self.0.since((Unit::Month, earlier.0)).map_or(0, |span| span.get_months())
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.strftime("%Y-%m").fmt(formatter)
    }
}

impl std::str::FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let first = (text.len() == "2026-11".len()).then(|| format!("{text}-01").parse().ok()).flatten();
        first.map(Self).ok_or_else(|| MonthError(text.chars().take(20).collect()))
    }
}

impl TryFrom<String> for Month {
    type Error = MonthError;

    fn try_from(text: String) -> Result<Self, MonthError> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_over_years() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        assert_eq!(month("2027-01").since(month("2026-11")), 2);
        assert_eq!(month("2026-11").since(month("2027-01")), -2);
        assert_eq!(
            (month("2026-12").next(), month("2027-01").previous()),
            (month("2027-01"), month("2026-12"))
        );
        assert_eq!(month("2028-03").start().plus(-1).rfc3339(), "2028-02-29T23:59:59.999Z");
        assert_eq!(
            Timestamp::parse("2026-11-30T23:59:59.999Z").map(Timestamp::month),
            Some(month("2026-11"))
        );
        assert_eq!(Month::new(9999, 12).map(Month::next), Month::new(9999, 12));
        assert!(Month::new(10_000, 1).is_err() && Month::new(2026, 13).is_err());
        assert_eq!(month("0007-03").to_string(), "0007-03");
        for bad in [
            "2026-13",
            "2026-00",
            "2026-1",
            "202611",
            "26-11",
            "2026-11-01",
            "-026-11",
            "2026/11",
            "",
            "ä026-1",
        ] {
            assert!(bad.parse::<Month>().is_err(), "{bad}");
        }
    }
}
