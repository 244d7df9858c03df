//! What stands beside a user or a scheme: passwords in URLs and on command lines, `Bearer` and `Basic`.

use super::{BEHIND, Hit, JUDGED, STARS, Until, is_mixed, is_typed, kept_kind, span_of, touches};
use crate::secret::candidates::RUN;
use crate::secret::rules::Class;
use crate::secret::shape;
use crate::secret::words::are_words;

/// The password in `scheme://user:password@host`, or a long token in the user's place.
pub(super) fn url(line: &[u8], at: usize) -> Option<Hit> {
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
    let template = text.starts_with(['$', '{', '<', '%', '[']) || shape::is_placeholder(text);
    let until = Until::Fixed(host - secret);
    let template = template || (text.len() < RUN && is_documentation(&window[host + 1..end]));
    (hidden && !template).then_some(Hit { at, start: user + secret, until, kind: "a password in a URL" })
}

/// Hosts that are kept for documentation (RFC 2606), or whose name is `host`.
fn is_documentation(host: &[u8]) -> bool {
    let host = host.split(|byte| b":/?#".contains(byte)).next().unwrap_or_default();
    let ends = |domain: &str| {
        host.len() >= domain.len()
            && host[host.len() - domain.len()..].eq_ignore_ascii_case(domain.as_bytes())
    };
    ["example.com", "example.org", "example.net", "hostname"].into_iter().any(ends) || host == b"host"
}

/// `Bearer token` and `Basic user-and-password`.
pub(super) fn scheme(line: &[u8], at: usize) -> Option<Hit> {
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
    let random = (is_mixed(token) || cased) && !are_words(token);
    // "Basic SQL-invoked routines": a user and a password are in Base64, which has no hyphen.
    let random = random && (word == 6 || !token.contains(&b'-'));
    let named = line[at + word..].starts_with(b"::");
    if gap == 0 || named || token.len() < least || !random || is_typed(token) || touches(line, at, span.end) {
        return None;
    }
    let until = Until::Class(Class::Credential);
    Some(Hit { at, start: kept_kind(line, start), until, kind: "an authorization header" })
}

/// `-u user:password` and `--user user:password`, as curl and its kind take it.
pub(super) fn user(line: &[u8], at: usize) -> Option<Hit> {
    let word = if line[at..].starts_with(b"--user") { 6 } else { 3 };
    let gap = line[at + word..].iter().take(4).take_while(|byte| b" =\"'".contains(byte)).count();
    let user = at + word + gap;
    if gap == 0 && word == 6 {
        return None;
    }
    let window = &line[user..line.len().min(user + JUDGED)];
    let end = window.iter().position(|byte| byte.is_ascii_whitespace() || b"\"'`\\".contains(byte));
    let text = &window[..end.unwrap_or(window.len())];
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (name, password) = (&text[..colon], &text[colon + 1..]);
    let shown = std::str::from_utf8(password).ok()?;
    let before = &line[at.saturating_sub(BEHIND)..at];
    let asks =
        ["curl", "http", "wget"].iter().any(|tool| memchr::memmem::find(before, tool.as_bytes()).is_some());
    // A container's user and group look alike: only a tool's name, or what is random, tells.
    let secret =
        if asks { shape::is_secret_value("password", shown) } else { shape::is_secret_value("token", shown) };
    if name == password || !secret || touches(line, user + colon + 1, user + text.len()) {
        return None;
    }
    let until = Until::Fixed(password.len());
    Some(Hit { at, start: user + colon + 1, until, kind: "a password on a command line" })
}
