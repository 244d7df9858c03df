//! A name and its value, in any of their many spellings, where the name speaks of a secret.

use super::{Hit, INDEX, JUDGED, STARS, Until, kept_kind, touches};
use crate::secret::candidates::RUN;
use crate::secret::name::{NAME, secret_word_in};
use crate::secret::shape;

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// `name = value` in any of its many spellings, where the name speaks of a secret and the value has its shape.
pub(super) fn assignment(line: &[u8], at: usize) -> Option<Hit> {
    let name = name_around(line, at);
    let start = value_start(line, &name)?;
    if start >= line.len() {
        return None;
    }
    let header = ends_with_word(&line[name.clone()], b"authorization");
    let start = if header { after_scheme(line, start) } else { start };
    let (value, until, closed) = value(line, start)?;
    if value.len() < 6 || line[..name.start].ends_with(STARS) {
        return None;
    }
    let word = if header { "authorization" } else { secret_word_in(&line[name.clone()])? };
    // A variable of an environment holds text, whatever it looks like.
    let text = closed || header || is_environment(line, &name);
    let flag = line[name.clone()].starts_with(b"--");
    let judged = &line[value.clone()];
    let word_alone = judged.iter().all(u8::is_ascii_alphabetic);
    let behind = &line[value.end..];
    // A word among words, one of which may be hidden already, or one that a statement ends with.
    let prose = matches!(behind, [b' ', next, ..] if next.is_ascii_alphabetic())
        || behind.strip_prefix(b" ").is_some_and(|next| next.starts_with(STARS));
    let ends = line[..start].ends_with(b" ") && behind.starts_with(b";");
    if !text && (shape::is_code(judged) || (word_alone && (flag || prose || ends))) {
        return None;
    }
    secret_value(line, at, word, value, until, closed)
}

/// `NAME=`: how files and shells set a variable of an environment.
fn is_environment(line: &[u8], name: &std::ops::Range<usize>) -> bool {
    line.get(name.end) == Some(&b'=') && !line[name.clone()].iter().any(u8::is_ascii_lowercase)
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
    // The issuer's prefix, and then not what the issuer puts behind it.
    let unlike = INDEX.longest(&line[value.start..]).is_some_and(|prefix| {
        let body = &line[value.start + prefix.text.len()..];
        prefix.is_own()
            && body.iter().take(prefix.min).take_while(|byte| prefix.class.has(**byte)).count() < prefix.min
    });
    let touched =
        memchr::memmem::find(&line[value.clone()], STARS).is_some() || touches(line, value.start, value.end);
    let markup = !closed && text.contains("</");
    if touched || unlike || markup || !shape::is_secret_value(word, text.trim_end_matches('\u{fffd}')) {
        return None;
    }
    let kind = match word {
        _ if shape::is_chosen(word) => "a password",
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
    secret_word_in(&name[start..])
}

/// Passes over what stands between a name and its value: quotes, blanks and a separator.
fn value_start(line: &[u8], name: &std::ops::Range<usize>) -> Option<usize> {
    let flag = line[name.clone()].starts_with(b"--");
    let from = name.end;
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
        // A comma joins a name and its value only where a call has both as text: `set("password", "…")`.
        Some(",") if name_end == from || !is_first_argument(line, name) => None,
        // `new("PasswordManager", "urllib2")` names two other things.
        Some(",") if !ends_with_secret(&line[name.clone()]) => None,
        // An element's value follows at once: `cat /etc/passwd > file` sends a file elsewhere.
        Some(">") if separator > from => None,
        // `arn:…:secret:…`: parts of a name.
        Some(":") if name_end == from && line[..name.start].ends_with(b":") => None,
        // `Secret::new`: a path, and `"Vendor::Type::ApiKey": …`: the name of a type.
        Some(":") if rest[1..].starts_with(b":") || (name_end > from && is_path(line, name)) => None,
        Some(sign) => Some(skip(separator + sign.len(), b" \t\\")),
        None if flag && separator > name_end => Some(separator),
        None => None,
    }
}

fn ends_with_secret(name: &[u8]) -> bool {
    let last = name.iter().rposition(|byte| b"_-.".contains(byte)).map_or(name, |at| &name[at + 1..]);
    let ends = |name: &[u8]| secret_word_in(name).is_some_and(|word| ends_with_word(name, word.as_bytes()));
    ends(name) || ends(last)
}

fn is_path(line: &[u8], name: &std::ops::Range<usize>) -> bool {
    line[..name.start].ends_with(b"::")
}

/// Whether a name is the first thing in brackets, as in `set("password", …)`, and not one of a list of words.
fn is_first_argument(line: &[u8], name: &std::ops::Range<usize>) -> bool {
    let before = line[..name.start].strip_suffix(b"\"").or_else(|| line[..name.start].strip_suffix(b"'"));
    before.is_some_and(|before| before.strip_suffix(b"\\").unwrap_or(before).ends_with(b"("))
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
pub(super) fn ends_value(line: &[u8], at: usize) -> bool {
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
