//! Finds the parts of one line that are to be hidden. Linear in the line: each search is bounded or moves on.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, Input, MatchKind, automaton::OverlappingState};

use super::rules::{Class, PREFIXES};
use super::shape;

/// Bytes of a value that are judged; what is found secret is hidden to its end, however long.
const JUDGED: usize = 512;

/// Bytes of a name on each side of the word that was found in it.
const NAME: usize = 64;

/// What a keyword leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Prefix(usize),
    Assignment,
    Url,
    Scheme,
    Jwt,
    KeyBlock,
    Telegram,
}

const WORDS: [&str; 13] = [
    "secret", "token", "passw", "passphrase", "passcode", "pwd", "key", "auth", "credential", "cookie", "pass",
    "client", "sig",
];

struct Table {
    search: AhoCorasick,
    leads: Vec<Lead>,
}

/// Keywords and what each leads to. Building cannot fail: the words are few and fixed.
static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| {
    let mut words = Vec::new();
    let mut leads = Vec::new();
    let mut add = |word: &'static str, lead| {
        words.push(word);
        leads.push(lead);
    };
    for (index, prefix) in PREFIXES.iter().enumerate() {
        add(prefix.text, Lead::Prefix(index));
    }
    WORDS.into_iter().for_each(|word| add(word, Lead::Assignment));
    add("://", Lead::Url);
    add("bearer", Lead::Scheme);
    add("basic", Lead::Scheme);
    add("eyJ", Lead::Jwt);
    add("-----BEGIN", Lead::KeyBlock);
    add(":AA", Lead::Telegram);
    let search = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .build(&words)
        .ok()?;
    Some(Table { search, leads })
});

/// Where the first keyword ends, from `at` on; none means that nothing in the rest can be a secret.
pub(super) fn next_keyword(text: &[u8], at: usize) -> Option<usize> {
    let table = TABLE.as_ref()?;
    table.search.find(Input::new(text).span(at..text.len())).map(|hit| hit.end())
}

/// What one line holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// To be hidden, sorted and apart from each other.
    pub(super) spans: Vec<Range<usize>>,
    /// Whether a block of a private key begins here and doesn't end.
    pub(super) opens_block: bool,
}

/// Finds everything in a line that is to be hidden.
pub(super) fn find(line: &[u8]) -> Found {
    let mut found = Found::default();
    let Some(table) = TABLE.as_ref() else { return found };
    let mut state = OverlappingState::start();
    let mut hits = Vec::new();
    // The automaton was built for this kind of search, which therefore cannot fail.
    while table.search.try_find_overlapping(line, &mut state).is_ok() {
        let Some(hit) = state.get_match() else { break };
        hits.push((hit.start(), table.leads[hit.pattern().as_usize()]));
    }
    // Known forms first: an assignment then keeps the kind of what it assigns.
    let known: Vec<Known> =
        hits.iter().filter_map(|(at, lead)| match lead {
            Lead::Prefix(index) => prefix(line, *at, *index),
            _ => None,
        }).collect();
    let mut covered = 0;
    for (at, lead) in hits {
        if at < covered {
            continue;
        }
        let span = match lead {
            Lead::Prefix(_) => None,
            Lead::Assignment => assignment(line, at).map(|span| keep_kind(span, &known)),
            Lead::Url => url(line, at),
            Lead::Scheme => scheme(line, at).map(|span| keep_kind(span, &known)),
            Lead::Jwt => jwt(line, at),
            Lead::Telegram => telegram(line, at),
            Lead::KeyBlock => key_block(line, at, &mut found.opens_block),
        };
        if let Some(span) = span {
            covered = span.end;
            found.spans.push(span);
        }
    }
    found.spans.extend(known.into_iter().map(|known| known.hidden));
    found.spans = merge(found.spans);
    found
}

/// Sorted, with overlapping and touching spans made one.
pub(super) fn merge(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, span.end));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

/// A secret of a known form: where its prefix begins, and what is hidden.
struct Known {
    start: usize,
    hidden: Range<usize>,
}

fn keep_kind(span: Range<usize>, known: &[Known]) -> Range<usize> {
    let kind = known.iter().filter(|known| known.start == span.start).map(|known| known.hidden.start).max();
    kind.unwrap_or(span.start)..span.end
}

fn prefix(line: &[u8], at: usize, index: usize) -> Option<Known> {
    let rule = &PREFIXES[index];
    let body = at + rule.text.len();
    if !line[at..].starts_with(rule.text.as_bytes()) || (at > 0 && line[at - 1].is_ascii_alphanumeric()) {
        return None;
    }
    let end = end_of(line, body, rule.class);
    // A dot or a dash at the very end belongs to the sentence around it.
    let trimmed = line[body..end].iter().rposition(|byte| byte.is_ascii_alphanumeric() || *byte == b'=')?;
    let end = body + trimmed + 1;
    let long = end - body >= rule.min;
    (long && (!rule.mixed || is_mixed(&line[body..end]))).then_some(Known { start: at, hidden: body..end })
}

fn is_mixed(body: &[u8]) -> bool {
    let head = &body[..body.len().min(JUDGED)];
    let digits = head.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= 2 && head.iter().any(u8::is_ascii_alphabetic)
}

fn end_of(line: &[u8], from: usize, class: Class) -> usize {
    line[from..].iter().position(|byte| !class.has(*byte)).map_or(line.len(), |length| from + length)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// `name = value` in any of its many spellings, where the name speaks of a secret and the value has its shape.
fn assignment(line: &[u8], at: usize) -> Option<Range<usize>> {
    let before = line[at.saturating_sub(NAME)..at].iter().rev().take_while(|byte| is_name(**byte)).count();
    let after = line[at..].iter().take(NAME).take_while(|byte| is_name(**byte)).count();
    let name = std::str::from_utf8(&line[at - before..at + after]).ok()?;
    let word = shape::secret_word(name)?;
    let start = value_start(line, at + after, name.starts_with("--"))?;
    let value = value(line, start)?;
    let head = &line[value.start..value.end.min(value.start + JUDGED)];
    let text = String::from_utf8_lossy(head);
    shape::is_secret_value(word, text.trim_end_matches('\u{fffd}')).then_some(value)
}

/// Passes over what stands between a name and its value: quotes, blanks and a separator.
fn value_start(line: &[u8], from: usize, flag: bool) -> Option<usize> {
    let skip = |at: usize, set: &[u8]| {
        line[at..].iter().take(16).position(|byte| !set.contains(byte)).map_or(line.len(), |n| at + n)
    };
    let name_end = skip(from, b"\\\"'`])");
    let separator = skip(name_end, b" \t");
    let rest = &line[separator..];
    let signs = [":=", "=>", "?=", "||:", "->", "=", ":", ">", ","];
    let sign = signs.into_iter().find(|sign| rest.starts_with(sign.as_bytes()));
    let value = match sign {
        // A comma joins a name and its value only in a call: `set("password", "…")`.
        Some(",") if name_end == from => return None,
        Some(sign) => skip(separator + sign.len(), b" \t\\"),
        None if flag && separator > name_end => separator,
        None => return None,
    };
    (value < line.len()).then_some(value)
}

/// The value: between its quotes, else up to where it ends.
fn value(line: &[u8], start: usize) -> Option<Range<usize>> {
    let quote = line[start];
    if b"\"'`".contains(&quote) {
        let inner = start + 1;
        let length = line[inner..].iter().position(|byte| *byte == quote);
        let end = length.map_or(line.len(), |length| inner + length);
        // The quote of a string inside a string is written `\"`.
        let end = if end > inner && line[end - 1] == b'\\' { end - 1 } else { end };
        return (end > inner).then_some(inner..end);
    }
    let length = (start..line.len()).find(|at| ends_value(line, *at)).unwrap_or(line.len());
    let kept = line[start..length].iter().rposition(|byte| !b",;)}]|.".contains(byte))?;
    Some(start..start + kept + 1)
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
fn url(line: &[u8], at: usize) -> Option<Range<usize>> {
    let user = at + 3;
    let limit = line.len().min(user + JUDGED);
    let stop = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(byte);
    let end = line[user..limit].iter().position(stop).map_or(limit, |n| user + n);
    let authority = line[user..end].iter().position(|byte| b"/?#".contains(byte)).map_or(end, |n| user + n);
    let last_at = |end: usize| line[user..end].iter().rposition(|byte| *byte == b'@').map(|n| user + n);
    let colon = line[user..end].iter().position(|byte| b":/@".contains(byte)).map(|n| user + n);
    let colon = colon.filter(|at| line[*at] == b':');
    let host = match (last_at(authority), colon) {
        (Some(host), _) => host,
        // A password may hold a slash that nobody escaped; digits before a slash are a port.
        (None, Some(colon)) => {
            let digits = line[colon + 1..end].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let port = line.get(colon + 1 + digits).is_none_or(|byte| b"/?#".contains(byte));
            last_at(end).filter(|_| !port)?
        }
        (None, None) => return None,
    };
    let secret = match colon.filter(|colon| *colon < host) {
        Some(colon) => colon + 1..host,
        None => user..host,
    };
    let text = std::str::from_utf8(line.get(secret.clone())?).ok()?;
    let hidden = if secret.start == user { text.len() >= 16 && is_mixed(text.as_bytes()) } else { !text.is_empty() };
    (hidden && !is_template(text)).then_some(secret)
}

/// What stands in a URL where a value will be put in, or was taken out.
fn is_template(text: &str) -> bool {
    text.contains("***") || text.starts_with(['$', '{', '<', '%', '['])
}

/// `Bearer token` and `Basic user-and-password`.
fn scheme(line: &[u8], at: usize) -> Option<Range<usize>> {
    let bearer = line[at..].len() >= 6 && line[at..at + 6].eq_ignore_ascii_case(b"bearer");
    let word = if bearer { 6 } else { 5 };
    if at > 0 && line[at - 1].is_ascii_alphanumeric() {
        return None;
    }
    let gap = line[at + word..].iter().take(4).take_while(|byte| b" :=\t".contains(byte)).count();
    let start = at + word + gap;
    let end = line[start..]
        .iter()
        .position(|byte| !(Class::Base64.has(*byte) || b".~".contains(byte)))
        .map_or(line.len(), |n| start + n);
    let token = &line[start..end];
    let random = is_mixed(token) || token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    let long = token.len() >= if bearer { 10 } else { 8 };
    // "Basic HTTP" and "bearer authentication" are words.
    (gap > 0 && long && random).then_some(start..end)
}

/// A JSON Web Token: the header stays readable as `eyJ`, all else goes.
fn jwt(line: &[u8], at: usize) -> Option<Range<usize>> {
    let open = at == 0 || !Class::Word.has(line[at - 1]);
    if !open || !line[at..].starts_with(b"eyJ") {
        return None;
    }
    let header = end_of(line, at, Class::Word);
    let payload = header + 1;
    if header - at < 12 || line.get(header) != Some(&b'.') || payload >= line.len() {
        return None;
    }
    let end = end_of(line, payload, Class::Dotted);
    (end - payload >= 10).then_some(at + 3..end)
}

/// A Telegram bot's token: `123456789:AA…`.
fn telegram(line: &[u8], at: usize) -> Option<Range<usize>> {
    let digits = line[..at].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let end = end_of(line, at + 1, Class::Word);
    ((5..=11).contains(&digits) && end - at > 30 && line[at..].starts_with(b":AA")).then_some(at + 1..end)
}

/// A private key: what stands between its two marks on this line, else to the line's end.
fn key_block(line: &[u8], at: usize, opens: &mut bool) -> Option<Range<usize>> {
    let rest = &line[at..line.len().min(at + 80)];
    let mark = std::str::from_utf8(rest).ok().map_or_else(|| String::from_utf8_lossy(rest).into_owned(), str::to_owned);
    let close = mark[10..].find("-----")? + 10;
    if !mark[..close].to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let start = at + close + 5;
    match line[start..].windows(8).position(|window| window.eq_ignore_ascii_case(b"-----END")) {
        Some(end) => (end > 0).then_some(start..start + end),
        None => {
            *opens = true;
            let end = line.len() - usize::from(line.ends_with(b"\r"));
            (end > start).then_some(start..end)
        }
    }
}

/// The kind of secret that a whole value is by its form.
pub(super) fn kind_of(value: &str) -> Option<&'static str> {
    let line = value.trim().as_bytes();
    let known = PREFIXES.iter().enumerate().find(|(index, rule)| {
        value.trim().starts_with(rule.text) && prefix(line, 0, *index).is_some()
    });
    if let Some((_, rule)) = known {
        return Some(rule.kind);
    }
    let mut opens = false;
    let starts = |text: &str| value.trim_start().starts_with(text);
    if starts("-----BEGIN") && (key_block(line, 0, &mut opens).is_some() || opens) {
        return Some("a private key");
    }
    if starts("eyJ") && jwt(line, 0).is_some() {
        return Some("a signed token (JWT)");
    }
    let scheme = value.find("://")?;
    let scheme = scheme - value.len() + value.trim_start().len();
    url(line, scheme).is_some().then_some("a URL with a password in it")
}
