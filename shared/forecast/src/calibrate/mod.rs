//! Learning from the difference between what was predicted and what happened.
//!
//! Invariant: everything that is stored is an integer and everything that is added commutes, so any order and any
//! repetition of the same events gives the same bits. Floats appear only between stored integers, in IEEE operations
//! that every machine rounds alike (`logarithm`); no moving average, no decay, no sketch that depends on order.
//!
//! The way of an event: [`event`] makes y; [`delta`] says what to add to the [`Cell`] of its [`Key`], in the commit
//! that creates the event's document under [`event_id`]; on schedule [`fold`] makes one [`Summary`] per class and
//! metric; a decision calls [`correct`].

mod cell;
mod correct;
mod event;
mod fold;
mod scores;
mod words;

pub use cell::{Key, REMEMBERED_MONTHS, recent};
pub use correct::{PRIOR_VARIANCE_MICROS, Predicted, correct};
pub use event::{LIMIT, Recorded, delta, event, event_id};
pub use fold::fold;
pub use scores::{NORMAL_QUANTILE_MICROS, bucket, quantile_micros};
pub use words::{Facts, explain, headroom_milli};

pub use model::{
    document::calibration::{Answers, Cell, Metric, Scores, Summary},
    month::Month,
};

/// Version of the rule; stored with each prediction, so that an old one is never compared by a new rule.
pub const MODEL_VERSION: &str = "calibrate-1";

#[cfg(test)]
mod replay;
#[cfg(test)]
mod tests;
