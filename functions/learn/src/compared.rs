//! What comparing came to, month by month.

use forecast::{
    actual::Comparison,
    calibrate::{Metric, Month},
};
use model::{Micros, document::Feedback};
use std::collections::BTreeMap;

/// One month of a decision, compared.
pub struct Compared {
    /// The calendar month that is compared.
    pub month: Month,
    /// Requests a month that were observed.
    pub requests_month: Option<u64>,
    /// What was predicted and what happened, by metric.
    pub values: BTreeMap<Metric, Comparison>,
}

/// What somebody pays in a month, and the month in which they said so. Other currencies are kept, not compared.
pub fn paid(feedback: &Feedback) -> Option<(Month, Micros)> {
    let dollars = feedback.currency.as_deref().is_none_or(|currency| currency.eq_ignore_ascii_case("USD"));
    let cost = feedback.actual_monthly_cost.filter(|cost| dollars && cost.0 > 0)?;
    Some((feedback.received_at.month(), cost))
}
