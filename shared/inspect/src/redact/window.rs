//! Works off one line, as a whole or in windows, so that both give the same output.
//!
//! Everything whose candidate begins before a limit is judged with all the text it may look at; what is hidden
//! and goes on behind the limit is remembered by how its end is found.

use super::HIDDEN;
use super::literals::Literals;
use crate::secret::{
    hits,
    judge::{BEHIND, Hit, TRIMMED, Until},
};

/// How far one line has been worked off.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Bytes of the text that are only there to be looked at.
    done: usize,
    /// What is being hidden.
    tails: Vec<Until>,
    /// Whether the last thing that came out were stars.
    starred: bool,
    /// Whether this line is worked off in windows.
    open: bool,
    hits: Vec<Hit>,
    spans: Vec<(usize, usize)>,
    /// Ends that were found: a later beginning before the same end isn't followed again.
    ends: Vec<(Until, usize, usize)>,
}

impl Window {
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// A whole line; answers whether a private key begins in it and doesn't end.
    pub(super) fn whole(
        &mut self,
        text: &[u8],
        extra: Option<Hit>,
        literals: &Literals,
        out: &mut Vec<u8>,
    ) -> bool {
        self.judge(text, text.len(), literals);
        self.hits.extend(extra);
        self.emit(text, text.len(), true, out);
        let opens = self.tails.contains(&Until::KeyEnd);
        *self = Self {
            hits: std::mem::take(&mut self.hits),
            spans: std::mem::take(&mut self.spans),
            ..Self::default()
        };
        opens
    }

    /// The beginning of a line: what is certain comes out, and the text keeps what may still be looked at.
    pub(super) fn advance(&mut self, text: &mut Vec<u8>, literals: &Literals, out: &mut Vec<u8>) {
        self.open = true;
        let most = (text.len() - literals.ahead()).max(self.done);
        let mut limit = most;
        self.judge(text, limit, literals);
        // What is hidden has to begin before the limit: a later one waits, as does all behind its candidate.
        while let Some(at) =
            self.hits.iter().filter(|hit| hit.at < limit && hit.start > limit).map(|hit| hit.at).min()
        {
            limit = at;
        }
        // Names are short, so that few wait for each other; the text goes on whatever was made of it.
        let limit = if limit > self.done { limit } else { most };
        self.hits.retain(|hit| hit.at < limit);
        self.emit(text, limit, false, out);
        let keep = limit.saturating_sub(BEHIND);
        text.drain(..keep);
        self.done = limit - keep;
    }

    /// The end of a line that was worked off in windows.
    pub(super) fn end(&mut self, text: &[u8], literals: &Literals, out: &mut Vec<u8>) -> bool {
        self.whole(text, None, literals, out)
    }

    fn judge(&mut self, text: &[u8], limit: usize, literals: &Literals) {
        self.hits.clear();
        hits(text, self.done, limit, &mut self.hits);
        literals.hits(text, self.done, limit, &mut self.hits);
    }

    fn emit(&mut self, text: &[u8], limit: usize, complete: bool, out: &mut Vec<u8>) {
        let done = self.done.min(text.len());
        let tails = std::mem::take(&mut self.tails);
        self.spans.clear();
        self.ends.clear();
        if self.starred {
            self.spans.push((done, done));
        }
        let old = tails.into_iter().map(|until| (done, until));
        let hits = std::mem::take(&mut self.hits);
        for (start, until) in old.chain(hits.iter().map(|hit| (hit.start, hit.until))) {
            self.span(text, (start, until), limit, complete);
        }
        self.hits = hits;
        self.spans.sort_unstable();
        let mut at = done;
        let mut starred = self.starred;
        for (start, end) in &self.spans {
            if *start > at || !starred {
                out.extend_from_slice(&text[at.min(*start)..*start]);
                out.extend_from_slice(HIDDEN.as_bytes());
                starred = true;
            }
            at = at.max(*end);
        }
        if at < limit {
            out.extend_from_slice(&text[at..limit]);
        }
        self.starred = starred && at >= limit;
    }

    /// Hits come nearly in order, so that each stretch is gone through once.
    fn end_of(&mut self, text: &[u8], start: usize, until: Until) -> (usize, usize) {
        if matches!(until, Until::Fixed(_)) {
            return until.end(text, start);
        }
        let known =
            self.ends.iter().find(|(kind, from, to)| *kind == until && *from <= start && start <= *to);
        if let Some((_, _, decided)) = known.filter(|(_, _, decided)| *decided - start > 2 * TRIMMED) {
            // From here the same end is reached through few bytes only.
            let (end, _) = until.end(&text[..*decided], decided - TRIMMED);
            return (end, *decided);
        }
        let (end, decided) = until.end(text, start);
        self.ends.retain(|(kind, _, _)| *kind != until);
        self.ends.push((until, start, decided));
        (end, decided)
    }

    /// Notes what a hit hides before the limit, and what goes on behind it.
    fn span(&mut self, text: &[u8], (start, until): (usize, Until), limit: usize, complete: bool) {
        let (end, decided) = self.end_of(text, start, until);
        if complete {
            if until == Until::KeyEnd && decided == text.len() {
                self.tails.push(until);
            }
            if end > start {
                self.spans.push((start, end));
            }
        } else if end <= limit {
            if end > start {
                self.spans.push((start, end));
            }
        } else {
            self.spans.push((start, limit));
            let rest =
                if let Until::Fixed(length) = until { Until::Fixed(start + length - limit) } else { until };
            if !self.tails.contains(&rest) {
                self.tails.push(rest);
            }
        }
    }
}

/// A limit leaves room behind it for what is trimmed off a value's end.
const _: () = assert!(TRIMMED < crate::secret::judge::AHEAD);
