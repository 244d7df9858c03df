//! A month of the calendar, as bills and calibration are kept by.

use serde::{Deserialize, Serialize};

/// A month of the calendar, written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month(i32);

/// What is not a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a month: write year and month like `2026-11`")]
pub struct MonthError(pub String);

impl Month {
    /// The month `month` (1 to 12) of `year` (0 to 9999).
    pub fn new(year: u16, month: u8) -> Result<Self, MonthError> {
        if year <= 9999 && (1..=12).contains(&month) {
            Ok(Self(i32::from(year) * 12 + i32::from(month) - 1))
        } else {
            Err(MonthError(format!("{year}-{month}")))
        }
    }

    /// How many months `earlier` is before this one; negative if it is later.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

impl std::str::FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let wrong = || MonthError(text.chars().take(20).collect());
        let (year, month) = text
            .split_once('-')
            .filter(|parts| parts.0.len() == 4 && parts.1.len() == 2)
            .ok_or_else(wrong)?;
        let (year, month) = (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
        Self::new(year, month).map_err(|_| wrong())
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
