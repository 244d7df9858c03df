//! Blobs by key: log segments, archives. An object is immutable unless overwritten on purpose.
//!
//! Nobody can wait for an object: what is followed has its head in a document, and the store watches that.

use crate::port::PortError;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// Bytes of an object, as they come.
pub type Stream = BoxStream<'static, Result<Bytes, PortError>>;

/// Keys are `/`-separated segments of letters, digits, `-`, `_` and `.`; no segment is `.` or `..`.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Stores an object unless there is one of that key; answers whether it was stored. Durable on return.
    async fn create(&self, key: &str, data: Bytes) -> Result<bool, PortError>;

    /// The same from a stream: the object is never in memory whole. A stream that breaks off leaves nothing.
    async fn create_from(&self, key: &str, data: Stream) -> Result<bool, PortError>;

    /// Stores an object whether or not there is one. Readers see the old one or the new one, whole.
    async fn put(&self, key: &str, data: Bytes) -> Result<(), PortError>;

    /// Reads an object.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError>;

    /// Reads an object piece by piece.
    async fn read(&self, key: &str) -> Result<Option<Stream>, PortError>;

    /// Keys that start with `prefix`, greater than `after`, in byte order, at most `limit`.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, PortError>;

    /// Removes an object; removing what isn't there is fine.
    async fn delete(&self, key: &str) -> Result<(), PortError>;

    /// Removes what was begun an hour ago and never became an object, and answers how many that were.
    async fn tidy(&self) -> Result<u64, PortError>;
}
