//! The build log's format: JSON lines in numbered, immutable segments.
//!
//! One line is `{"t":ms,"s":"out|err|sys","l":"text"}`; segments are objects `PREFIX/000000`, `PREFIX/000001`, …;
//! the last line of the last segment has `"s":"end"`. Invariant: what is written here went through a redactor.

use serde::{Deserialize, Serialize};

/// A segment is closed at this size.
pub const SEGMENT_BYTES: usize = 256 * 1024;
/// A line is cut here, after redaction.
pub const LINE_BYTES: usize = 8 * 1024;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The command's standard output.
    Out,
    /// The command's standard error.
    Err,
    /// Sextant itself.
    Sys,
    /// Sextant's last word; nothing follows.
    End,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Milliseconds since 1970, real time.
    pub t: i64,
    /// Where it came from.
    pub s: Stream,
    /// The text, redacted, without its newline.
    pub l: String,
}

/// The name of segment `number`; names sort as numbers do.
pub fn segment_name(number: u32) -> String {
    format!("{number:06}")
}

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

    #[test]
    fn format_is_fixed() {
        let mut segment = Segment::default();
        segment.push(&Line { t: 5, s: Stream::Out, l: "a \"b\"".into() });
        segment.push(&Line { t: 6, s: Stream::End, l: "done".into() });
        assert_eq!(
            String::from_utf8(segment.take()).unwrap(),
            "{\"t\":5,\"s\":\"out\",\"l\":\"a \\\"b\\\"\"}\n{\"t\":6,\"s\":\"end\",\"l\":\"done\"}\n"
        );
        assert_eq!(segment_name(12), "000012");
    }

    #[test]
    fn long_lines_are_cut_on_a_character() {
        let cut = cut("ä".repeat(LINE_BYTES));
        assert!(cut.starts_with('ä') && cut.ends_with("more bytes)"), "{}", cut.len());
        assert!(cut.len() < LINE_BYTES + 40);
    }

    #[test]
    fn a_segment_stays_below_its_bound() {
        let mut segment = Segment::default();
        while !segment.is_full() {
            segment.push(&Line { t: i64::MAX, s: Stream::Err, l: "\u{1}".repeat(LINE_BYTES) });
        }
        assert!(segment.take().len() <= SEGMENT_BYTES);
    }
}
