//! Messages to ourselves at a later time. A hint, not a record: what is due stands in documents, and `sweep`
//! finds what a lost timer left behind.

use crate::{Timestamp, message::Message, port::PortError};
use async_trait::async_trait;

/// Publishes a message when its time has come.
#[async_trait]
pub trait Timers: Send + Sync {
    /// Publishes `message` at `when`, or soon if that is past. A second call with the same key replaces the
    /// first where the engine can, and is otherwise one more (harmless) message.
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError>;
}
