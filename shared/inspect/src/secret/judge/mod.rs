//! Judges one candidate in one line: what of it is to be hidden, and what kind of secret it is.
//!
//! Invariant, on which "redacting twice changes nothing" rests: a judgement looks at bounded text around its
//! candidate, and text that touches `***` is never judged to be a secret. So whatever stays readable is judged
//! the second time as it was the first time.

mod address;
mod assignment;
mod exact;
mod key;

use std::sync::LazyLock;

use super::candidates::Lead;
use super::random::is_regular;
use super::rules::{Class, Index, Prefix};
use super::shape;
use super::words::are_words;

pub(crate) use assignment::{dangling, lone_value};
pub(crate) use key::{KEY_LINE, end_mark, has_body, is_key_header, opens_key};

/// Bytes of a value that are judged; what is found secret is hidden to its end, however long.
pub(crate) const JUDGED: usize = 256;

/// Bytes behind a candidate that a judgement may look at.
pub(crate) const AHEAD: usize = 2048;

/// Bytes before a candidate that a judgement may look at.
pub(crate) const BEHIND: usize = 256;

/// What marks that something was hidden.
const STARS: &[u8] = b"***";

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// How the end of what is hidden is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The first byte that isn't of the class; a dot or a dash at the very end belongs to the sentence.
    Class(Class),
    /// What ends a value without quotes.
    Value,
    /// Up to the quote that it began with, on the same line.
    Quote(u8),
    /// The mark that ends a key.
    KeyEnd,
    /// So many bytes.
    Fixed(usize),
}

/// Punctuation at the end of a value that belongs to the text around it, at most.
pub(crate) const TRIMMED: usize = 8;

impl Until {
    /// Where it ends in this line: the end to hide to, and the place where that was decided.
    pub(crate) fn end(self, line: &[u8], from: usize) -> (usize, usize) {
        let found = match self {
            Self::Class(class) => line[from..].iter().position(|byte| !class.has(*byte)).map(|n| from + n),
            Self::Value => (from..line.len()).find(|at| assignment::ends_value(line, *at)),
            Self::Quote(quote) => memchr::memchr(quote, &line[from..]).map(|n| from + n),
            Self::KeyEnd => end_mark(&line[from..]).map(|n| from + n),
            Self::Fixed(length) => Some(line.len().min(from + length)),
        };
        let decided = found.unwrap_or(line.len());
        let trims: &[u8] = match self {
            Self::Class(_) => b"._-/+",
            Self::Value => b",;)}]|.",
            // The quote of a string inside a string is written `\"`.
            Self::Quote(_) => b"\\",
            Self::KeyEnd | Self::Fixed(_) => b"",
        };
        let low = from.max(decided.saturating_sub(TRIMMED));
        let kept =
            line[low..decided].iter().rposition(|byte| !trims.contains(byte)).map_or(low, |at| low + at + 1);
        (kept, decided)
    }
}

/// Something to hide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Where its candidate begins.
    pub(crate) at: usize,
    /// Where what is hidden begins.
    pub(crate) start: usize,
    pub(crate) until: Until,
    /// For people, with its article.
    pub(crate) kind: &'static str,
}

/// Judges a candidate of a line that ends where `line` ends.
pub(crate) fn judge(line: &[u8], at: usize, lead: Lead, hits: &mut Vec<Hit>) {
    let hit = match lead {
        Lead::Name => assignment::assignment(line, at),
        Lead::Url => address::url(line, at),
        Lead::Scheme => address::scheme(line, at),
        Lead::User => address::user(line, at),
        Lead::KeyBlock => key::block(line, at),
        Lead::Form(index) => form(line, at, &super::rules::PREFIXES[index]),
        Lead::Run(end) => return run(line, at, end, hits),
    };
    hits.extend(hit);
}

/// Whether text touches something that was hidden already.
fn touches(line: &[u8], start: usize, end: usize) -> bool {
    line[..start].ends_with(STARS) || line[end..].starts_with(STARS)
}

/// What has the form of a row of the table.
fn form(line: &[u8], at: usize, prefix: &'static Prefix) -> Option<Hit> {
    let body = at + prefix.text.len();
    let open = at == 0 || !line[at - 1].is_ascii_alphanumeric();
    if !open || !line[at..].starts_with(prefix.text.as_bytes()) {
        return None;
    }
    let judged = span_of(line, body, JUDGED, |byte| prefix.class.has(*byte));
    let text = &line[judged.clone()];
    let kept = text
        .iter()
        .rposition(|byte| byte.is_ascii_alphanumeric() || *byte == b'=')
        .map_or(0, |last| last + 1);
    let text = &text[..kept];
    let random = !prefix.mixed || (is_mixed(text) && !are_words(text));
    let of_content = line[..at].len() >= 7 && shape::is_digest(&line[at - 7..at]);
    // What goes on in another alphabet is something else, or a piece of something longer.
    let cut = matches!(prefix.class, Class::Upper | Class::Hex)
        && line.get(judged.end).is_some_and(u8::is_ascii_alphanumeric);
    if kept < prefix.min
        || kept > prefix.most
        || shape::ends_file(&line[body + kept..])
        || cut
        || !random
        || touches(line, at, judged.end)
        || of_content
        || is_typed(text)
    {
        return None;
    }
    Some(Hit { at, start: body, until: Until::Class(prefix.class), kind: prefix.kind })
}

/// Text that somebody typed where a secret is to be put in.
fn is_typed(text: &[u8]) -> bool {
    is_regular(text) || std::str::from_utf8(text).is_ok_and(shape::is_placeholder)
}

/// A run of word bytes, and each place in it where a form may begin.
fn run(line: &[u8], start: usize, end: usize, hits: &mut Vec<Hit>) {
    if let Some((prefix, at)) = INDEX.led(line, start) {
        hits.extend(form(line, at, prefix).map(|hit| Hit { at: start, ..hit }));
    }
    if line[start..].starts_with(b"eyJ") {
        hits.extend(exact::jwt(line, start));
    }
    hits.extend(exact::exact(line, start, end));
    let mut at = start;
    loop {
        if let Some(prefix) = INDEX.longest(&line[at..]) {
            hits.extend(form(line, at, prefix));
        }
        let Some(gap) = line[at..end].iter().position(|byte| matches!(byte, b'_' | b'-')) else { break };
        at += gap + 1;
    }
    if !touches(line, start, end.min(start + JUDGED)) {
        hits.extend(spoken(line, start, end));
    }
}

/// `vendor_live_…`, `abc-pat-…`: a prefix of nobody known that says itself that it leads a secret.
fn spoken(line: &[u8], start: usize, end: usize) -> Option<Hit> {
    const WORDS: [&[u8]; 15] = [
        b"live", b"test", b"prod", b"sandbox", b"pat", b"tok", b"token", b"key", b"apikey", b"secret", b"sk",
        b"pk", b"rk", b"api", b"oauth",
    ];
    let text = &line[start..end.min(start + JUDGED)];
    let tail = text.iter().rposition(|byte| matches!(byte, b'_' | b'-'))? + 1;
    let (head, body) = text.split_at(tail);
    let words = head.split(|byte| matches!(byte, b'_' | b'-'));
    let says = head.len() <= 32 && words.into_iter().any(|word| WORDS.contains(&word));
    let random = || body.len() >= 24 && is_mixed(body) && !is_typed(body) && !are_words(body);
    (says && random()).then_some(Hit {
        at: start,
        start: start + tail,
        until: Until::Class(Class::Word),
        kind: "a key",
    })
}

/// The bytes from `from` on that fit, at most so many of them.
fn span_of(line: &[u8], from: usize, most: usize, fits: impl Fn(&u8) -> bool) -> std::ops::Range<usize> {
    from..from + line[from..].iter().take(most).take_while(|byte| fits(byte)).count()
}

fn is_mixed(body: &[u8]) -> bool {
    let digits = body.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = body.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let upper = body.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let cased = upper >= 4 && letters - upper >= 4 && letters >= 24;
    letters >= 1 && (digits >= 2 || cased)
}

/// Where a value begins behind the kind that it shows itself.
fn kept_kind(line: &[u8], start: usize) -> usize {
    let longest = INDEX.longest(&line[start..]).and_then(|prefix| form(line, start, prefix));
    let led = || {
        let word = line[start..].iter().take(16).position(|byte| !Class::Word.has(*byte))?;
        let (prefix, at) = INDEX.led(line, start + word + 1)?;
        form(line, at, prefix).filter(|_| at == start)
    };
    let jwt = || line[start..].starts_with(b"eyJ").then(|| exact::jwt(line, start)).flatten();
    let bounded = start == 0 || !line[start - 1].is_ascii_alphanumeric();
    let hit = longest.or_else(led).or_else(jwt).filter(|_| bounded);
    hit.map_or(start, |hit| hit.start)
}
