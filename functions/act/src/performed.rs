//! What a request came to, or what is to become of it.

use model::{document::Begun, message::Message, port::store::Write};

/// What came of it, and what goes into the commit that says so.
pub struct Performed {
    /// Whether it was done.
    pub done: bool,
    /// What happened, one sentence.
    pub message: String,
    /// Documents that change with it.
    pub writes: Vec<Write>,
    /// Messages that the change owes.
    pub messages: Vec<Message>,
}

impl Performed {
    /// It was not done, and never will be.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { done: false, message: message.into(), writes: vec![], messages: vec![] }
    }

    /// It was done, and no document changes.
    pub fn done(message: impl Into<String>) -> Self {
        Self { done: true, ..Self::refused(message) }
    }
}

/// What is to become of a request.
pub enum Decided {
    /// It is over with this commit.
    Ended(Performed),
    /// It is to be carried out; the write holds the service to what was read.
    Begins(Begun, Write),
}
