//! Forms that no prefix tells: signed tokens, and runs of an exact length or with a mark in them or before them.

use super::{Hit, JUDGED, STARS, Until, is_mixed, is_typed, span_of, touches};
use crate::secret::candidates::RUN;
use crate::secret::rules::Class;
use crate::secret::words::are_words;

/// A JSON Web Token, or another signed text that begins like one: `eyJ` stays readable, all else goes.
pub(super) fn jwt(line: &[u8], at: usize) -> Option<Hit> {
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
pub(super) fn telegram(line: &[u8], at: usize) -> Option<Hit> {
    let digits = line[..at - 1].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let end = span_of(line, at, JUDGED, |byte| Class::Word.has(*byte)).end;
    let bot = (5..=11).contains(&digits)
        && end - at == 35
        && is_mixed(&line[at..end])
        && !is_typed(&line[at..end])
        && line[at..].starts_with(b"A")
        && !touches(line, at, end);
    let until = Until::Class(Class::Word);
    bot.then_some(Hit { at, start: at, until, kind: "a Telegram bot's token" })
}

/// A run that is a secret by its length, by how it begins or ends, or by what stands before it.
pub(super) fn exact(line: &[u8], start: usize, end: usize) -> Option<Hit> {
    let run = &line[start..end.min(start + JUDGED)];
    let kind = by_ends(run).or_else(|| behind_sign(line, start, run));
    let kind = kind.filter(|_| !touches(line, start, start + run.len()) && !is_typed(run));
    let until = Until::Class(Class::Word);
    kind.map(|kind| Hit { at: start, start, until, kind }).or_else(|| {
        let numbered = start > 0 && line[start - 1] == b':';
        if numbered { telegram(line, start) } else { None }
    })
}

fn is_hex(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit)
}

/// What a run of word bytes tells by itself.
fn by_ends(run: &[u8]) -> Option<&'static str> {
    let lower_hex = |text: &[u8]| is_hex(text) && is_mixed(text);
    match run {
        [b'S', b'K', rest @ ..] if rest.len() == 32 && lower_hex(rest) => Some("a Twilio key"),
        [b'Y', b'C', ..] if run.len() == 40 && is_mixed(run) && !are_words(run) => Some("a Yandex key"),
        [b'4', b'b', b'1', b'd', ..] if run.len() == 42 && !is_hex(run) => Some("a ClickHouse key"),
        [head @ .., b'_', b'm', b'm', b'k'] if head.len() == 36 && is_mixed(head) => Some("a MaxMind key"),
        [head @ .., b'-', b'u', b's', tens, ones]
            if head.len() == 32 && lower_hex(head) && tens.is_ascii_digit() && ones.is_ascii_digit() =>
        {
            Some("a Mailchimp key")
        }
        [head @ .., b'-', b'u', b's', ones]
            if head.len() == 32 && lower_hex(head) && ones.is_ascii_digit() =>
        {
            Some("a Mailchimp key")
        }
        _ => None,
    }
}

/// A run behind a sign that says whose it is: `s.…`, `8Q~…`, `1234567890123456|…`.
fn behind_sign(line: &[u8], start: usize, run: &[u8]) -> Option<&'static str> {
    let before = &line[start.saturating_sub(24)..start];
    let digits = |text: &[u8]| text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let kind = match before {
        [.., digit, b'Q', b'~'] if digit.is_ascii_digit() && run.len() >= 24 => {
            Some("an Azure client secret")
        }
        [rest @ .., b's', b'.']
            if run.len() == 24 && !rest.last().is_some_and(|byte| Class::Dotted.has(*byte)) =>
        {
            Some("a Vault token")
        }
        [rest @ .., b'|'] if (15..=16).contains(&digits(rest)) && (27..=40).contains(&run.len()) => {
            Some("a Meta token")
        }
        _ => None,
    };
    kind.filter(|_| is_mixed(run) && !are_words(run))
}
