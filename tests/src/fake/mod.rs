//! Stand-ins for what costs time: a target that answers at once and one that takes its time, a source that is there
//! already, a store in memory, and engines that count what they are asked. Used where the subject is the protocol,
//! never where it is the adapter.

mod counted;
mod slow;
mod source;
mod store;
mod target;

pub use counted::{CountedBroker, CountedStore, CountedTimers, Counts};
pub use slow::{Nature, Patient, Service, SlowTarget, Temper, splitmix};
pub use source::ReadySource;
pub use store::{Changing, MemoryStore};
pub use target::{InstantTarget, Traffic};
