//! What lines of a log have in common: the template of a line.
//!
//! Invariant: numbers, times, ids, addresses and quoted text are left out; the template of a template is itself; its
//! length is bounded. Of a line that is a JSON object only its level and message count, or the names of its fields.

use serde_json::{Map, Value};

/// Stands for a number, an id, a time.
const NUMBER: &str = "#";
/// Stands for quoted text.
const QUOTED: &str = "'…'";
/// The most characters of a template.
const LONGEST: usize = 200;
/// Bytes of a line that are looked at.
const LOOKED_AT: usize = 2_000;
/// Letters and digits mixed are an id from so many characters on, and hexadecimal ones already from so many.
const ID: usize = 8;
const HEXADECIMAL: usize = 4;
/// Where a UUID has its hyphens, and how long it is.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID: usize = 36;
/// Placeholders may make a placeholder of what they stand beside; so often at most.
const ROUNDS: usize = 8;
/// Fields of a structured line that hold its message, and those that hold its level.
const MESSAGES: [&str; 8] = ["message", "msg", "event", "error", "err", "exception", "reason", "detail"];
const LEVELS: [&str; 4] = ["level", "severity", "lvl", "levelname"];
/// Words that stand where a date is written out.
const CALENDAR: [&str; 19] = [
    "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
    "Sep", "Oct", "Nov", "Dec",
];
/// Words by which a line says that something went wrong.
const ERRORS: [&str; 13] = [
    "error",
    "err",
    "fatal",
    "panic",
    "panicked",
    "exception",
    "traceback",
    "critical",
    "crit",
    "failed",
    "failure",
    "unhandled",
    "uncaught",
];

/// What may stand between the numbers of a time, an address or a list.
const MARKS: [char; 8] = [' ', ',', '.', ':', '-', '/', '+', 'T'];

/// The template of a line.
pub fn template(line: &str) -> String {
    let mut kind = once(line);
    for _ in 1..ROUNDS {
        let next = once(&kind);
        if next == kind {
            break;
        }
        kind = next;
    }
    kind
}

fn once(line: &str) -> String {
    let line = plain(line);
    let text = structured(&line).unwrap_or(line);
    shortened(&abstracted(&text))
}

/// Whether a line looks like an error: by its level if it is structured, by its words otherwise.
pub fn is_error(line: &str) -> bool {
    let line = plain(line);
    if let Some(object) = object(&line) {
        let level = LEVELS.iter().find_map(|name| object.get(*name));
        match level {
            // As pino and bunyan count: 50 is an error.
            Some(Value::Number(level)) => return level.as_i64().is_some_and(|level| level >= 50),
            Some(Value::String(level)) => return speaks_of_errors(level),
            _ => {}
        }
    }
    speaks_of_errors(&line)
}

fn speaks_of_errors(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.into_iter().any(|word| {
        let lower = word.to_ascii_lowercase();
        ERRORS.contains(&lower.as_str()) || ["Error", "Exception"].iter().any(|end| word.ends_with(end))
    })
}

/// Without colours and control characters, its blanks single, and cut.
fn plain(line: &str) -> String {
    let shown = model::text::visible(&line[..line.floor_char_boundary(LOOKED_AT)]).into_owned();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn object(line: &str) -> Option<Map<String, Value>> {
    if !line.starts_with('{') {
        return None;
    }
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// What a structured line says: its level and its message, or the names of its fields.
fn structured(line: &str) -> Option<String> {
    let object = object(line)?;
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(inner) => inner.get("message").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let level = LEVELS.iter().find_map(|name| object.get(*name)).and_then(text);
    let message = MESSAGES.iter().find_map(|name| object.get(*name).and_then(text));
    let message = message.unwrap_or_else(|| {
        let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.join(" ")
    });
    let whole = [level, Some(message)].into_iter().flatten().collect::<Vec<_>>().join(": ");
    // What a message holds may be an object again, and have any blanks.
    Some(plain(&whole).trim_start_matches('{').to_owned())
}

/// Placeholders for whatever differs from one line to the next.
fn abstracted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = quoted(rest, out.chars().next_back()) {
            // In `msg="…"` the quoted text is what the line says.
            if ["msg=", "message=", "error=", "err="].iter().any(|name| out.ends_with(name)) {
                out.push_str(&abstracted(rest[1..length - 1].trim_matches(['"', '\''])));
            } else {
                out.push_str(QUOTED);
            }
            rest = &rest[length..];
        } else if is_uuid(rest) {
            out.push_str(NUMBER);
            rest = &rest[UUID..];
        } else if c.is_alphanumeric() || c == '#' {
            let end = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            push_word(&mut out, word, after);
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    collapsed(&out)
}

/// Whether it begins with a UUID.
fn is_uuid(rest: &str) -> bool {
    let Some(head) = rest.as_bytes().get(..UUID) else { return false };
    head.iter().enumerate().all(
        |(at, byte)| {
            if HYPHENS.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        },
    )
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#')
}

/// Bytes of the quoted text that this begins with; an apostrophe inside a word begins none.
fn quoted(rest: &str, before: Option<char>) -> Option<usize> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    if before.is_some_and(|c| c.is_alphanumeric() || c == '#') {
        return None;
    }
    rest[1..].find(quote).map(|end| end + 2)
}

fn push_word(out: &mut String, word: &str, after: &str) {
    let digits = word.chars().any(|c| c.is_ascii_digit() || c == '#');
    let letters = word.chars().any(char::is_alphabetic);
    let hexadecimal = word.len() >= HEXADECIMAL && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let after = after.trim_start_matches([' ', ',', '/', '-']);
    let date = CALENDAR.contains(&word) && after.starts_with(is_of_date);
    if word.contains('@') || date || digits && (!letters || hexadecimal || word.len() >= ID) {
        out.push_str(NUMBER);
        return;
    }
    // Short ones keep their letters: `utf8`, `v2`, `5ms`.
    for c in word.chars() {
        if !(c.is_numeric() || c == '#') {
            out.push(c);
        } else if !out.ends_with(NUMBER) {
            out.push_str(NUMBER);
        }
    }
}

/// What may follow a day's or a month's name in a date.
fn is_of_date(c: char) -> bool {
    c.is_ascii_digit() || c == '#' || c.is_ascii_uppercase()
}

/// Numbers that only marks stand between are one: a time, an address, a list.
fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        out.push(c);
        if c != '#' {
            continue;
        }
        loop {
            let marks = rest.trim_start_matches(MARKS);
            if !marks.starts_with('#') || rest.len() - marks.len() > 2 {
                break;
            }
            rest = &marks[1..];
        }
    }
    out
}

/// Cut on a character.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].trim_end().to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_differs_from_line_to_line_is_left_out() {
        for (line, kind) in [
            ("order 4711 failed after 12.5 ms", "order # failed after # ms"),
            ("2026-11-30T12:44:38.123Z INFO started", "#Z INFO started"),
            ("[30/Nov/2026:12:44:38 +0000] GET /pay/17 500", "[#] GET /pay/#"),
            ("Mon Nov 30 12:44:38 UTC 2026 up", "# UTC # up"),
            ("id 9b2f6a52-0d4e-4b7a-9a39-2f1c3d4e5f60 gone", "id # gone"),
            ("at 3fa9 and 0x7ffdeadbeef", "at # and #"),
            ("req_8fK2jd9Q took 3s", "# took #s"),
            ("no user 'ann' in \"eu\"", "no user '…' in '…'"),
            ("can't open it, don't try", "can't open it, don't try"),
            ("mail to ann@example.com bounced", "mail to #.com bounced"),
            (
                "TypeError: x is not a function (server.js:12:5)",
                "TypeError: x is not a function (server.js:#)",
            ),
            ("level=error msg=\"payment 12 failed\" id=\"a\"", "level=error msg=payment # failed id='…'"),
            ("\u{1b}[31mERROR\u{1b}[0m  two   blanks", "ERROR two blanks"),
            (r#"{"level":"error","msg":"payment 12 failed","id":"8f"}"#, "error: payment # failed"),
            (r#"{"b":1,"a":2}"#, "a b"),
            (r#"{"level":50,"err":{"message":"db down"}}"#, "db down"),
        ] {
            assert_eq!(template(line), kind, "{line}");
        }
    }

    #[test]
    fn errors_are_known_by_level_or_word() {
        for line in [
            "ERROR: x",
            "Traceback (most recent call last):",
            "ValueError: no",
            "thread 'main' panicked at src/main.rs:3",
            r#"{"level":50,"msg":"x"}"#,
            r#"{"severity":"ERROR","message":"x"}"#,
            "java.lang.NullPointerException: x",
        ] {
            assert!(is_error(line), "{line}");
        }
        for line in ["terror", "listening on 80", r#"{"level":30,"msg":"no error"}"#, "0 mirrors"] {
            assert!(!is_error(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn the_template_of_a_template_is_itself(
            line in "(\\{|\\}|\"|'|`|msg=|[0-9]{1,4}|[a-f0-9]{5,9}|Nov|Mon |T|Z|[a-zA-Z@_#]{1,7}|[ ,.:/+-]|\\PC){0,40}"
        ) {
            let once = template(&line);
            prop_assert_eq!(template(&once), once.clone(), "{}", line);
            prop_assert!(once.chars().count() <= LONGEST);
        }
    }
}
