//! Finds the parts of one line that are to be hidden. Linear in the line: each search is bounded or moves on.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, Input, MatchKind, automaton::OverlappingState};

use super::rules::{Class, PREFIXES};
use super::shape;

/// Bytes of a value that are judged; what is found secret is hidden to its end, however long.
const JUDGED: usize = 256;

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
    "secret",
    "token",
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "key",
    "auth",
    "credential",
    "cookie",
    "pass",
    "client",
    "sig",
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
    for word in WORDS {
        add(word, Lead::Assignment);
    }
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
    let known = known(line, &hits);
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

/// Secrets of known forms, one for each place: of two prefixes the longer one stays readable.
fn known(line: &[u8], hits: &[(usize, Lead)]) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for (at, lead) in hits {
        let Lead::Prefix(index) = lead else { continue };
        let Some(found) = prefix(line, *at, *index) else { continue };
        // Hits come by their ends: those of one place are close to each other.
        let same = known.iter().rev().take(4).position(|other| other.start == found.start);
        let same = same.map(|back| known.len() - 1 - back);
        let inside = known.last().is_some_and(|last| found.start < last.hidden.end);
        match same.map(|index| &mut known[index]) {
            Some(other) => {
                other.hidden.start = other.hidden.start.max(found.hidden.start);
                other.hidden.end = other.hidden.end.max(found.hidden.end);
            }
            None if inside => {}
            None => known.push(found),
        }
    }
    known
}

fn prefix(line: &[u8], at: usize, index: usize) -> Option<Known> {
    let rule = &PREFIXES[index];
    let body = at + rule.text.len();
    if !line[at..].starts_with(rule.text.as_bytes()) || (at > 0 && line[at - 1].is_ascii_alphanumeric()) {
        return None;
    }
    let is_body = |byte: &u8| rule.class.has(*byte);
    let judged = span_of(line, body, JUDGED, is_body);
    if judged.len() < rule.min || (rule.mixed && !is_mixed(&line[judged.clone()])) {
        return None;
    }
    let end = span_of(line, body, usize::MAX, is_body).end;
    // A dot or a dash at the very end belongs to the sentence around it.
    let kept = line[body..end].iter().rposition(|byte| byte.is_ascii_alphanumeric() || *byte == b'=')? + 1;
    (kept >= rule.min).then_some(Known { start: at, hidden: body..body + kept })
}

/// The bytes from `from` on that fit, at most so many of them.
fn span_of(line: &[u8], from: usize, most: usize, fits: impl Fn(&u8) -> bool) -> Range<usize> {
    from..from + line[from..].iter().take(most).take_while(|byte| fits(byte)).count()
}

fn is_mixed(body: &[u8]) -> bool {
    let digits = body.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= 2 && body.iter().any(u8::is_ascii_alphabetic)
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
    let header = name.to_ascii_lowercase().ends_with("authorization");
    let word = if header { "authorization" } else { shape::secret_word(name)? };
    let start = value_start(line, at + after, name.starts_with("--"))?;
    let start = if header { after_scheme(line, start) } else { start };
    let judged = value(line, start, JUDGED)?;
    let text = String::from_utf8_lossy(&line[judged]);
    let secret = shape::is_secret_value(word, text.trim_end_matches('\u{fffd}'));
    // Only what is secret is followed to its end: a line full of names would cost its length for each.
    if secret { value(line, start, usize::MAX) } else { None }
}

/// Passes over what stands between a name and its value: quotes, blanks and a separator.
fn value_start(line: &[u8], from: usize, flag: bool) -> Option<usize> {
    let skip = |at: usize, set: &[u8]| {
        line[at..].iter().take(16).position(|byte| !set.contains(byte)).map_or(line.len(), |n| at + n)
    };
    let name_end = skip(from, b"\\\"'`])");
    let separator = after_type(line, skip(name_end, b" \t"));
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

/// The value, or its first bytes up to a limit: between its quotes, else up to where it ends.
fn value(line: &[u8], start: usize, most: usize) -> Option<Range<usize>> {
    let quote = line[start];
    if b"\"'`".contains(&quote) {
        let inner = span_of(line, start + 1, most, |byte| *byte != quote);
        // The quote of a string inside a string is written `\"`.
        let end = if line[inner.clone()].ends_with(b"\\") { inner.end - 1 } else { inner.end };
        return (end > inner.start).then_some(inner.start..end);
    }
    let last = line.len().min(start.saturating_add(most));
    let end = (start..last).find(|at| ends_value(line, *at)).unwrap_or(last);
    let kept = line[start..end].iter().rposition(|byte| !b",;)}]|.".contains(byte))?;
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
    let hidden =
        if secret.start == user { text.len() >= 16 && is_mixed(text.as_bytes()) } else { !text.is_empty() };
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
    let is_token = |byte: &u8| Class::Base64.has(*byte) || b".~".contains(byte);
    let token = &line[span_of(line, start, JUDGED, is_token)];
    let cased = token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    let long = token.len() >= if bearer { 10 } else { 8 };
    // "Basic HTTP" and "bearer authentication" are words.
    let secret = gap > 0 && long && (is_mixed(token) || cased);
    secret.then(|| span_of(line, start, usize::MAX, is_token))
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
    let mark = std::str::from_utf8(rest)
        .ok()
        .map_or_else(|| String::from_utf8_lossy(rest).into_owned(), str::to_owned);
    let close = mark[10..].find("-----")? + 10;
    if !mark[..close].to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let start = at + close + 5;
    if let Some(end) = line[start..].windows(8).position(|window| window.eq_ignore_ascii_case(b"-----END")) {
        return (end > 0).then_some(start..start + end);
    }
    *opens = true;
    (line.len() > start).then_some(start..line.len())
}

/// The kind of secret that a whole value is by its form.
pub(super) fn kind_of(value: &str) -> Option<&'static str> {
    let line = value.trim().as_bytes();
    let known = PREFIXES
        .iter()
        .enumerate()
        .find(|(index, rule)| value.trim().starts_with(rule.text) && prefix(line, 0, *index).is_some());
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
    let scheme = value.trim().find("://")?;
    url(line, scheme).is_some().then_some("a URL with a password in it")
}
