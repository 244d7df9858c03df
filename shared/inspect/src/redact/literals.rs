//! Values that are known to be secret: those of the service's own variables, in the spellings they are logged in.

use aho_corasick::{AhoCorasick, Input, MatchKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::LITERAL_MIN;
use crate::secret::judge::{AHEAD, Hit, Until};

/// What a value has escaped in a URL: all but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The values, ready to be searched for.
#[derive(Debug)]
pub(super) struct Literals {
    search: Option<AhoCorasick>,
    longest: usize,
}

impl Literals {
    pub(super) fn new(secrets: &[String]) -> Self {
        let mut values: Vec<String> = secrets.iter().flat_map(|secret| variants(secret)).collect();
        values.sort();
        values.dedup();
        let longest = values.iter().map(String::len).max().unwrap_or(0);
        let search = (!values.is_empty())
            .then(|| AhoCorasick::builder().match_kind(MatchKind::Standard).build(&values))
            .and_then(Result::ok);
        Self { search, longest }
    }

    /// Bytes behind a place that have to be known before it can be judged.
    pub(super) fn ahead(&self) -> usize {
        self.longest.max(AHEAD)
    }

    /// Where the first one begins at or behind a place.
    pub(super) fn first(&self, text: &[u8], from: usize) -> Option<usize> {
        let search = self.search.as_ref()?;
        search.find(Input::new(text).span(from..text.len())).map(|hit| hit.start())
    }

    /// All that begin in `from..to`, overlapping ones too.
    pub(super) fn hits(&self, text: &[u8], from: usize, to: usize, hits: &mut Vec<Hit>) {
        let Some(search) = &self.search else { return };
        for hit in search.find_overlapping_iter(Input::new(text).span(from..text.len())) {
            if hit.start() < to {
                let until = Until::Fixed(hit.len());
                hits.push(Hit { at: hit.start(), start: hit.start(), until, kind: "a value of its own" });
            }
        }
    }
}

/// A value line by line, as it is, and as it stands in a URL or in JSON. Stars at its ends and longer runs of
/// stars inside of it are left away: they look like what was hidden before.
fn variants(secret: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in secret.lines().flat_map(|line| line.split("***")) {
        let part = part.trim().trim_matches('*');
        let json = serde_json::to_string(part).unwrap_or_default();
        let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
        for variant in [part.to_owned(), json, utf8_percent_encode(part, ESCAPED).to_string()] {
            if part.len() >= LITERAL_MIN {
                out.push(variant);
            }
        }
    }
    out
}
