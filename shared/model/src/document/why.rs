//! What set a new revision apart from the last good one when it was judged: lines of its log that the other never
//! wrote, and requests that it answered otherwise.
//!
//! Invariant: it is read once, when a verdict falls, and stays small; nothing in it is a secret or tells one person's
//! request from another's but for the example of a line, which is redacted.

use serde::{Deserialize, Serialize};

/// What set it apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Why {
    /// At which verdict it was read.
    pub read_at: Judged,
    /// Kinds of lines that only the new revision wrote, those that look like errors first, then the most frequent;
    /// none where a log could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 10)]
    pub lines: Option<Vec<NewLines>>,
    /// Kinds of lines that there were besides.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub more_lines: u64,
    /// Paths on which it answered otherwise, the clearest first; none where the target can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 10)]
    pub paths: Option<Vec<PathDifference>>,
}

impl Why {
    /// This, with what could not be read any more as it was known before.
    #[must_use]
    pub fn or(mut self, known: Option<Self>) -> Self {
        if let Some(known) = known {
            self.paths = self.paths.or(known.paths);
            if self.lines.is_none() {
                (self.lines, self.more_lines) = (known.lines, known.more_lines);
            }
        }
        self
    }
}

/// The verdict at which it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// The time at a weight was up, or it could not be judged.
    Held,
    /// It is taken back.
    TakenBack,
    /// It passed; only what is notable is kept.
    Passed,
}

/// Lines of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewLines {
    /// What they have in common: numbers, ids, times and quoted text are left out.
    pub template: String,
    /// How many there were among the lines that were read.
    pub count: u64,
    /// Whether they look like errors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub error: bool,
    /// The first of them, redacted.
    pub example: String,
}

/// A class of answers on paths of one form, which the new revision gave more often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PathDifference {
    /// The form of the path: `/orders/*/items`.
    pub path: String,
    /// `5xx` (with what was cut off), `4xx` or `3xx`.
    pub class: String,
    /// Requests to the new revision.
    pub canary_requests: u64,
    /// Of them answered so.
    pub canary_bad: u64,
    /// Requests to the last good one.
    pub stable_requests: u64,
    /// Of them answered so.
    pub stable_bad: u64,
}

impl Why {
    /// Kinds of lines that are kept.
    pub const LINES: usize = 10;
    /// Paths that are kept.
    pub const PATHS: usize = 10;

    /// Where its requests differ, a sentence each, or that they don't; nothing where that is no news.
    pub fn paths_in_words(&self) -> Vec<String> {
        match &self.paths {
            Some(paths) if !paths.is_empty() => paths.iter().map(PathDifference::words).collect(),
            Some(_) => self.unless_passed("No path was answered otherwise more often than chance explains"),
            None => self.unless_passed("Which paths were asked isn't known here"),
        }
    }

    /// Its new lines, one for each kind, or that there are none; nothing where that is no news.
    pub fn lines_in_words(&self) -> Vec<String> {
        match &self.lines {
            Some(lines) if !lines.is_empty() => {
                let more =
                    (self.more_lines > 0).then(|| format!("and {} kinds of lines more", self.more_lines));
                lines.iter().map(NewLines::words).chain(more).collect()
            }
            Some(_) => self.unless_passed("It wrote nothing that the last good revision never wrote"),
            None => self.unless_passed("Its log could not be compared with that of the last good revision"),
        }
    }

    /// That a revision which passed did nothing new needs no word.
    fn unless_passed(&self, sentence: &str) -> Vec<String> {
        if self.read_at == Judged::Passed { vec![] } else { vec![sentence.to_owned()] }
    }
}

impl PathDifference {
    /// "/pay: 18 of 33 answered 5xx, none of 314 by the last good revision".
    pub fn words(&self) -> String {
        let ours = of(self.canary_bad, self.canary_requests);
        let theirs = match (self.stable_bad, self.stable_requests) {
            (_, 0) => "the last good revision was not asked for it".to_owned(),
            (bad, all) => format!("{} by the last good revision", of(bad, all)),
        };
        format!("{}: {ours} answered {}, {theirs}", self.path, self.class)
    }
}

impl NewLines {
    /// "12 × payment failed for order 4711".
    pub fn words(&self) -> String {
        format!("{} × {}", self.count, self.example)
    }
}

fn of(some: u64, all: u64) -> String {
    match some {
        0 => format!("none of {all}"),
        some if some == all => format!("all {all}"),
        some => format!("{some} of {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_sentence() {
        let mut seen = PathDifference {
            path: "/pay".to_owned(),
            class: "5xx".to_owned(),
            canary_requests: 33,
            canary_bad: 18,
            stable_requests: 314,
            stable_bad: 0,
        };
        assert_eq!(seen.words(), "/pay: 18 of 33 answered 5xx, none of 314 by the last good revision");
        (seen.canary_bad, seen.stable_requests) = (33, 0);
        assert_eq!(seen.words(), "/pay: all 33 answered 5xx, the last good revision was not asked for it");
    }

    #[test]
    fn that_nothing_is_new_is_said_unless_it_passed() {
        let mut why = Why { read_at: Judged::Held, lines: Some(vec![]), more_lines: 0, paths: None };
        assert_eq!(why.lines_in_words(), ["It wrote nothing that the last good revision never wrote"]);
        assert_eq!(why.paths_in_words(), ["Which paths were asked isn't known here"]);
        why.read_at = Judged::Passed;
        assert!(why.lines_in_words().is_empty() && why.paths_in_words().is_empty());
        let kind = |example: &str| NewLines {
            template: example.to_owned(),
            count: 12,
            error: true,
            example: example.to_owned(),
        };
        (why.lines, why.more_lines) = (Some(vec![kind("payment failed")]), 3);
        assert_eq!(why.lines_in_words(), ["12 × payment failed", "and 3 kinds of lines more"]);
    }
}
