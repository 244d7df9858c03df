//! The scalars of a YAML file by their path: of `app.yaml`, compose files, `pubspec.yaml`, lock files and their like.
//!
//! Anchors, tags and block texts are passed over, so that no alias multiplies anything. Total and linear: any text
//! gives an answer, and what is not understood is simply not in it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use saphyr_parser::{Event, Parser, ScalarStyle};

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

/// How deep a path may get; a text that nests deeper ends there.
const DEPTH: usize = 64;
/// Bytes of a key, and scalars of a file: each scalar has a path of its own, which would grow without a bound.
const KEY: usize = 256;
const SCALARS: usize = 20_000;
/// Lines that are passed over because no YAML has them.
const BROKEN_LINES: usize = 8;

/// A map or a list above a scalar.
#[derive(Debug)]
pub(crate) struct Level<'t> {
    /// The key in a map; the number, from 0, in a list.
    pub(crate) key: Cow<'t, str>,
    /// The line of that key, from 1.
    pub(crate) line: usize,
    /// The number of the next item; none in a map.
    next: Option<usize>,
    /// Whether a map has read a key whose value comes next.
    has_key: bool,
    /// Whether it is itself a key of the map above it.
    is_key: bool,
}

impl Level<'_> {
    fn new(is_list: bool, is_key: bool) -> Self {
        Self { key: Cow::Borrowed(""), line: 0, next: is_list.then_some(0), has_key: false, is_key }
    }
}

/// A scalar that is no key.
pub(crate) struct Scalar<'t> {
    pub(crate) value: Cow<'t, str>,
    pub(crate) line: usize,
    /// Whether it is a text in `|` or `>`.
    block: bool,
}

/// Calls back for each value with the levels above it, until told to stop: a scalar, or none where a map or a list
/// begins.
///
/// # Errors
/// The line, from 1, and what is wrong there; what stands before it has been told.
pub(crate) fn walk<'t>(
    text: &'t str,
    mut each: impl FnMut(&[Level<'t>], Option<Scalar<'t>>) -> ControlFlow<()>,
) -> Result<(), (usize, String)> {
    let mut levels: Vec<Level> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| (error.marker().line(), error.info().to_owned()))?;
        let line = span.start.line();
        match event {
            Event::Scalar(value, style, ..) if begins_value(&mut levels, &value, line) => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // What is left out is no value.
                let is_absent = value.is_empty() && style == ScalarStyle::Plain;
                if !is_absent && each(&levels, Some(Scalar { value, line, block })).is_break() {
                    return Ok(());
                }
                ends_value(&mut levels);
            }
            Event::Alias(_) if begins_value(&mut levels, "", line) => ends_value(&mut levels),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if levels.len() >= DEPTH {
                    return Err((line, format!("nested deeper than {DEPTH}")));
                }
                let is_key = !begins_value(&mut levels, "", line);
                if !is_key && each(&levels, None).is_break() {
                    return Ok(());
                }
                levels.push(Level::new(matches!(event, Event::SequenceStart(..)), is_key));
            }
            Event::SequenceEnd | Event::MappingEnd if levels.pop().is_some_and(|level| !level.is_key) => {
                ends_value(&mut levels);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether what begins here is a value; else it is the key of the innermost map.
fn begins_value(levels: &mut [Level], text: &str, line: usize) -> bool {
    let Some(top) = levels.last_mut() else { return true };
    if let Some(number) = &mut top.next {
        (top.key, top.line) = (Cow::Owned(number.to_string()), line);
        *number += 1;
        return true;
    }
    if top.has_key {
        return true;
    }
    (top.key, top.line, top.has_key) = (Cow::Owned(text.chars().take(KEY).collect()), line, true);
    false
}

fn ends_value(levels: &mut [Level]) {
    if let Some(top) = levels.last_mut() {
        top.has_key = false;
    }
}

/// Reads every scalar, in the order of the file. A line that no YAML has (Spring's `version: @project.version@`, a
/// template's `{{ name }}`) is passed over, and the rest is read: what stands below it counts for whoever wrote it.
pub(crate) fn read(text: &str) -> Vec<Entry> {
    let mut text = plain(text);
    for _ in 0..BROKEN_LINES {
        let (entries, broken) = read_once(&text);
        let Some(shorter) = broken.and_then(|line| without_line(&text, line)) else { return entries };
        text = Cow::Owned(shorter);
    }
    read_once(&text).0
}

/// Without what would end a line or the file for the parser but not for whoever counts lines.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(['\r', '\0']) {
        return Cow::Owned(text.replace("\r\n", "\n").replace(['\r', '\0'], "\u{fffd}"));
    }
    Cow::Borrowed(text)
}

/// The scalars, and the line that ended them.
fn read_once(text: &str) -> (Vec<Entry>, Option<usize>) {
    let mut entries = Vec::new();
    let read = walk(text, |levels, scalar| {
        if let Some(scalar) = scalar.filter(|scalar| !scalar.block) {
            let path = levels.iter().map(|level| level.key.clone().into_owned()).collect();
            entries.push(Entry { path, value: scalar.value.into_owned(), line: scalar.line });
        }
        if entries.len() < SCALARS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    (entries, read.err().map(|(line, _)| line))
}

/// The text with one line emptied, so that the others keep their numbers; none if there is nothing on it.
fn without_line(text: &str, line: usize) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let broken = lines.get_mut(line.checked_sub(1)?).filter(|line| !line.trim().is_empty())?;
    *broken = "";
    Some(lines.join("\n"))
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

    #[test]
    fn a_line_that_no_yaml_has_costs_only_itself() {
        let spring = "info:\n  version: @project.version@\n  name: a\nserver:\n  port: 8081\n";
        assert_eq!(flat(spring), ["info.name=a", "server.port=8081"]);
        let template = "image: {{ name }}:{{ tag }}\nport: 80\n";
        assert_eq!(flat(template).last().map(String::as_str), Some("port=80"));
        let colon = read("a: 1\nb: x: y\nc: 3\n");
        assert_eq!(colon.last().map(|entry| (entry.line, entry.value.as_str())), Some((3, "3")));
    }

    #[test]
    fn what_the_whole_of_yaml_has() {
        let text = "a: {b: 1, c: [2, 3]}\nlong: one\n  two\n? [x, y]\n: z\nbase: &b\n  k: v\nuse:\n  <<: *b\n  q: \"\\u00e9\"\n---\nsecond: yes\n";
        let expected = [
            "a.b=1",
            "a.c.0=2",
            "a.c.1=3",
            "long=one two",
            ".0=x",
            ".1=y",
            "=z",
            "base.k=v",
            "use.q=é",
            "second=yes",
        ];
        assert_eq!(flat(text), expected);
    }
}
