//! Hides secrets in text that is stored or sent, line by line, in a stream.
//!
//! Promises: the output doesn't depend on how the input was cut into chunks; lines stay lines; redacting twice
//! changes nothing; the kind of what was hidden stays readable (`Bearer ***`, `ghp_***`, `password=***`), its
//! tail never does; memory and time are bounded for any input.
//!
//! A line longer than [`LINE`] is treated as several lines, cut where it has a blank if it has one; a literal
//! secret or a token is never cut in two. Across such cuts, and only there, redacting twice may hide more.

mod find;
mod rules;
pub(crate) mod shape;

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

/// What stands where a secret was.
pub const HIDDEN: &str = "***";

/// Longest line that is looked at as a whole.
pub const LINE: usize = 64 << 10;

/// Shortest literal value that is hidden: anything shorter stands in half of all lines by chance.
pub const LITERAL_MIN: usize = 4;

/// Lines of a private key's block that are hidden before its end mark is given up on.
const BLOCK_LINES: usize = 400;

/// Passes over one line; more than two happen only for text made to cause them.
const PASSES: usize = 8;

/// Hides secrets in a stream. Use it by whole lines ([`Redactor::line`]) or by chunks ([`Redactor::push`] and
/// [`Redactor::finish`]), not both at once.
#[derive(Debug)]
pub struct Redactor {
    literals: Option<AhoCorasick>,
    longest: usize,
    /// Lines of a private key that may still come.
    block: usize,
    /// What has come of the line that isn't complete.
    rest: Vec<u8>,
}

impl Redactor {
    /// Hides every known form, and every given value: those of the service's own secrets.
    ///
    /// A value of several lines is hidden line by line. Values shorter than [`LITERAL_MIN`] can't be hidden.
    pub fn new(extra_secrets: &[String]) -> Self {
        let mut values: Vec<String> = extra_secrets.iter().flat_map(|secret| variants(secret)).collect();
        values.sort();
        values.dedup();
        let longest = values.iter().map(String::len).max().unwrap_or(0);
        let literals = (!values.is_empty())
            .then(|| AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(&values))
            .and_then(Result::ok);
        Self { literals, longest, block: 0, rest: Vec::new() }
    }

    /// One line, with or without its line break.
    pub fn line<'l>(&mut self, line: &'l str) -> Cow<'l, str> {
        match self.redact(line.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(line),
            // Every span lies between whole characters, or the characters it cut are replaced.
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// The next bytes of the stream; answers what is ready. The last, incomplete line is kept back.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rest.len() + bytes.len());
        let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            self.rest.extend_from_slice(bytes);
            self.drain_long(&mut out);
            return out;
        };
        let (complete, open) = bytes.split_at(last + 1);
        if self.rest.is_empty() {
            self.lines(complete, &mut out);
        } else {
            let first = complete.iter().position(|byte| *byte == b'\n').map_or(complete.len(), |at| at + 1);
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(&complete[..first]);
            self.lines(&line, &mut out);
            self.lines(&complete[first..], &mut out);
        }
        self.rest.extend_from_slice(open);
        self.drain_long(&mut out);
        out
    }

    /// The end of the stream: answers what was kept back.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let rest = std::mem::take(&mut self.rest);
        self.lines(&rest, &mut out);
        self.block = 0;
        out
    }

    /// Complete lines. Stretches without any keyword, which most of a log is, are copied as they are.
    fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < text.len() {
            if self.block == 0 {
                let suspect = self.next_suspect(text, at);
                let clean = suspect.map_or(text.len(), |hit| line_start(text, hit, at));
                // A line that is too long has to be cut, suspect or not, so that every chunking cuts alike.
                out.extend_from_slice(&text[at..clean]);
                at = clean;
                if at == text.len() {
                    return;
                }
            }
            let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |n| at + n + 1);
            self.one(&text[at..end], out);
            at = end;
        }
    }

    fn one(&mut self, mut line: &[u8], out: &mut Vec<u8>) {
        while line.len() >= self.window() {
            let cut = self.cut(line);
            out.extend_from_slice(&self.redact(&line[..cut]));
            line = &line[cut..];
        }
        out.extend_from_slice(&self.redact(line));
    }

    /// Emits what is certain of a line that is too long to wait for its end.
    fn drain_long(&mut self, out: &mut Vec<u8>) {
        while self.rest.len() >= self.window() {
            let cut = self.cut(&self.rest);
            let head: Vec<u8> = self.rest.drain(..cut).collect();
            out.extend_from_slice(&self.redact(&head));
        }
    }

    /// Bytes that have to be known before a long line may be cut.
    fn window(&self) -> usize {
        LINE + self.longest.max(1 << 10)
    }

    /// Where a long line is cut: behind a blank, else behind a token and never inside of a literal.
    fn cut(&self, line: &[u8]) -> usize {
        let line = &line[..self.window()];
        let blank =
            line[LINE / 2..LINE].iter().rposition(u8::is_ascii_whitespace).map(|at| LINE / 2 + at + 1);
        let mut cut = blank.unwrap_or(LINE);
        for span in find::merge([self.literal_spans(line), find::find(line).spans].concat()) {
            if span.start < cut && cut < span.end {
                cut = span.end;
            }
        }
        cut
    }

    fn next_suspect(&self, text: &[u8], at: usize) -> Option<usize> {
        let literal = || Some(self.literals.as_ref()?.find(&text[at..])?.start() + at);
        let keyword = find::next_keyword(text, at).map(|end| end - 1);
        match (keyword, literal()) {
            (Some(keyword), Some(literal)) => Some(keyword.min(literal)),
            (keyword, literal) => keyword.or(literal),
        }
    }

    fn literal_spans(&self, line: &[u8]) -> Vec<Range<usize>> {
        let Some(literals) = &self.literals else { return Vec::new() };
        literals.find_iter(line).map(|hit| hit.range()).collect()
    }

    /// One line, whose break stays outside of all that is looked at.
    fn redact<'l>(&mut self, line: &'l [u8]) -> Cow<'l, [u8]> {
        let (text, line_break) = line.split_at(line.len() - line_break(line).len());
        let block = self.block > 0 && self.goes_on(text);
        let Some(mut hidden) = self.until_still(text, block) else { return Cow::Borrowed(line) };
        hidden.extend_from_slice(line_break);
        Cow::Owned(hidden)
    }

    /// Hides until nothing more is found, so that redacting again changes nothing; none when nothing is found.
    fn until_still(&mut self, text: &[u8], block: bool) -> Option<Vec<u8>> {
        let mut last: Option<Vec<u8>> = None;
        for _ in 0..PASSES {
            let current = last.as_deref().unwrap_or(text);
            let next = if block { Some(self.hide_in_block(current)) } else { self.hide(current) };
            match next {
                Some(next) if next != current => last = Some(next),
                _ => return last,
            }
        }
        Some(HIDDEN.as_bytes().to_vec())
    }

    /// One pass; none when there is nothing to hide.
    fn hide(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let found = find::find(text);
        if found.opens_block {
            self.block = BLOCK_LINES;
        }
        let spans = find::merge([self.literal_spans(text), found.spans].concat());
        if spans.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            out.extend_from_slice(&text[at..span.start]);
            out.extend_from_slice(HIDDEN.as_bytes());
            at = span.end;
        }
        out.extend_from_slice(&text[at..]);
        Some(out)
    }

    /// Whether a line still belongs to a private key, and what that means for the next one.
    fn goes_on(&mut self, text: &[u8]) -> bool {
        self.block -= 1;
        if end_mark(text).is_some() {
            self.block = 0;
            return true;
        }
        // Judged as it looks when its secrets are hidden, so that redacting again judges alike.
        let left = std::mem::take(&mut self.block);
        let plain = self.until_still(text, false);
        if self.block > 0 {
            return false;
        }
        let bare = plain.as_deref().unwrap_or(text).trim_ascii_end();
        let header = bare.windows(2).any(|window| window == b": ") && bare[0].is_ascii_uppercase();
        if bare.is_empty() || header {
            self.block = left;
            return false;
        }
        self.block = if key_start(bare) == bare.len() { 0 } else { left };
        self.block > 0
    }

    /// One pass over a line inside of a private key: the key's text, and what else is secret around it.
    fn hide_in_block(&mut self, text: &[u8]) -> Vec<u8> {
        let end = end_mark(text).unwrap_or(text.trim_ascii_end().len());
        let start = key_start(&text[..end]);
        let key: &[u8] = if start == end { b"" } else { HIDDEN.as_bytes() };
        let before = self.hide(&text[..start]);
        let after = self.hide(&text[end..]);
        let around = (before.as_deref().unwrap_or(&text[..start]), after.as_deref().unwrap_or(&text[end..]));
        [around.0, key, around.1].concat()
    }
}

/// Where the mark begins that ends a private key.
fn end_mark(text: &[u8]) -> Option<usize> {
    text.windows(8).position(|window| window.eq_ignore_ascii_case(b"-----END"))
}

/// Where the key's own text begins at the end of a line, behind what a logger put before it.
fn key_start(text: &[u8]) -> usize {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=*-_\\".contains(byte);
    text.iter().rposition(|byte| !is_key(byte)).map_or(0, |at| at + 1)
}

fn line_break(line: &[u8]) -> &[u8] {
    match line {
        [.., b'\r', b'\n'] => &line[line.len() - 2..],
        [.., b'\n'] => &line[line.len() - 1..],
        _ => &[],
    }
}

fn line_start(text: &[u8], hit: usize, from: usize) -> usize {
    text[from..hit].iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at + 1)
}

/// A value as it is, line by line, and as it stands in a URL or in JSON.
fn variants(secret: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in secret.lines().map(str::trim).filter(|line| line.len() >= LITERAL_MIN) {
        let json = serde_json::to_string(line).unwrap_or_default();
        let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
        for variant in [line.to_owned(), json, percent_encoded(line)] {
            if variant.len() >= LITERAL_MIN && !variant.bytes().all(|byte| byte == b'*') {
                out.push(variant);
            }
        }
    }
    out
}

fn percent_encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            out.extend(['%', char::from(digits[0]), char::from(digits[1])]);
        }
    }
    out
}

/// The kind of secret a value is by its form alone, for people: `a GitHub token`.
pub(crate) fn kind_of(value: &str) -> Option<&'static str> {
    find::kind_of(value)
}

#[cfg(test)]
mod tests;
