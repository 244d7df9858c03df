//! The scalars of a YAML file by their path: enough for `app.yaml`, compose files, `pubspec.yaml` and their like.
//!
//! Block maps, block lists and short flow lists are read; anchors, tags and block texts are passed over. Total and
//! linear: any text gives an answer, and what is not understood is simply not in it.

/// One scalar: `services.web.ports.0` is `8080:80` in line 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: Vec<String>,
    pub(crate) value: String,
    pub(crate) line: usize,
}

impl Entry {
    /// Whether the path is this one; `*` stands for any one part.
    pub(crate) fn is(&self, pattern: &str) -> bool {
        let mut parts = pattern.split('.');
        self.path.iter().all(|part| parts.next().is_some_and(|wanted| wanted == "*" || wanted == part))
            && parts.next().is_none()
    }
}

/// How deep a path may get; deeper nesting is cut.
const DEPTH: usize = 24;
/// Bytes of a key, and scalars of a file: each scalar has a path of its own, which would grow without a bound.
const KEY: usize = 256;
const SCALARS: usize = 20_000;

struct Level {
    indent: usize,
    key: String,
    /// Whether it is one item of a list.
    item: bool,
    /// The number of the next item, when this level holds a list.
    items: usize,
}

/// Reads every scalar, in the order of the file.
pub(crate) fn read(text: &str) -> Vec<Entry> {
    let mut levels: Vec<Level> = Vec::new();
    let mut entries = Vec::new();
    let mut block: Option<usize> = None;
    for (index, raw) in text.lines().enumerate() {
        if entries.len() >= SCALARS {
            break;
        }
        let line = without_comment(raw);
        let bare = line.trim_start();
        if bare.is_empty() || bare.starts_with("---") {
            continue;
        }
        let mut indent = line.len() - bare.len();
        if block.is_some_and(|above| indent > above) {
            continue;
        }
        block = None;
        let mut rest = bare.trim_end();
        while let Some(item) = rest.strip_prefix("- ").or_else(|| (rest == "-").then_some("")) {
            // A list may stand in the column of its own key: only what is deeper, or the item before, ends here.
            while levels.last().is_some_and(|top| top.indent > indent || (top.item && top.indent == indent)) {
                levels.pop();
            }
            let number = levels.last_mut().map_or(0, |level| {
                level.items += 1;
                level.items - 1
            });
            if levels.len() < DEPTH {
                levels.push(Level { indent, key: number.to_string(), item: true, items: 0 });
            }
            indent += 2 + (item.len() - item.trim_start().len());
            rest = item.trim_start();
        }
        let path = |levels: &[Level]| levels.iter().map(|level| level.key.clone()).collect::<Vec<_>>();
        let found = key_and_value(rest).map(|(key, value)| (key.chars().take(KEY).collect(), value));
        let Some((key, value)) = found else {
            if !rest.is_empty() {
                entries.push(Entry { path: path(&levels), value: unquoted(rest), line: index + 1 });
            }
            continue;
        };
        while levels.last().is_some_and(|top| top.indent >= indent) {
            levels.pop();
        }
        if levels.len() < DEPTH {
            levels.push(Level { indent, key, item: false, items: 0 });
        }
        if value.starts_with('|') || value.starts_with('>') {
            block = Some(indent);
        } else if let Some(list) = value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            for (number, item) in
                list.split(',').map(str::trim).filter(|item| !item.is_empty()).enumerate().take(SCALARS)
            {
                let mut path = path(&levels);
                path.push(number.to_string());
                entries.push(Entry { path, value: unquoted(item), line: index + 1 });
            }
        } else if !value.is_empty() {
            entries.push(Entry { path: path(&levels), value: unquoted(value), line: index + 1 });
        }
    }
    entries
}

fn key_and_value(text: &str) -> Option<(String, &str)> {
    let end = match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].find(quote)? + 2,
        _ => text.find(": ").or_else(|| text.ends_with(':').then(|| text.len() - 1))?,
    };
    let value = text[end..].trim_start().strip_prefix(':')?;
    Some((unquoted(&text[..end]), value.trim()))
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

/// The line without a comment: `#` counts at the start or after a space, outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return &line[..at],
            (None, '"' | '\'') if before.is_whitespace() || "[,".contains(before) => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<String> {
        read(text).into_iter().map(|entry| format!("{}={}", entry.path.join("."), entry.value)).collect()
    }

    #[test]
    fn maps_lists_and_comments() {
        let text = "# a file\nruntime: python312 # why\nenv:\n  KEY: \"a # b\"\nlist:\n- one\n- name: two\n  size: 2\nargs: [x, 'y z']\n";
        let expected = [
            "runtime=python312",
            "env.KEY=a # b",
            "list.0=one",
            "list.1.name=two",
            "list.1.size=2",
            "args.0=x",
            "args.1=y z",
        ];
        assert_eq!(flat(text), expected);
    }

    #[test]
    fn services_of_a_compose_file() {
        let text = "services:\n  db:\n    image: postgres:16\n    ports:\n      - \"5432:5432\"\n  web:\n    build: .\n    command: |\n      one: two\n    environment:\n      - A=b\n";
        let expected = [
            "services.db.image=postgres:16",
            "services.db.ports.0=5432:5432",
            "services.web.build=.",
            "services.web.environment.0=A=b",
        ];
        assert_eq!(flat(text), expected);
        assert!(read(text)[0].is("services.*.image"));
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in ["", ":", "- - - -", "\t:\n -\n-", "a:\n b:\n  c:\n d", "\"x: y", "[,]: z", "é: 'ü"] {
            let _ = read(text);
        }
        assert_eq!(read(&"- ".repeat(5_000)).len(), 0);
    }
}
