//! Judges one candidate in one line: what of it is to be hidden, and what kind of secret it is.
//!
//! Invariant, on which "redacting twice changes nothing" rests: a judgement looks at bounded text around its
//! candidate, and text that touches `***` is never judged to be a secret. So whatever stays readable is judged
//! the second time as it was the first time.

use std::sync::LazyLock;

use super::candidates::{Lead, RUN};
use super::rules::{Class, Index, Prefix};
use super::shape::{self, NAME};

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
    /// The quote.
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
            Self::Value => (from..line.len()).find(|at| ends_value(line, *at)),
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
        Lead::Name => assignment(line, at),
        Lead::Url => url(line, at),
        Lead::Scheme => scheme(line, at),
        Lead::KeyBlock => key_block(line, at),
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
    let random = !prefix.mixed || is_mixed(text);
    if kept < prefix.min || !random || touches(line, at, judged.end) || shape::is_monotonous(&text[..kept]) {
        return None;
    }
    Some(Hit { at, start: body, until: Until::Class(prefix.class), kind: prefix.kind })
}

/// A run of word bytes, and each place in it where a form may begin.
fn run(line: &[u8], start: usize, end: usize, hits: &mut Vec<Hit>) {
    if let Some((prefix, at)) = INDEX.led(line, start) {
        hits.extend(form(line, at, prefix).map(|hit| Hit { at: start, ..hit }));
    }
    if line[start..].starts_with(b"eyJ") {
        hits.extend(jwt(line, start));
    }
    if start > 0 && line[start - 1] == b':' {
        hits.extend(telegram(line, start));
    }
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
    let random = body.len() >= 24 && is_mixed(body) && shape::entropy(std::str::from_utf8(body).ok()?) >= 3.3;
    (says && random).then_some(Hit {
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

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// Where a value begins behind the kind that it shows itself.
fn kept_kind(line: &[u8], start: usize) -> usize {
    let longest = INDEX.longest(&line[start..]).and_then(|prefix| form(line, start, prefix));
    let led = || {
        let word = line[start..].iter().take(16).position(|byte| !Class::Word.has(*byte))?;
        let (prefix, at) = INDEX.led(line, start + word + 1)?;
        form(line, at, prefix).filter(|_| at == start)
    };
    let jwt = || line[start..].starts_with(b"eyJ").then(|| jwt(line, start)).flatten();
    let bounded = start == 0 || !line[start - 1].is_ascii_alphanumeric();
    let hit = longest.or_else(led).or_else(jwt).filter(|_| bounded);
    hit.map_or(start, |hit| hit.start)
}

/// `name = value` in any of its many spellings, where the name speaks of a secret and the value has its shape.
fn assignment(line: &[u8], at: usize) -> Option<Hit> {
    let name = name_around(line, at);
    let start = value_start(line, name.end, line[name.clone()].starts_with(b"--"))?;
    if start >= line.len() {
        return None;
    }
    let header = ends_with_word(&line[name.clone()], b"authorization");
    let start = if header { after_scheme(line, start) } else { start };
    let (value, until, closed) = value(line, start)?;
    if value.len() < 6 || line[..name.start].ends_with(STARS) {
        return None;
    }
    let word = if header { "authorization" } else { shape::secret_word_in(&line[name])? };
    secret_value(line, at, word, value, until, closed)
}

fn ends_with_word(name: &[u8], word: &[u8]) -> bool {
    name.len() >= word.len() && name[name.len() - word.len()..].eq_ignore_ascii_case(word)
}

/// A value that stands alone in its line, its name having ended the line before.
pub(crate) fn lone_value(line: &[u8], word: &'static str) -> Option<Hit> {
    if line.len() > 3 * JUDGED {
        return None;
    }
    let start = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let (value, until, closed) = value(line, start)?;
    let rest = line.get(value.end..).unwrap_or_default();
    let alone = rest.len() <= 8 && rest.iter().all(|byte| b"\"'`,; \t<|>)".contains(byte));
    // A word alone in a line is text; what is hidden has to look random, even a password.
    let text = String::from_utf8_lossy(&line[value.clone()]);
    let random = text.len() >= 8 && shape::is_secret_value("token", &text);
    if alone && random { secret_value(line, start, word, value, until, closed) } else { None }
}

fn secret_value(
    line: &[u8],
    at: usize,
    word: &'static str,
    value: std::ops::Range<usize>,
    until: Until,
    closed: bool,
) -> Option<Hit> {
    let text = String::from_utf8_lossy(&line[value.clone()]);
    let touched =
        memchr::memmem::find(&line[value.clone()], STARS).is_some() || touches(line, value.start, value.end);
    let markup = !closed && text.contains("</");
    if touched || markup || !shape::is_secret_value(word, text.trim_end_matches('\u{fffd}')) {
        return None;
    }
    let kind = match word {
        "password" | "passwd" | "passphrase" | "passcode" | "pwd" | "pass" | "pw" => "a password",
        "secret" => "a secret",
        "token" => "a token",
        _ => "a key or credential",
    };
    Some(Hit { at, start: kept_kind(line, value.start), until, kind })
}

fn name_around(line: &[u8], at: usize) -> std::ops::Range<usize> {
    let before = line[at.saturating_sub(NAME)..at].iter().rev().take_while(|byte| is_name(**byte)).count();
    let after = line[at..].iter().take(NAME).take_while(|byte| is_name(**byte)).count();
    at - before..at + after
}

/// The word of the name that ends this line and whose value stands in the next one.
pub(crate) fn dangling(line: &[u8]) -> Option<&'static str> {
    let bare = line.trim_ascii_end();
    if line.len() - bare.len() > RUN {
        return None;
    }
    let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
    let name =
        bare.strip_suffix(b">").or_else(|| bare.strip_suffix(b":")).or_else(|| bare.strip_suffix(b"="))?;
    let name = name.strip_suffix(b" ").unwrap_or(name);
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    let length = name.iter().rev().take(NAME).take_while(|byte| is_name(**byte)).count();
    let start = name.len() - length;
    if name[..start].ends_with(STARS) || name[..start].ends_with(b"/") {
        return None;
    }
    shape::secret_word_in(&name[start..])
}

/// Passes over what stands between a name and its value: quotes, blanks and a separator.
fn value_start(line: &[u8], from: usize, flag: bool) -> Option<usize> {
    let skip = |at: usize, set: &[u8]| {
        line[at..]
            .iter()
            .take(16)
            .position(|byte| !set.contains(byte))
            .map_or(line.len().min(at + 16), |n| at + n)
    };
    let name_end = skip(from, b"\\\"'`])");
    let separator = after_type(line, skip(name_end, b" \t"));
    // XML writes both as attributes: `<add key="password" value="…" />`.
    let attribute = name_end > from && line[separator..].starts_with(b"value=");
    let separator = if attribute { separator + 5 } else { separator };
    let rest = &line[separator..];
    const SIGNS: [&str; 14] =
        [":::=", "::=", "||:", "||=", "??=", ":=", "=>", "?=", ".=", "->", "=", ":", ">", ","];
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign.as_bytes()));
    match sign {
        // A comma joins a name and its value only in a call: `set("password", "…")`.
        Some(",") if name_end == from => None,
        Some(sign) => Some(skip(separator + sign.len(), b" \t\\")),
        None if flag && separator > name_end => Some(separator),
        None => None,
    }
}

/// Passes over the scheme of an `Authorization` header: `Basic`, `Token`, `Api-Key`.
fn after_scheme(line: &[u8], at: usize) -> usize {
    let word =
        line[at..].iter().take(24).take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    let gap = line[at + word..].iter().take(4).take_while(|byte| **byte == b' ').count();
    if gap > 0 && at + word + gap < line.len() { at + word + gap } else { at }
}

/// Passes over a type between a name and its `=`: `var token string = …`, `let token: &str = …`.
fn after_type(line: &[u8], at: usize) -> usize {
    let rest = &line[at..line.len().min(at + 32)];
    let is_type = |byte: &u8| byte.is_ascii_alphabetic() || b":&<>'_ ".contains(byte);
    let length = rest.iter().take_while(|byte| is_type(byte)).count();
    let word = rest[..length].iter().any(u8::is_ascii_alphabetic);
    let assigns = rest[length..].starts_with(b"=") && rest[..length].ends_with(b" ");
    if word && assigns { at + length } else { at }
}

/// The first bytes of a value up to a limit, how its end is found, and whether it is quoted.
fn value(line: &[u8], start: usize) -> Option<(std::ops::Range<usize>, Until, bool)> {
    let quote = *line.get(start)?;
    let window = &line[..line.len().min(start + 1 + JUDGED)];
    let quoted = b"\"'`".contains(&quote);
    let (start, until) = if quoted { (start + 1, Until::Quote(quote)) } else { (start, Until::Value) };
    let end = if quoted {
        until.end(window, start.min(window.len())).0
    } else {
        let decided = (start..window.len()).find(|at| ends_value(line, *at)).unwrap_or(window.len());
        let kept = window[start..decided].iter().rposition(|byte| !b",;)}]|.".contains(byte))? + 1;
        start + kept
    };
    (end > start).then_some((start..end, until, quoted))
}

/// Whether an unquoted value ends before this byte. A comma, `;` or `&` ends it only where another name follows.
fn ends_value(line: &[u8], at: usize) -> bool {
    match line[at] {
        b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`' | b'<' | b'\\' => true,
        b',' | b';' | b'&' => {
            let rest = &line[at + 1..line.len().min(at + 1 + NAME)];
            let rest = rest.strip_prefix(b" ").unwrap_or(rest);
            let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
            let name = rest.iter().take_while(|byte| is_name(**byte)).count();
            name > 0 && rest.get(name).is_some_and(|byte| b"=:\"".contains(byte))
        }
        _ => false,
    }
}

/// The password in `scheme://user:password@host`, or a long token in the user's place.
fn url(line: &[u8], at: usize) -> Option<Hit> {
    let user = at + 3;
    let limit = line.len().min(user + JUDGED);
    let window = &line[user..limit];
    // Most URLs have no user: nothing else is worth looking at.
    let sign = memchr::memchr(b'@', window)?;
    let stop = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(byte);
    let end = window.iter().position(stop).unwrap_or(window.len());
    if sign > end || memchr::memmem::find(&window[..end], STARS).is_some() {
        return None;
    }
    let authority = window[..end].iter().position(|byte| b"/?#".contains(byte)).unwrap_or(end);
    let last_at = |end: usize| window[..end].iter().rposition(|byte| *byte == b'@');
    let colon = window[..end].iter().position(|byte| b":/@".contains(byte)).filter(|at| window[*at] == b':');
    let host = match (last_at(authority), colon) {
        (Some(host), _) => host,
        // A password may hold a slash that nobody escaped; digits before a slash are a port.
        (None, Some(colon)) => {
            let digits = window[colon + 1..end].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let port = window.get(colon + 1 + digits).is_none_or(|byte| b"/?#".contains(byte));
            last_at(end).filter(|_| !port)?
        }
        (None, None) => return None,
    };
    let secret = colon.filter(|colon| *colon < host).map_or(0, |colon| colon + 1);
    let text = std::str::from_utf8(&window[secret..host]).ok()?;
    let hidden = if secret == 0 { text.len() >= RUN && is_mixed(text.as_bytes()) } else { !text.is_empty() };
    let template = text.starts_with(['$', '{', '<', '%', '[']);
    let until = Until::Fixed(host - secret);
    (hidden && !template).then_some(Hit { at, start: user + secret, until, kind: "a password in a URL" })
}

/// `Bearer token` and `Basic user-and-password`.
fn scheme(line: &[u8], at: usize) -> Option<Hit> {
    let is =
        |word: &[u8]| line[at..].len() > word.len() && line[at..at + word.len()].eq_ignore_ascii_case(word);
    let (word, least) = if is(b"bearer") {
        (6, 10)
    } else if is(b"basic") {
        (5, 8)
    } else {
        return None;
    };
    if at > 0 && line[at - 1].is_ascii_alphanumeric() {
        return None;
    }
    let gap = line[at + word..].iter().take(4).take_while(|byte| b" :=\t".contains(byte)).count();
    let start = at + word + gap;
    let span = span_of(line, start, JUDGED, |byte| Class::Credential.has(*byte));
    let token = &line[span.clone()];
    let cased = token.iter().skip(1).any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    // "Basic HTTP" and "bearer authentication" are words.
    let random = is_mixed(token) || cased;
    if gap == 0
        || token.len() < least
        || !random
        || shape::is_monotonous(token)
        || touches(line, at, span.end)
    {
        return None;
    }
    let until = Until::Class(Class::Credential);
    Some(Hit { at, start: kept_kind(line, start), until, kind: "an authorization header" })
}

/// A JSON Web Token, or another signed text that begins like one: `eyJ` stays readable, all else goes.
fn jwt(line: &[u8], at: usize) -> Option<Hit> {
    let header = span_of(line, at, 1024, |byte| Class::Word.has(*byte)).end;
    let payload = span_of(line, (header + 1).min(line.len()), RUN, |byte| Class::Word.has(*byte));
    let signed = line.get(header) == Some(&b'.') && payload.len() >= 10 && header - at >= 12;
    if !signed || touches(line, at, header) || line[payload.end..].starts_with(STARS) {
        return None;
    }
    let until = Until::Class(Class::Dotted);
    Some(Hit { at, start: at + 3, until, kind: "a signed token (JWT)" })
}

/// A Telegram bot's token: `123456789:AA…`.
fn telegram(line: &[u8], at: usize) -> Option<Hit> {
    let digits = line[..at - 1].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let end = span_of(line, at, JUDGED, |byte| Class::Word.has(*byte)).end;
    let bot = (5..=11).contains(&digits)
        && end - at > 30
        && line[at..].starts_with(b"A")
        && !touches(line, at, end);
    let until = Until::Class(Class::Word);
    bot.then_some(Hit { at, start: at, until, kind: "a Telegram bot's token" })
}

/// A private key: what stands between its two marks on this line, else to the line's end.
fn key_block(line: &[u8], at: usize) -> Option<Hit> {
    let rest = &line[at..line.len().min(at + 80)];
    let close = memchr::memmem::find(rest.get(10..)?, b"-----")? + 10;
    memchr::memmem::find(&rest[..close].to_ascii_uppercase(), b"PRIVATE KEY")?;
    let start = at + close + 5;
    if line[start..].starts_with(STARS) {
        return None;
    }
    Some(Hit { at, start, until: Until::KeyEnd, kind: "a private key" })
}

/// Where the mark begins that ends a private key.
pub(crate) fn end_mark(text: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(text, b"-----")
        .find(|at| text[at + 5..].len() >= 3 && text[at + 5..at + 8].eq_ignore_ascii_case(b"END"))
}

/// Whether a private key begins in this line, hidden or not, and doesn't end.
pub(crate) fn opens_key(line: &[u8]) -> bool {
    let marks = memchr::memmem::find_iter(line, b"-----BEGIN");
    let open = |at: usize| {
        let rest = &line[at..line.len().min(at + 80)];
        let close = rest.get(10..).and_then(|rest| memchr::memmem::find(rest, b"-----"));
        close.is_some_and(|close| {
            memchr::memmem::find(&rest[..close + 10].to_ascii_uppercase(), b"PRIVATE KEY").is_some()
        })
    };
    marks.filter(|at| open(*at)).last().is_some_and(|at| end_mark(&line[at..]).is_none())
}

/// Lines of a private key that stand before its text and tell nothing of it.
pub(crate) fn is_key_header(line: &[u8]) -> bool {
    const HEADERS: [&[u8]; 4] = [b"Proc-Type:", b"DEK-Info:", b"Comment:", b"Version:"];
    HEADERS.iter().any(|header| line.starts_with(header))
}
