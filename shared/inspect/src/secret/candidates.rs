//! Where a secret may be: words that speak of one, and runs of text that are long enough to be one.
//!
//! This is all that most of a log is ever looked at with, so it looks at few bytes: words by a vector search over
//! their first bytes, runs by their length, skipping ahead by as many bytes as the shortest run has. What it
//! offers doesn't depend on where the text around a line begins or ends.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind, Span, packed};

use super::rules::{Class, PREFIXES};

/// Length from which on a run of word bytes is looked at.
pub(crate) const RUN: usize = 16;

/// What a candidate may turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    /// A name with a value behind it.
    Name,
    /// `://`.
    Url,
    /// `Bearer` or `Basic`.
    Scheme,
    /// `-u` or `--user`.
    User,
    /// `-----BEGIN`.
    KeyBlock,
    /// A form of the table that holds more than word bytes.
    Form(usize),
    /// Word bytes up to here.
    Run(usize),
}

/// Beginnings of words in names, in lower case; they are found in lower, upper and title case.
const NAMES: [&str; 8] = ["secr", "toke", "pass", "pwd", "key", "auth", "cred", "cook"];

struct Words {
    packed: Option<packed::Searcher>,
    plain: Option<AhoCorasick>,
    leads: Vec<Lead>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut texts: Vec<String> = Vec::new();
    let mut leads = Vec::new();
    let cases = |word: &str| [word.to_owned(), word.to_uppercase(), word[..1].to_uppercase() + &word[1..]];
    for (words, lead) in [(&NAMES[..], Lead::Name), (&["bear", "basi"], Lead::Scheme)] {
        for word in words {
            texts.extend(cases(word));
            leads.extend([lead; 3]);
        }
    }
    for (text, lead) in [
        ("://", Lead::Url),
        ("-----BEGIN", Lead::KeyBlock),
        ("sig=", Lead::Name),
        ("jwt", Lead::Name),
        ("BUNDLE_", Lead::Name),
        (" -u", Lead::User),
        ("--user", Lead::User),
    ] {
        texts.push(text.to_owned());
        leads.push(lead);
    }
    for (at, prefix) in PREFIXES.iter().enumerate() {
        if matches!(prefix.class, Class::Base64 | Class::Path) {
            texts.push(prefix.text.to_owned());
            leads.push(Lead::Form(at));
        }
    }
    let packed =
        packed::Config::new().match_kind(packed::MatchKind::LeftmostLongest).builder().extend(&texts).build();
    // Where the processor has no such vectors.
    let plain = if packed.is_none() {
        AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&texts).ok()
    } else {
        None
    };
    Words { packed, plain, leads }
});

/// Goes through the candidates of a text in the order of where they begin.
pub(crate) struct Candidates<'t> {
    text: &'t [u8],
    words: &'static Words,
    word: Option<(usize, Lead)>,
    run: Option<(usize, usize)>,
}

impl<'t> Candidates<'t> {
    /// Those that begin at `from` or later.
    pub(crate) fn new(text: &'t [u8], from: usize) -> Self {
        let words = &*WORDS;
        let mut candidates = Self { text, words, word: None, run: None };
        candidates.word = candidates.next_word(from);
        candidates.run = candidates.next_run(from);
        candidates
    }

    /// The next one: where it begins and what it may be.
    pub(crate) fn next(&mut self) -> Option<(usize, Lead)> {
        match (self.word, self.run) {
            (Some((at, lead)), run) if run.is_none_or(|run| at <= run.0) => {
                self.word = self.next_word(at + 1);
                Some((at, lead))
            }
            (_, Some((start, end))) => {
                self.run = self.next_run(end);
                Some((start, Lead::Run(end)))
            }
            _ => None,
        }
    }

    /// Passes over everything that begins before `from`.
    pub(crate) fn skip_to(&mut self, from: usize) {
        if self.word.is_some_and(|(at, _)| at < from) {
            self.word = self.next_word(from);
        }
        if self.run.is_some_and(|(start, _)| start < from) {
            self.run = self.next_run(from);
        }
    }

    fn next_word(&self, from: usize) -> Option<(usize, Lead)> {
        let span = Span { start: from.min(self.text.len()), end: self.text.len() };
        let hit = match (&self.words.packed, &self.words.plain) {
            (Some(packed), _) => packed.find_in(self.text, span),
            (None, Some(plain)) => plain.find(aho_corasick::Input::new(self.text).span(span)),
            (None, None) => None,
        }?;
        Some((hit.start(), self.words.leads[hit.pattern().as_usize()]))
    }

    /// The next run of at least [`RUN`] word bytes: it covers one of each so many bytes.
    fn next_run(&self, from: usize) -> Option<(usize, usize)> {
        let text = self.text;
        let mut at = from + RUN - 1;
        let mut low = from;
        while at < text.len() {
            if !is_word(text[at]) {
                low = at + 1;
                at += RUN;
                continue;
            }
            let start = low + text[low..at].iter().rposition(|byte| !is_word(*byte)).map_or(0, |gap| gap + 1);
            // Bytes behind `at` are looked at once: the next run begins behind the end of this one.
            let end =
                text[at..].iter().position(|byte| !is_word(*byte)).map_or(text.len(), |length| at + length);
            if end - start >= RUN {
                return Some((start, end));
            }
            low = end;
            at = end + RUN;
        }
        None
    }
}

static WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        byte += 1;
    }
    table
};

/// Letters, digits, `_` and `-`.
#[inline]
pub(crate) fn is_word(byte: u8) -> bool {
    WORD[usize::from(byte)]
}
