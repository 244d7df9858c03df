//! How a build's log is collected: lines into segments of a bounded size, in the form of [`model::document::log`].
//!
//! Invariant: what is written here went through a redactor.

use model::document::log::Line;

/// A segment is closed at this size.
pub const SEGMENT_BYTES: usize = 256 * 1024;
/// A line is cut here, after redaction.
pub const LINE_BYTES: usize = 8 * 1024;

/// Collects lines until a segment is full or old enough.
#[derive(Debug, Default)]
pub struct Segment {
    data: Vec<u8>,
}

impl Segment {
    /// Adds a line, cut at [`LINE_BYTES`].
    pub fn push(&mut self, line: &Line) {
        if serde_json::to_writer(&mut self.data, line).is_ok() {
            self.data.push(b'\n');
        }
    }

    /// Whether it should be closed before another line comes.
    pub fn is_full(&self) -> bool {
        // A line of control characters grows sixfold in JSON; the sum still stays below the bound.
        self.data.len() + 6 * LINE_BYTES + 64 >= SEGMENT_BYTES
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// What was collected; it starts anew.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.data)
    }
}

/// The text cut at [`LINE_BYTES`] on a character's border, with a note of how much is missing.
pub fn cut(text: String) -> String {
    if text.len() <= LINE_BYTES {
        return text;
    }
    let end = text.floor_char_boundary(LINE_BYTES);
    format!("{} … ({} more bytes)", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Timestamp, document::log::Stream};

    #[test]
    fn long_lines_are_cut_on_a_character() {
        let cut = cut("ä".repeat(LINE_BYTES));
        assert!(cut.starts_with('ä') && cut.ends_with("more bytes)"), "{}", cut.len());
        assert!(cut.len() < LINE_BYTES + 40);
    }

    #[test]
    fn a_segment_stays_below_its_bound() {
        let mut segment = Segment::default();
        let text = "\u{1}".repeat(LINE_BYTES);
        let line = Line { at: Timestamp(i64::MAX), stream: Stream::Err, text };
        while !segment.is_full() {
            segment.push(&line);
        }
        assert!(segment.take().len() <= SEGMENT_BYTES);
    }
}
