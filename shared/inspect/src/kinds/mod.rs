//! Kinds of lines that one log has and another never had: why a new revision may be worse, in its own words.
//!
//! Invariant: memory is bounded, whatever the logs hold; what is told went through the redactor. A kind is a template
//! ([`template`]). A line is also known if the other log has lines that are the same but for one word, which it was seen
//! to vary: names and words that people type are no news.

mod template;

pub use template::{is_error, template};

use crate::redact::Redactor;
use model::document::{NewLines, Why};
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Templates of the other log that are remembered.
const KNOWN: usize = 20_000;
/// Kinds of new lines that are counted, of errors and of others each.
const COUNTED: usize = 500;
/// Words of a template that may be the one that varies.
const WORDS: usize = 24;
/// A template with fewer words is compared as a whole.
const FEW_WORDS: usize = 4;
/// Different words in one place from which on that place varies.
const VARIES: usize = 3;
/// Bytes of an example.
const EXAMPLE: usize = 300;

/// What one log has that another doesn't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKinds {
    /// Those that look like errors first, then the most frequent; at most [`Why::LINES`].
    pub kinds: Vec<NewLines>,
    /// Kinds besides.
    pub more: u64,
}

/// Kinds of `ours` that `theirs` doesn't have.
pub fn new_kinds<'l>(
    theirs: impl IntoIterator<Item = &'l str>,
    ours: impl IntoIterator<Item = &'l str>,
) -> NewKinds {
    let mut known = Known::default();
    theirs.into_iter().for_each(|line| known.learn(line));
    let mut found = Found::default();
    let mut follows = false;
    for line in ours {
        // What is indented goes on with the line before: the frames of a trace.
        if follows && line.starts_with([' ', '\t']) {
            continue;
        }
        let (kind, error) = (template(line), is_error(line));
        follows = !kind.is_empty() && !known.has(&kind, error);
        if follows {
            found.count(kind, error, line);
        }
    }
    found.told()
}

/// The other log's templates.
#[derive(Default)]
struct Known {
    templates: HashSet<String>,
    /// By template without one of its words: what stood there, until it is known to vary.
    holes: HashMap<u64, Vec<u64>>,
}

impl Known {
    fn learn(&mut self, line: &str) {
        let kind = template(line);
        if kind.is_empty() || self.templates.len() >= KNOWN || self.templates.contains(&kind) {
            return;
        }
        for (hole, word) in holes(&kind, is_error(line)) {
            let seen = self.holes.entry(hole).or_default();
            if seen.len() < VARIES && !seen.contains(&word) {
                seen.push(word);
            }
        }
        self.templates.insert(kind);
    }

    fn has(&self, kind: &str, error: bool) -> bool {
        let varies = |hole: &u64| self.holes.get(hole).is_some_and(|seen| seen.len() >= VARIES);
        self.templates.contains(kind) || holes(kind, error).iter().any(|(hole, _)| varies(hole))
    }
}

/// For each word of a template that may vary: what the template is without it, and the word.
fn holes(kind: &str, error: bool) -> Vec<(u64, u64)> {
    let words: Vec<&str> = kind.split(' ').collect();
    if words.len() < FEW_WORDS {
        return vec![];
    }
    let without = |at: usize| {
        let mut hasher = DefaultHasher::new();
        (at, error, &words[..at], &words[at + 1..]).hash(&mut hasher);
        hasher.finish()
    };
    (0..words.len().min(WORDS)).map(|at| (without(at), hash(words[at]))).collect()
}

fn hash(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

/// New lines by kind.
#[derive(Default)]
struct Found {
    errors: HashMap<String, (u64, NewLines)>,
    others: HashMap<String, (u64, NewLines)>,
    order: u64,
    more: u64,
}

impl Found {
    fn count(&mut self, kind: String, error: bool, line: &str) {
        self.order += 1;
        let kinds = if error { &mut self.errors } else { &mut self.others };
        if let Some((_, known)) = kinds.get_mut(&kind) {
            known.count += 1;
        } else if kinds.len() < COUNTED {
            let made = NewLines { template: kind.clone(), count: 1, error, example: example(line) };
            kinds.insert(kind, (self.order, made));
        } else {
            self.more += 1;
        }
    }

    fn told(self) -> NewKinds {
        let mut all: Vec<(u64, NewLines)> =
            self.errors.into_values().chain(self.others.into_values()).collect();
        all.sort_by_key(|(order, kind)| (!kind.error, std::cmp::Reverse(kind.count), *order));
        let beyond = all.len().saturating_sub(Why::LINES) as u64;
        all.truncate(Why::LINES);
        let kinds = all.into_iter().map(|(_, kind)| redacted(kind)).collect();
        NewKinds { kinds, more: self.more.saturating_add(beyond) }
    }
}

fn redacted(kind: NewLines) -> NewLines {
    let hide = |text: &str| Redactor::new(&[]).line(text).into_owned();
    NewLines { template: hide(&kind.template), example: hide(&kind.example), ..kind }
}

/// The line, on one line and cut.
fn example(line: &str) -> String {
    let shown = model::text::visible(line.trim());
    if shown.len() <= EXAMPLE {
        return shown.into_owned();
    }
    format!("{}…", &shown[..shown.floor_char_boundary(EXAMPLE)])
}

#[cfg(test)]
mod tests;
