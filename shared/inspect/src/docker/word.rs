//! Words of an instruction as BuildKit's own lexer splits them: quotes and `${…}` hold together.

/// The raw words between white space, quotes kept.
pub(crate) fn split(text: &str, escape: char) -> Vec<&str> {
    split_closed(text, escape).0
}

/// The same, and whether every quote and brace is closed.
pub(crate) fn split_closed(text: &str, escape: char) -> (Vec<&str>, bool) {
    let mut out = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut depth = 0_usize;
    let mut chars = text.char_indices();
    super::work::steps(text.len());
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
    (out, quote.is_none() && depth == 0)
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
/// How far the end of `${` is looked for, and how deep defaults may hold defaults: that bounds the work.
const BRACED: usize = 512;
const DEPTH: usize = 4;

/// The value to be put in, unless it is too long: values that grow with each line would grow without an end.
pub(crate) fn short(value: Option<&String>) -> Option<String> {
    value.filter(|value| value.len() <= LIMIT).cloned()
}

/// Puts values in for `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}` and `${NAME+other}`;
/// an unknown name stays, and so does every other form.
pub(crate) fn expand(text: &str, value_of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    deeper(text, value_of, DEPTH, &mut out);
    out
}

fn deeper(text: &str, value_of: &dyn Fn(&str) -> Option<String>, depth: usize, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('$').filter(|_| out.len() < LIMIT) {
        super::work::steps(at + 1);
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let close = after.strip_prefix('{').and_then(closing).filter(|_| depth > 0);
        let (inner, length) = close.map_or_else(
            || (&after[..name_end(after)], name_end(after)),
            |close| (&after[1..=close], close + 2),
        );
        let (name, form) = inner.split_at(name_end(inner));
        let known = if name.is_empty() { None } else { value_of(name) };
        match (known, form) {
            (Some(value), "") => out.push_str(&value),
            (Some(value), _) if form.starts_with(":-") || form.starts_with('-') => out.push_str(&value),
            (None, _) if form.starts_with(":-") || form.starts_with('-') => {
                deeper(
                    form.trim_start_matches(':').strip_prefix('-').unwrap_or(form),
                    value_of,
                    depth - 1,
                    out,
                );
            }
            (Some(_), _) if form.starts_with(":+") || form.starts_with('+') => {
                deeper(
                    form.trim_start_matches(':').strip_prefix('+').unwrap_or(form),
                    value_of,
                    depth - 1,
                    out,
                );
            }
            _ => out.push_str(&rest[at..=at + length]),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
}

fn name_end(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

/// Where the brace closes that stands before this text; those that open in between are theirs.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().take(BRACED) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
