//! What a Dockerfile is made of: its directives, instructions, heredocs, and what BuildKit would refuse of it.

use super::word;
use serde::Serialize;

/// A parsed file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// The escape character, a backslash or a backtick.
    pub escape: char,
    /// Parser directives in their order: `syntax`, `escape`, `check`.
    pub directives: Vec<(String, String)>,
    /// Instructions in their order.
    pub instructions: Vec<Instruction>,
    /// Comments with their line, without the `#`; none from inside a heredoc.
    pub comments: Vec<(usize, String)>,
    /// What BuildKit would refuse.
    pub problems: Vec<Problem>,
}

/// Something that BuildKit would refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// What BuildKit would say, for people.
    pub message: String,
}

/// One instruction with its flags, its text and what is fed to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instruction {
    /// In upper case; of an `ONBUILD`, the keyword behind it.
    pub keyword: String,
    /// As it is written.
    pub written: String,
    /// Whether `ONBUILD` stands before it.
    pub onbuild: bool,
    /// `--from=base` is `("from", "base")`; a flag without a value has an empty one.
    pub flags: Vec<(String, String)>,
    /// What follows keyword and flags, continuations joined, comments left out.
    pub text: String,
    /// The first line, from 1.
    pub line: usize,
    /// The last line, heredocs included.
    pub end_line: usize,
    /// What is fed in below it.
    pub heredocs: Vec<Heredoc>,
}

/// `<<EOF` and the lines up to `EOF`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// The lines up to its end, each with its line feed.
    pub body: String,
    /// The line of its first line, from 1.
    pub line: usize,
    /// Whether variables are put in: the word is not quoted.
    pub expand: bool,
    pub(super) strip_tabs: bool,
}

impl Instruction {
    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The words of the JSON form, if it is one that BuildKit takes as such.
    pub fn json(&self) -> Option<Vec<String>> {
        let text = self.text.trim();
        if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
    }

    /// Its words: the JSON form's, or those between white space, quotes taken away.
    pub fn words(&self, escape: char) -> Vec<String> {
        self.json().unwrap_or_else(|| {
            word::split(&self.text, escape).into_iter().map(|raw| word::unquote(raw, escape)).collect()
        })
    }

    /// What a shell runs for it: the heredoc where that is all there is, else the text.
    pub fn script(&self) -> &str {
        match self.heredocs.first() {
            Some(first) if word::heredoc(self.text.trim()).is_some() => &first.body,
            _ => &self.text,
        }
    }
}
