//! Hiding secrets in lines before they are stored or sent.

/// Makes one redactor per stream.
pub trait Redact: Send + Sync {
    /// A redactor that also hides these literal values (a service's own secrets).
    fn stream(&self, literals: &[String]) -> Box<dyn LineRedactor>;
}

/// Redacts the lines of one stream, in order.
pub trait LineRedactor: Send {
    /// The line with every secret in it replaced; state may carry over to the next line (key blocks).
    fn line(&mut self, line: &str) -> String;
}
