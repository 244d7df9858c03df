//! A build's log on its way to segments: redacted, bounded, soon visible.
//!
//! The first 16 MiB are kept as they come; of what follows only the last lines, with one line that says how much
//! is missing. Invariant: each stream's redactor sees every line that could change its state, in order, so that a
//! key that begins in a dropped line is still hidden in a kept one.

use super::now_ms;
use crate::target::{
    bell::Ringer,
    log::{Segment, cut},
};
use model::{
    Timestamp,
    document::log::{Line, Stream, segment_name},
    port::{Redact, redact::LineRedactor},
};
use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

/// Kept from the start of a log.
const HEAD_BYTES: usize = 16 * 1024 * 1024;
/// Lines kept from its end when more came.
const LAST_LINES: usize = 200;
/// Lines that go into the outcome.
const TAIL_LINES: usize = 20;
/// The first lines are visible this soon, the others after at most a second.
const FIRST: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(1);

pub(super) struct Output {
    folder: PathBuf,
    bell: Ringer,
    out: Box<dyn LineRedactor>,
    err: Box<dyn LineRedactor>,
    segment: Segment,
    number: u32,
    due: Option<Instant>,
    kept: usize,
    last: VecDeque<Late>,
    dropped_lines: u64,
    dropped_bytes: u64,
    tail: VecDeque<String>,
}

/// A line that came after the head was full.
enum Late {
    Raw(Stream, Vec<u8>, usize),
    Redacted(Stream, String),
}

impl Output {
    pub(super) fn new(folder: &Path, redact: &dyn Redact, literals: &[String]) -> Self {
        Self {
            folder: folder.to_owned(),
            bell: Ringer::new(folder),
            out: redact.stream(literals),
            err: redact.stream(literals),
            segment: Segment::default(),
            number: 0,
            due: None,
            kept: 0,
            last: VecDeque::new(),
            dropped_lines: 0,
            dropped_bytes: 0,
            tail: VecDeque::new(),
        }
    }

    /// A line of a command, of which `missing` more bytes were not read.
    pub(super) fn line(&mut self, stream: Stream, raw: &[u8], missing: usize) {
        if self.kept < HEAD_BYTES {
            let text = self.redact(stream, raw, missing);
            self.kept += text.len() + 1;
            self.write(stream, text);
            return;
        }
        // Lines that may begin or end a key block change the redactor's state.
        if raw.contains(&b'-') && raw.windows(5).any(|part| part == b"-----") {
            let waiting: Vec<Late> = self.last.drain(..).collect();
            self.last = waiting.into_iter().map(|late| self.settle(late)).collect();
            let text = self.redact(stream, raw, missing);
            self.last.push_back(Late::Redacted(stream, text));
        } else {
            self.last.push_back(Late::Raw(stream, raw.to_vec(), missing));
        }
        if self.last.len() > LAST_LINES {
            let gone = self.last.pop_front();
            self.dropped_lines += 1;
            self.dropped_bytes += gone.map_or(0, |late| match late {
                Late::Raw(_, raw, missing) => raw.len() + missing + 1,
                Late::Redacted(_, text) => text.len() + 1,
            }) as u64;
        }
    }

    /// A line of Sextant's own.
    pub(super) fn system(&mut self, text: &str) {
        let text = self.out.line(text);
        self.write(Stream::Sys, text);
    }

    /// The last line; everything is written when this returns.
    pub(super) fn end(&mut self, text: &str) {
        if self.dropped_lines > 0 {
            let note = format!(
                "… {} lines ({:.1} MiB) are not kept: a log keeps its first {} MiB and its last {LAST_LINES} lines …",
                self.dropped_lines,
                self.dropped_bytes as f64 / 1_048_576.0,
                HEAD_BYTES >> 20
            );
            self.write(Stream::Sys, note);
        }
        for late in std::mem::take(&mut self.last) {
            if let Late::Redacted(stream, text) = self.settle(late) {
                self.write(stream, text);
            }
        }
        let text = self.out.line(text);
        self.write(Stream::End, text);
        self.flush();
    }

    /// The last lines the commands wrote.
    pub(super) fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    /// Waits until the open segment should be written.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Writes the open segment, whole by a rename.
    pub(super) fn flush(&mut self) {
        self.due = None;
        if self.segment.is_empty() {
            return;
        }
        let name = format!("{}{}", super::SEGMENT, segment_name(self.number));
        self.number += 1;
        let temporary = self.folder.join(format!(".{name}"));
        let written = fs::write(&temporary, self.segment.take())
            .and_then(|()| fs::rename(&temporary, self.folder.join(&name)));
        self.bell.ring();
        if let Err(error) = written {
            tracing::warn!(%error, segment = name, "a part of the build's log could not be written");
        }
    }

    fn write(&mut self, stream: Stream, text: String) {
        if matches!(stream, Stream::Out | Stream::Err) {
            if self.tail.len() == TAIL_LINES {
                self.tail.pop_front();
            }
            self.tail.push_back(text.clone());
        }
        if self.segment.is_full() {
            self.flush();
        }
        if self.segment.is_empty() {
            self.due = Some(Instant::now() + if self.number == 0 { FIRST } else { LATER });
        }
        self.segment.push(&Line { at: Timestamp(now_ms()), stream, text });
    }

    fn settle(&mut self, late: Late) -> Late {
        match late {
            Late::Raw(stream, raw, missing) => Late::Redacted(stream, self.redact(stream, &raw, missing)),
            done @ Late::Redacted(..) => done,
        }
    }

    fn redact(&mut self, stream: Stream, raw: &[u8], missing: usize) -> String {
        let redactor = if stream == Stream::Err { &mut self.err } else { &mut self.out };
        let text = redactor.line(&String::from_utf8_lossy(raw));
        let text = cut(text);
        if missing == 0 { text } else { format!("{text} (and {missing} bytes after that)") }
    }
}
