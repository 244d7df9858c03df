//! Why a program ended, or a build failed, out of what it wrote last: the line that says it, where in the app it
//! happened, and what to do next.
//!
//! Invariant: total and linear in what is read; nothing is claimed that no line says. An error that nobody caught
//! counts for more than a compiler's, a compiler's for more than a line that merely calls itself an error. Of errors
//! nobody caught the last is told, since a program that is started again and again writes the same one each time; of
//! the others the first, since those behind it follow from it.
//!
//! | module | reads |
//! |---|---|
//! | `crash` | tracebacks and panics: Node, Deno, Python, Java, Go, Rust, Ruby, PHP, .NET, Elixir, shells |
//! | `compile` | compilers and package managers |
//! | `said` | log lines that call themselves errors, as text and as JSON |
//! | `advice` | what a message means, and the step that mends it |
//! | `answer` | what an app says in a bad answer to a probe |
//! | `place` | a frame's file as its author knows it |

mod advice;
mod answer;
mod compile;
mod crash;
mod place;
mod said;
#[cfg(test)]
mod tests;

pub use answer::{Answer, answer};

use model::document::Diagnosis;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Lines from the end that are looked at.
const LINES: usize = 500;
/// Bytes of a line that are looked at.
const LINE_BYTES: usize = 4_096;
/// Bytes of a sentence that is told.
const WHAT_BYTES: usize = 400;

/// An error that was found, before anything is concluded from it.
#[derive(Clone, Debug)]
struct Found {
    line: usize,
    what: String,
    at: Option<String>,
    /// The line of source that failed, where it was written out.
    source: Option<String>,
    /// What to do, where the program says that itself.
    next: Option<String>,
}

impl Found {
    fn new(line: usize, what: impl Into<String>, at: Option<String>) -> Self {
        Self { line, what: what.into(), at, source: None, next: None }
    }
}

/// What the last lines of a program or a build say of why it ended, if they say it.
#[must_use]
pub fn diagnose(lines: &[String]) -> Option<Diagnosis> {
    read(lines, |plain| crash::last(plain).or_else(|| compile::first(plain)).or_else(|| said::first(plain)))
}

/// The last error that nobody caught, for where a line that merely calls itself an error says too little.
#[must_use]
pub fn crash(lines: &[String]) -> Option<Diagnosis> {
    read(lines, crash::last)
}

fn read(lines: &[String], find: impl Fn(&[&str]) -> Option<Found>) -> Option<Diagnosis> {
    let from = lines.len().saturating_sub(LINES);
    let plain: Vec<Cow<'_, str>> = lines[from..].iter().map(|line| plain(line)).collect();
    let plain: Vec<&str> = plain.iter().map(AsRef::as_ref).collect();
    let found = find(&plain)?;
    let line = lines[from + found.line].clone();
    Some(conclude(found, line))
}

fn conclude(found: Found, line: String) -> Diagnosis {
    let variable = advice::variable(&found.what, found.source.as_deref());
    let next = match &variable {
        Some(name) => {
            Some(format!("Set `{name}` for this service (`sextant env set {name}=…`), then deploy again."))
        }
        None => found.next.or_else(|| advice::next(&found.what)),
    };
    Diagnosis { line, what: cut(&found.what), at: found.at, variable, next }
}

/// A line without colours, and not without end.
fn plain(line: &str) -> Cow<'_, str> {
    static COLOUR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[0-9;?]*[A-Za-z]"));
    let line = &line[..line.floor_char_boundary(LINE_BYTES)];
    let line = line.trim_end();
    if line.contains('\u{1b}') { COLOUR.replace_all(line, "") } else { Cow::Borrowed(line) }
}

fn cut(what: &str) -> String {
    let what = what.trim();
    let end = what.floor_char_boundary(WHAT_BYTES);
    if end == what.len() { what.to_owned() } else { format!("{}…", &what[..end]) }
}

/// A pattern of ours; a test compiles each.
fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test uses each")]
    Regex::new(text).expect("a pattern of ours is well formed")
}
