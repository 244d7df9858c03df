//! Build logs: immutable segments in Objects, each a few lines of JSON, and the ids that streams resume from.
//!
//! A segment is `PREFIX/000000`, `PREFIX/000001`, …, at most 256 KiB or one second of output. Each attempt at a build
//! begins at a number of its own, 100,000 apart, so that none meets another's segments and a reader passes from one
//! to the next. A line is `{"t":ms,"s":"out|err|sys|end","l":"text"}`; the last line of an attempt's last segment is
//! of stream `end`. Secrets were redacted before a line was stored; control characters were not, so whoever shows a
//! line goes through [`crate::text::visible`].

mod head;

pub use head::{Head, head_path};

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The command's standard output.
    Out,
    /// The command's standard error.
    Err,
    /// What Sextant says of a step, not what a tool printed.
    Sys,
    /// Sextant's last word; nothing follows.
    End,
}

impl Stream {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::Sys => "sys",
            Self::End => "end",
        }
    }
}

/// One line of a log, redacted before it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// When it appeared, in real time.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Where it came from.
    #[serde(rename = "s")]
    pub stream: Stream,
    /// The text, redacted, without its line break.
    #[serde(rename = "l")]
    pub text: String,
}

impl Line {
    /// Whether nothing comes after it.
    pub fn is_end(&self) -> bool {
        self.stream == Stream::End
    }
}

/// Where a reader is: the next line it has not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number of the segment; each attempt at a build begins 100,000 further on.
    pub segment: u32,
    /// Line in it.
    pub line: u32,
}

impl Position {
    /// Reads `segment:line`, as a stream's id has it; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (segment, line) = text.split_once(':')?;
        Some(Self { segment: segment.parse().ok()?, line: line.parse().ok()? })
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.segment, self.line)
    }
}

/// Segments an attempt may have: more than an hour makes, at one a second.
const ATTEMPT_SEGMENTS: u32 = 100_000;

/// The number that an attempt's first segment has; attempts count from 1.
pub fn first_segment(attempt: u32) -> u32 {
    attempt.saturating_sub(1).saturating_mul(ATTEMPT_SEGMENTS)
}

/// The attempt that a segment is of.
pub fn attempt_of(segment: u32) -> u32 {
    segment / ATTEMPT_SEGMENTS + 1
}

/// The name of a segment; names sort as numbers do.
pub fn segment_name(segment: u32) -> String {
    format!("{segment:06}")
}

/// The key of a segment.
pub fn segment_key(prefix: &str, segment: u32) -> String {
    format!("{prefix}/{}", segment_name(segment))
}

/// The lines of a segment from `position` on; lines that are no JSON are skipped.
pub fn lines(segment: &[u8], from_line: u32) -> impl Iterator<Item = Line> {
    let parse = |line: &[u8]| serde_json::from_slice(line).ok();
    segment
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .skip(from_line as usize)
        .filter_map(parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_fixed() {
        let line = Line { at: Timestamp(5), stream: Stream::End, text: "a \"b\"".into() };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"t":5,"s":"end","l":"a \"b\""}"#);
        assert_eq!(lines(text.as_bytes(), 0).collect::<Vec<_>>(), [line]);
        assert_eq!(segment_key("logs/acme/dep_1", 12), "logs/acme/dep_1/000012");
        assert_eq!((first_segment(0), first_segment(1), first_segment(3)), (0, 0, 200_000));
        assert_eq!((attempt_of(99_999), attempt_of(200_000)), (1, 3));
        for stream in [Stream::Out, Stream::Err, Stream::Sys, Stream::End] {
            assert_eq!(serde_json::json!(stream), stream.as_str());
        }
    }
}
