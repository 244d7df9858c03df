//! When a decision is compared: which months are open, and whether measurements alone are reason enough.

use forecast::calibrate::{Month, REMEMBERED_MONTHS};
use model::{Timestamp, document::LearningRun, time::DAY_MS};
use std::collections::BTreeSet;

/// How long a decision serves before it is judged by measurements alone, and how long until it is judged again.
pub const SETTLED_MS: i64 = 7 * DAY_MS;
/// How long after its end a month's bill still changes.
const BILL_MS: i64 = 5 * DAY_MS;

/// Whether measurements alone are reason enough to compare now.
pub fn is_due(run: &LearningRun, now: Timestamp, real: Timestamp) -> bool {
    now.since(run.compared_at) >= SETTLED_MS || open(run, real).iter().any(|month| is_settled(*month, real))
}

/// Months that are still remembered and may still change.
pub fn open(run: &LearningRun, real: Timestamp) -> BTreeSet<Month> {
    let months = std::iter::successors(Some(real.month()), |month| Some(month.previous()));
    months.take(REMEMBERED_MONTHS as usize).filter(|month| !run.closed.contains(month)).collect()
}

/// Whether a month is over and its bill won't change any more.
pub fn is_settled(month: Month, real: Timestamp) -> bool {
    // The month of five days ago is a later one: then this one ended at least that long ago.
    real.plus(-BILL_MS).month() > month
}

/// First millisecond of a month, and of the next.
pub fn bounds(month: Month) -> (Timestamp, Timestamp) {
    (month.start(), month.next().start())
}
