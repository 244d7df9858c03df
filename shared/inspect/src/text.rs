//! Small readings of text that several providers share. Total: any text gives an answer.

use std::borrow::Cow;
use std::collections::HashMap;

/// Bytes as text, without a byte order mark. One of UTF-16, as some editors write it, is followed.
pub(crate) fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks(2).map(|pair| unit([pair[0], *pair.get(1).unwrap_or(&0)]));
        Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    };
    match bytes {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)),
    }
}

/// The line, from 1, on which `needle` first stands.
pub(crate) fn line_of(text: &str, needle: &str) -> Option<usize> {
    text.lines().position(|line| line.contains(needle)).map(|index| index + 1)
}

/// The line, from 1, on which the JSON key `key` first stands.
pub(crate) fn json_key_line(text: &str, key: &str) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    let is_key =
        |line: &str| line.split_once(&quoted).is_some_and(|(_, rest)| rest.trim_start().starts_with(':'));
    text.lines().position(is_key).map(|index| index + 1)
}

/// The lines, from 1, of all strings in quotes, and of a bare key before a colon or an equals sign, each by its first:
/// where many are looked up in one text, each search for itself would go through it again.
pub(crate) fn string_lines(text: &str) -> HashMap<&str, usize> {
    let mut lines = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let end = bare.find(|c: char| !(c.is_alphanumeric() || "_-.$".contains(c))).unwrap_or(bare.len());
        if bare[end..].trim_start().starts_with([':', '=']) {
            lines.entry(&bare[..end]).or_insert(index + 1);
        }
        let mut rest = bare;
        while let Some(open) = rest.find(['"', '\'']) {
            let (quote, more) = rest[open..].split_at(1);
            let Some((string, after)) = more.split_once(quote) else { break };
            lines.entry(string).or_insert(index + 1);
            rest = after;
        }
    }
    lines
}

/// The line, from 1, that holds the byte at `offset`.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

/// JavaScript or JSON with comments, without the comments. Line breaks stay, so that lines can be counted;
/// a comment's start inside a string is left alone.
pub(crate) fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains("//") && !text.contains("/*") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                out.push(c);
                out.extend(rest.next());
                continue;
            }
            (Some(open), _) if c == open || (c == '\n' && open != '`') => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '/') if rest.peek() == Some(&'/') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            (None, '/') if rest.peek() == Some(&'*') => {
                skip_block(&mut rest, &mut out);
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    Cow::Owned(out)
}

fn skip_block(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    rest.next();
    let mut last = ' ';
    for c in rest.by_ref() {
        if c == '\n' {
            out.push('\n');
        }
        if last == '*' && c == '/' {
            return;
        }
        last = c;
    }
}

/// JSON, also with comments and with commas before a closing bracket, as `tsconfig`-like files have.
pub(crate) fn json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok().or_else(|| {
        let bare = without_comments(text);
        serde_json::from_str(&without_trailing_commas(&bare)).ok()
    })
}

/// JSON5, as `package.json5` is written: also keys without quotes and strings in single quotes.
pub(crate) fn json5(text: &str) -> Option<serde_json::Value> {
    json(text).or_else(|| json(&quoted(&without_comments(text))))
}

/// Every key and string in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\'' => quote_string(c, &mut rest, &mut out),
            c if c.is_alphabetic() || c == '_' || c == '$' => {
                let mut word = String::from(c);
                while let Some(more) = rest.next_if(|c| c.is_alphanumeric() || "_$".contains(*c)) {
                    word.push(more);
                }
                let quote = if ["true", "false", "null"].contains(&word.as_str()) { "" } else { "\"" };
                out.extend([quote, &word, quote]);
            }
            c => out.push(c),
        }
    }
    out
}

fn quote_string(open: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    out.push('"');
    while let Some(c) = rest.next() {
        match c {
            c if c == open => break,
            '"' => out.push_str("\\\""),
            '\\' => match rest.next() {
                Some('\'') => out.push('\''),
                Some('\n') | None => {}
                Some(other) => out.extend(['\\', other]),
            },
            c => out.push(c),
        }
    }
    out.push('"');
}

fn without_trailing_commas(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            in_string = true;
        } else if matches!(c, '}' | ']') {
            let kept = out.trim_end().len();
            if out[..kept].ends_with(',') {
                out.remove(kept - 1);
            }
        }
        out.push(c);
    }
    out
}

/// The first line of a version file that is neither empty nor a comment, without a leading `v`.
pub(crate) fn version_line(text: &str) -> Option<(usize, &str)> {
    text.lines().enumerate().find_map(|(index, line)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| (index + 1, without_v(line)))
    })
}

/// `v20.1` as `20.1`; anything else as it is.
pub(crate) fn without_v(version: &str) -> &str {
    match version.strip_prefix('v') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => version,
    }
}

/// Whether a path fits a workspace pattern: `*` is one folder, `**` any number of them.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<_> = pattern.trim_start_matches("./").trim_end_matches('/').split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    parts_fit(&pattern, &path)
}

fn parts_fit(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) | (Some((&"**", [])), _) => true,
        // Each extra `**` multiplies the ways to try: one is all that workspace patterns ever have.
        (Some((&"**", more)), _) => (0..=path.len()).any(|skip| tail_fits(more, &path[skip..])),
        (Some((part, more)), Some((name, rest))) => part_fits(part, name) && parts_fit(more, rest),
        _ => false,
    }
}

fn tail_fits(pattern: &[&str], path: &[&str]) -> bool {
    pattern.len() == path.len() && pattern.iter().zip(path).all(|(part, name)| part_fits(part, name))
}

fn part_fits(part: &str, name: &str) -> bool {
    match part.split_once('*') {
        None => part == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// A folder without `./` and a closing `/`, if it lies in the tree; the tree itself is `.`.
pub(crate) fn inner_folder(folder: &str) -> Option<&str> {
    let bare = folder.trim().trim_start_matches("./").trim_end_matches('/');
    if folder.starts_with('/') || bare.split('/').any(|part| part == "..") {
        return None;
    }
    Some(if bare.is_empty() { "." } else { bare })
}

/// At most so many bytes of the start of a text: what is looked at around a hit stays short, however long a line is.
pub(crate) fn clipped(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// The line up to a place, its last few hundred bytes at most.
pub(crate) fn line_before(text: &str, at: usize) -> &str {
    let from = (at.saturating_sub(400)..=at).find(|from| text.is_char_boundary(*from)).unwrap_or(at);
    text[from..at].rsplit('\n').next().unwrap_or_default()
}

/// Where a word stands in a text. Source is searched for many words, and nearly none is in it: that is what this is
/// fast at.
pub(crate) fn hits<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    memchr::memmem::find_iter(text.as_bytes(), word.as_bytes())
}

/// Whether a file's name ends with this extension, as its tools write it.
pub(crate) fn has_end(file: &str, end: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, last)| last == end)
}

/// Text as one word of a shell command, quoted where it has to be.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_lines_stay() {
        let text = "a // b\n\"// kept\" /* x\ny */ c";
        assert_eq!(without_comments(text), "a \n\"// kept\" \n c");
        assert_eq!(without_comments("'unclosed // \n// gone\nx"), "'unclosed // \n\nx");
    }

    #[test]
    fn json_with_comments_and_trailing_commas() {
        let value = json("{ // why\n \"a\": [1, 2, ],\n \"b\": \"x,}\", }").expect("parses");
        assert_eq!(value, serde_json::json!({"a": [1, 2], "b": "x,}"}));
        assert!(json("{").is_none());
    }

    #[test]
    fn json5_with_bare_keys_and_single_quotes() {
        let value = json5("{ // why\n name: 'it\\'s \"x\"', ok: true, $n: [1,],\n}").expect("parses");
        assert_eq!(value, serde_json::json!({"name": "it's \"x\"", "ok": true, "$n": [1]}));
        assert!(json5("{ 'unclosed").is_none());
    }

    #[test]
    fn strings_have_lines() {
        let lines = string_lines("{\n \"a\": 'b', \"c\": \"a\",\n d: 1\n e-f = \"g\nopen");
        let expected = [("a", 2), ("b", 2), ("c", 2), ("d", 3), ("e-f", 4)];
        assert_eq!(lines, HashMap::from(expected));
    }

    #[test]
    fn workspace_patterns() {
        assert!(fits("apps/*", "apps/web"));
        assert!(fits("./packages/ui-*/", "packages/ui-kit"));
        assert!(fits("packages/**", "packages/a/b"));
        assert!(fits("libs/**/app", "libs/x/y/app"));
        assert!(!fits("apps/*", "apps/web/src"));
        assert!(!fits("apps/*", "apps"));
    }

    #[test]
    fn versions_and_words() {
        assert_eq!(version_line("# note\n\nv22.2.0 # lts\n"), Some((3, "22.2.0")));
        assert_eq!(version_line("\n#\n"), None);
        assert_eq!(without_v("vanilla"), "vanilla");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word("./a-b"), "./a-b");
    }
}
