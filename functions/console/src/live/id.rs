//! The ids of events: `SEQ.SEGMENT:LINE`, the newest line of the story and the next line of the log.

use model::document::log::Position;
use std::fmt;

/// Where a reader is in both the story and the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventId {
    /// The newest line of the story that was read.
    pub seq: u64,
    /// The next line of the log.
    pub position: Position,
    /// Whether `done` was read, too: written as `.end` after the rest.
    pub done: bool,
}

impl EventId {
    /// Reads one back.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, done) = text.strip_suffix(".end").map_or((text, false), |rest| (rest, true));
        let (seq, position) = rest.split_once('.')?;
        Some(Self { seq: seq.parse().ok()?, position: Position::parse(position)?, done })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}{}", self.seq, self.position, if self.done { ".end" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        for text in ["0.0:0", "12.3:45", "12.3:45.end"] {
            assert_eq!(EventId::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "12", "12.", "12.3", "a.0:0", "1.0:-1", "1.0:0.ended", "-1.0:0", ".end"] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }
}
