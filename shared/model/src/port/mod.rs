//! The ports: everything that reaches outside goes through one of these traits, and each has at least two real
//! adapters that pass one conformance suite.
//!
//! Invariant: an adapter never decides. It does one thing, once per key where a key is given, and reports what
//! the outside then says.

pub mod broker;
pub mod clock;
pub mod keys;
pub mod mail;
pub mod objects;
pub mod redact;
pub mod source;
pub mod store;
pub mod target;
pub mod timers;

pub use broker::{Broker, Delivery, Subscriber, Verdict};
pub use clock::{Clock, Random};
pub use keys::{KeyContext, Keys};
pub use mail::{Mail, Mailer};
pub use objects::Objects;
pub use redact::Redact;
pub use source::Source;
pub use store::Store;
pub use target::Target;
pub use timers::Timers;

use std::sync::Arc;

/// What went wrong at a port, by what the caller may do about it. Never told apart by text.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// It may work later with the same arguments: redeliver, retry with back-off.
    #[error("{0}")]
    Transient(String),
    /// It won't work with these arguments, however often.
    #[error("{0}")]
    Permanent(String),
}

impl PortError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

/// Every port, as a function is handed them.
#[derive(Clone)]
pub struct Ports {
    /// Documents: what is known of everything.
    pub store: Arc<dyn Store>,
    /// Topics: how functions tell each other what happened.
    pub broker: Arc<dyn Broker>,
    /// Messages to ourselves at a later time.
    pub timers: Arc<dyn Timers>,
    /// Where apps run.
    pub target: Arc<dyn Target>,
    /// Blobs: logs, archives.
    pub objects: Arc<dyn Objects>,
    /// Wraps data keys.
    pub keys: Arc<dyn Keys>,
    /// Mail to people.
    pub mailer: Arc<dyn Mailer>,
    /// Repositories and uploaded archives: where source comes from.
    pub source: Arc<dyn Source>,
    /// Time, both the real one and that of schedules.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids, keys and tokens.
    pub random: Arc<dyn Random>,
}
