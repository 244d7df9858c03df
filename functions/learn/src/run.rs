//! What learning knows of a decision besides the decision: when it last compared, and which months are still open.
//!
//! Invariant: each commit about a decision's comparisons is guarded by this document, and it is read before
//! anything that is compared; so a later commit never rests on older facts.

use forecast::{
    calibrate::{Month, REMEMBERED_MONTHS},
    recommend::month_of,
};
use model::{
    DecisionId, TenantId, Timestamp, document::FeedbackKind, message::Message, port::store::Path,
    time::DAY_MS,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long a decision serves before it is judged by measurements alone, and how long until it is judged again.
pub const SETTLED_MS: i64 = 7 * DAY_MS;
/// How long after its end a month's bill still changes.
const BILL_MS: i64 = 5 * DAY_MS;

/// The state of learning from one decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Version of this form.
    pub schema: u32,
    /// When it last compared, by the clock of timers.
    pub compared_at: Timestamp,
    /// Months that were compared for good.
    pub closed: BTreeSet<Month>,
    /// The month for which somebody said what they pay.
    pub paid_in: Option<Month>,
    /// What somebody said of the size, as it was counted.
    pub answer: Option<FeedbackKind>,
    /// The class that was counted in.
    pub class: String,
    /// What the last commit owes to the topics.
    pub outbox: Vec<Message>,
}

/// Where it is kept.
pub fn run_path(tenant: &TenantId, decision: &DecisionId) -> Path {
    Path::new(format!("tenants/{tenant}/learned/{decision}"))
}

impl Run {
    /// Whether measurements alone are reason enough to compare now.
    pub fn is_due(&self, now: Timestamp, real: Timestamp) -> bool {
        now.since(self.compared_at) >= SETTLED_MS
            || self.open(real).iter().any(|month| is_settled(*month, real))
    }

    /// Months that are still remembered and may still change.
    pub fn open(&self, real: Timestamp) -> BTreeSet<Month> {
        let mut from = real;
        let months = (0..REMEMBERED_MONTHS).map(|_| {
            let month = month_of(from);
            from = bounds(month).map_or(from, |(first, _)| first.plus(-1));
            month
        });
        months.filter(|month| !self.closed.contains(month)).collect()
    }
}

/// Whether a month is over and its bill won't change any more.
pub fn is_settled(month: Month, real: Timestamp) -> bool {
    // The month of five days ago is a later one: then this one ended at least that long ago.
    month_of(real.plus(-BILL_MS)) > month
}

/// First millisecond of a month, and of the next.
pub fn bounds(month: Month) -> Option<(Timestamp, Timestamp)> {
    let from = Timestamp::parse(&format!("{month}-01"))?;
    // Every month has 28 days and none has 32: four weeks and four days on, it is the next one.
    let next = from.plus(32 * DAY_MS).month();
    Some((from, Timestamp::parse(&format!("{next}-01"))?))
}
