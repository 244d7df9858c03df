//! Hides secrets in text that is stored or sent, line by line, in a stream.
//!
//! Promises: the output doesn't depend on how the input was cut into chunks; lines stay lines; redacting twice
//! changes nothing; nothing that the detector finds is left; the kind of what was hidden stays readable
//! (`Bearer ***`, `ghp_***`, `password=***`), its tail never does; memory and time are bounded for any input.
//!
//! A line without an end is worked off in windows, but never judged as several lines: each judgement looks at
//! bounded text around its candidate, and what is hidden is followed to its end through any number of windows.

mod literals;
mod window;

use std::borrow::Cow;

use crate::secret::{Suspects, judge};
use literals::Literals;
use window::Window;

/// What stands where a secret was.
pub const HIDDEN: &str = "***";

/// Bytes of a line that are waited for before its beginning is worked off.
pub const LINE: usize = 64 << 10;

/// Shortest literal value that is hidden: anything shorter stands in half of all lines by chance.
pub const LITERAL_MIN: usize = 4;

/// Lines of a private key's block that are hidden before its end mark is given up on.
const BLOCK_LINES: usize = 400;

/// Hides secrets in a stream. Use it by whole lines ([`Redactor::line`]) or by chunks ([`Redactor::push`] and
/// [`Redactor::finish`]), not both at once.
#[derive(Debug)]
pub struct Redactor {
    literals: Literals,
    /// What the last line means for the next one.
    after: After,
    /// What is known of the line that isn't complete.
    window: Window,
    /// What has come of that line and isn't worked off, behind what may still be looked at.
    rest: Vec<u8>,
    /// Whether the rest of this line is hidden, having been too long for a line of a key.
    dropping: bool,
}

/// What a line means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// A name ended the line: its value may be the next one.
    Name(&'static str),
    /// So many lines of a private key may still come; whether its text has begun.
    Key(usize, bool),
}

impl Redactor {
    /// Hides every known form, and every given value: those of the service's own secrets.
    ///
    /// A value of several lines is hidden line by line. Values shorter than [`LITERAL_MIN`] can't be hidden.
    pub fn new(extra_secrets: &[String]) -> Self {
        Self {
            literals: Literals::new(extra_secrets),
            after: After::Nothing,
            window: Window::default(),
            rest: Vec::new(),
            dropping: false,
        }
    }

    /// One line, with or without its line break.
    pub fn line<'l>(&mut self, line: &'l str) -> Cow<'l, str> {
        let mut out = Vec::new();
        self.one(line.as_bytes(), &mut out);
        if out == line.as_bytes() {
            return Cow::Borrowed(line);
        }
        // Every span lies between whole characters, or the characters it cut are replaced.
        Cow::Owned(match String::from_utf8(out) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// The next bytes of the stream; answers what is ready. The last, incomplete line is kept back.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rest.len() + bytes.len());
        let mut bytes = bytes;
        if !self.rest.is_empty() || self.dropping {
            let Some(first) = memchr::memchr(b'\n', bytes) else {
                self.wait(bytes, &mut out);
                return out;
            };
            let (head, tail) = bytes.split_at(first + 1);
            self.wait(&head[..first], &mut out);
            self.rest.push(b'\n');
            self.end_line(&mut out);
            bytes = tail;
        }
        let complete = memchr::memrchr(b'\n', bytes).map_or(0, |last| last + 1);
        self.lines(&bytes[..complete], &mut out);
        self.wait(&bytes[complete..], &mut out);
        out
    }

    /// The end of the stream: answers what was kept back.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.end_line(&mut out);
        self.after = After::Nothing;
        out
    }

    /// Bytes of a line whose end hasn't come.
    fn wait(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        let most = LINE + self.literals.ahead();
        while !bytes.is_empty() {
            let room = (most + judge::BEHIND).saturating_sub(self.rest.len()).max(1).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            if self.rest.len() < most {
                continue;
            }
            if self.dropping || matches!(self.after, After::Key(..)) {
                // The last byte may belong to the line's break.
                self.rest.drain(..self.rest.len() - 1);
                self.dropping = true;
            } else {
                self.window.advance(&mut self.rest, &self.literals, out);
            }
        }
    }

    /// The line that was waited for is complete.
    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.rest);
        if std::mem::take(&mut self.dropping) {
            out.extend_from_slice(HIDDEN.as_bytes());
            out.extend_from_slice(line_break(&line));
        } else if self.window.is_open() {
            let (text, end) = split_break(&line);
            let opens = self.window.end(text, &self.literals, out);
            out.extend_from_slice(end);
            self.after = follow(opens, text);
        } else {
            self.one(&line, out);
        }
    }

    /// Complete lines. Stretches in which nothing is found, which most of a log is, are copied as they are.
    fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut suspects = Suspects::new(text);
        let mut next = suspects.next(0);
        let mut literal = self.literals.first(text, 0);
        let mut at = 0;
        while at < text.len() {
            if self.after == After::Nothing {
                if next.is_some_and(|next| next < at) {
                    next = suspects.next(at);
                }
                if literal.is_some_and(|literal| literal < at) {
                    literal = self.literals.first(text, at);
                }
                let literal_line =
                    literal.map(|hit| memchr::memrchr(b'\n', &text[at..hit]).map_or(at, |n| at + n + 1));
                let clean = next.unwrap_or(text.len()).min(literal_line.unwrap_or(text.len()));
                out.extend_from_slice(&text[at..clean]);
                at = clean;
                if at == text.len() {
                    return;
                }
            }
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n + 1);
            self.one(&text[at..end], out);
            at = end;
        }
    }

    /// One whole line, with or without its break.
    fn one(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (text, end) = split_break(line);
        match self.after {
            After::Nothing => self.plain(text, None, out),
            After::Name(word) => self.plain(text, Some(word), out),
            After::Key(left, begun) => self.key_line(text, (left, begun), out),
        }
        out.extend_from_slice(end);
    }

    /// A line outside of a private key; its name may have ended the line before it.
    fn plain(&mut self, text: &[u8], word: Option<&'static str>, out: &mut Vec<u8>) {
        let lone = word.and_then(|word| judge::lone_value(text, word));
        let opens = self.window.whole(text, lone, &self.literals, out);
        self.after = follow(opens, text);
        // What may be a name of one value stays one across a blank line, as logs and documents have them.
        if self.after == After::Nothing && text.len() <= judge::JUDGED && text.trim_ascii().is_empty() {
            self.after = word.map_or(After::Nothing, After::Name);
        }
    }

    /// A line that may belong to a private key. It is judged as it looks when its other secrets are hidden, so
    /// that redacting again judges alike.
    fn key_line(&mut self, text: &[u8], (left, begun): (usize, bool), out: &mut Vec<u8>) {
        if text.len() >= LINE {
            out.extend_from_slice(HIDDEN.as_bytes());
            return;
        }
        let mut plain = Vec::with_capacity(text.len());
        let opens = self.window.whole(text, None, &self.literals, &mut plain);
        let mark = judge::end_mark(&plain);
        let end = mark.unwrap_or(plain.trim_ascii_end().len());
        let start = key_start(&plain[..end]);
        let header = judge::is_key_header(&plain);
        let blank = end == 0;
        // Only the last line of a key is short; what was hidden before is one too.
        let key = begun || end - start >= judge::KEY_LINE || plain[start..end].starts_with(HIDDEN.as_bytes());
        let key = key && start < end && !header;
        if key && !judge::opens_key(&plain) {
            out.extend_from_slice(&plain[..start]);
            out.extend_from_slice(HIDDEN.as_bytes());
            out.extend_from_slice(&plain[end..]);
        } else {
            out.extend_from_slice(&plain);
        }
        let goes_on = left > 1 && mark.is_none() && (key || header || blank);
        self.after = match (opens, goes_on) {
            (true, _) => After::Key(BLOCK_LINES, key || begun),
            (false, true) => After::Key(left - 1, key || begun),
            (false, false) => follow(false, text),
        };
    }
}

fn follow(opens_block: bool, line: &[u8]) -> After {
    if opens_block {
        return After::Key(BLOCK_LINES, false);
    }
    judge::dangling(line).map_or(After::Nothing, After::Name)
}

/// Where the key's own text begins at the end of a line, behind what a logger put before it.
fn key_start(text: &[u8]) -> usize {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=*-_\\".contains(byte);
    text.iter().rposition(|byte| !is_key(byte)).map_or(0, |at| at + 1)
}

fn split_break(line: &[u8]) -> (&[u8], &[u8]) {
    line.split_at(line.len() - line_break(line).len())
}

fn line_break(line: &[u8]) -> &[u8] {
    match line {
        [.., b'\r', b'\n'] => &line[line.len() - 2..],
        // A stream may end between the two, and the detector takes neither for text.
        [.., b'\n' | b'\r'] => &line[line.len() - 1..],
        _ => &[],
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
