//! Under what events are summed: one cell per class, metric, tenant and month; and which months are remembered.

use model::document::calibration::{Cell, Metric};
use model::month::Month;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whose errors a cell sums.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Kind of app, such as `fastapi`.
    pub class: String,
    /// What was predicted.
    pub metric: Metric,
    /// Who: the tenant, or a name that stands for it in a pool.
    pub tenant: String,
    /// The UTC month of the observation.
    pub month: Month,
}

/// How many months are summed, the present one included; older ones are forgotten.
pub const REMEMBERED_MONTHS: i32 = 6;

/// The sum of the months that are still remembered at `now`.
pub fn recent(months: &BTreeMap<Month, Cell>, now: Month) -> Cell {
    months
        .iter()
        .filter(|(month, _)| is_remembered(**month, now))
        .fold(Cell::default(), |sum, (_, cell)| sum.plus(*cell))
}

pub(super) fn is_remembered(month: Month, now: Month) -> bool {
    (0..REMEMBERED_MONTHS).contains(&now.since(month))
}
