//! Events as bytes. All but the id is made once for all readers.

use super::id::EventId;
use bytes::{Bytes, BytesMut};
use model::{
    Timestamp,
    document::{Deployment, log::Position},
};
use serde::Serialize;
use std::fmt::Write;

/// One event without its id.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When it happened: replays go by this.
    pub at: Timestamp,
    /// `event: …` and `data: …`.
    pub body: Bytes,
}

/// An event's type and data.
pub fn encode<T: Serialize>(event: &str, data: &T) -> Bytes {
    // JSON has no line breaks of its own, so the data is one line.
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    format!("event: {event}\ndata: {data}\n\n").into()
}

/// Adds an event under its id.
pub fn push(buffer: &mut BytesMut, id: EventId, body: &[u8]) {
    // Writing to a buffer that grows can't fail.
    let _ = writeln!(buffer, "id: {id}");
    buffer.extend_from_slice(body);
}

/// How soon a client that was cut off should come back.
pub fn retry(buffer: &mut BytesMut, ms: u32) {
    let _ = write!(buffer, "retry: {ms}\n\n");
}

/// The id of somebody who has read a deployment's story as it stands, and its log up to a position.
pub fn start_id(deployment: &Deployment, position: Position) -> String {
    EventId { seq: deployment.seq, position, done: false }.to_string()
}
