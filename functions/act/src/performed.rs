//! What a request came to, or what is to become of it.

use host::Error;
use model::{
    document::Begun,
    message::Message,
    port::{store::Write, target::TargetError},
};

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

/// Which side failed: what the target refuses for good ends the request.
pub enum Failed {
    /// The target.
    Target(TargetError),
    /// Our own.
    Other(Error),
}

impl From<TargetError> for Failed {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
