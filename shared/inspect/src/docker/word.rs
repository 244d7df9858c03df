//! Words of an instruction as BuildKit's own lexer splits them: quotes and `${…}` hold together.

use std::collections::BTreeMap;

/// The raw words between white space, quotes kept.
pub(crate) fn split(text: &str, escape: char) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut depth = 0_usize;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && depth == 0 && c.is_whitespace() {
            if let Some(from) = start.take() {
                out.push(&text[from..at]);
            }
            continue;
        }
        start.get_or_insert(at);
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (Some('\''), _) => {}
            _ if c == escape => {
                chars.next();
            }
            (_, '{') if text[..at].ends_with('$') => depth += 1,
            (_, '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    out.extend(start.map(|from| &text[from..]));
    out
}

/// The word without its quotes and escapes.
pub(crate) fn unquote(raw: &str, escape: char) -> String {
    if !raw.contains(['"', '\'', escape]) {
        return raw.to_owned();
    }
    let mut out = String::with_capacity(raw.len());
    let mut quote = None;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (Some('\''), _) => out.push(c),
            (Some(_), _) if c == escape => {
                match chars.next_if(|next| matches!(next, '"' | '$') || *next == escape) {
                    Some(next) => out.push(next),
                    None => out.push(c),
                }
            }
            (None, _) if c == escape => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// `KEY=value KEY2="a value"`, or the old `KEY a value`; whether it is the old form.
pub(crate) fn pairs(text: &str, escape: char) -> (Vec<(String, String)>, bool) {
    let words = split(text, escape);
    if words.first().is_some_and(|first| !first.contains('=')) {
        let (key, value) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        return (vec![(key.to_owned(), unquote(value.trim(), escape))], true);
    }
    let pair = |raw: &str| {
        let (key, value) = raw.split_once('=').unwrap_or((raw, ""));
        (unquote(key, escape), unquote(value, escape))
    };
    (words.into_iter().map(pair).collect(), false)
}

/// `<<EOF`, `3<<-"EOF"`: the ending word, whether tabs are stripped, whether variables are put in.
pub(crate) fn heredoc(raw: &str) -> Option<(String, bool, bool)> {
    let rest = raw.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strip) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    if rest.is_empty() || rest.contains('<') || rest.contains(char::is_whitespace) {
        return None;
    }
    let name = unquote(rest, '\\');
    (!name.is_empty()).then(|| (name, strip, !rest.contains(['"', '\''])))
}

/// Values that hold values that hold values grow: from here on, names stay as they stand.
const LIMIT: usize = 4096;

/// Puts values in for `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`; an unknown name stays.
pub(crate) fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$').filter(|_| out.len() < LIMIT) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let closing = |inner: &str| inner.find(['}', '$']).filter(|end| inner[*end..].starts_with('}'));
        let (inner, end) = if let Some(close) = after.strip_prefix('{').and_then(closing) {
            (&after[1..=close], close + 2)
        } else {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            (&after[..end], end)
        };
        let split = inner.split_once(":-").or_else(|| inner.split_once('-'));
        let (name, default) = split.map_or((inner, None), |(name, value)| (name, Some(value)));
        match known.get(name).map(String::as_str).or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..=at + end]),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}
