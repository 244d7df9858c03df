//! Stand-ins for what costs time: a target that answers at once, a source that is there already, and engines that
//! count what they are asked. Used where the subject is the protocol, never where it is the adapter.

mod counted;
mod source;
mod target;

pub use counted::{CountedBroker, CountedStore, CountedTimers, Counts};
pub use source::ReadySource;
pub use target::{InstantTarget, Traffic};
