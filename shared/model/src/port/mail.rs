//! Mail. The receiver takes no key, so the intent is stored before, and a repeat may reach the reader twice
//! unless the adapter knows the key already.

use crate::port::PortError;
use async_trait::async_trait;

/// One mail to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Derived from what the mail is about; becomes the `Message-ID`, so that a repeat can be recognised.
    pub key: String,
    /// The one address that it goes to; a verified member's.
    pub to: String,
    /// The subject, without line breaks.
    pub subject: String,
    /// What a reader without HTML sees.
    pub text: String,
    /// The same as HTML, where there is more to show.
    pub html: Option<String>,
}

/// Sends mail: by SMTP, or into a folder on a machine without one.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands the mail over. Done at most once per key on this adapter where it can tell.
    async fn send(&self, mail: Mail) -> Result<(), PortError>;
}
