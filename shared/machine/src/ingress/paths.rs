//! What a revision answered on paths of one form, by class of status: so that it can be said where it fails.
//!
//! Invariant: memory is bounded whatever is asked for. So many forms have a place; those beyond are counted together,
//! but one that fails takes the place of one that never did. Counts are by spans of ten seconds, for an hour, and don't
//! outlive this process: they explain, nothing is decided by them.

use super::stats::Ended;
use model::port::target::{OTHER_PATHS, PathCounts, Window};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Forms that have a place of their own.
const MOST: usize = 128;
/// The span that is counted together.
const SPAN_MS: i64 = 10_000;
/// Spans that are kept: an hour.
const SPANS: i64 = 360;
/// Where everything else is counted.
const OTHER: u16 = 0;

/// Counts of one revision.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By form, its place.
    places: HashMap<String, u16>,
    /// Places whose form has failed: they are not given to another.
    failed: HashSet<u16>,
    /// By span, counted from 1970; oldest first.
    spans: VecDeque<(i64, HashMap<u16, PathCounts>)>,
}

impl Paths {
    /// Counts a request that ended at `now_ms`.
    pub(crate) fn count(&self, now_ms: i64, form: &str, ended: Ended) {
        let fails = match ended {
            Ended::Left => return,
            Ended::Cut | Ended::Status(500..) => true,
            Ended::Status(_) => false,
        };
        let mut inner = self.inner.lock();
        inner.turn(now_ms.div_euclid(SPAN_MS));
        let place = inner.place(form, fails);
        let Some((_, counts)) = inner.spans.back_mut() else { return };
        let counts = counts.entry(place).or_default();
        counts.requests += 1;
        match ended {
            Ended::Status(300..=399) => counts.redirects += 1,
            Ended::Status(400..=499) => counts.client_errors += 1,
            Ended::Cut | Ended::Status(500..) => counts.server_errors += 1,
            Ended::Status(_) | Ended::Left => {}
        }
    }

    /// The sum of the spans that the range touches, by form.
    pub(crate) fn within(&self, range: Window) -> BTreeMap<String, PathCounts> {
        let inner = self.inner.lock();
        let (first, last) = (range.from.0.div_euclid(SPAN_MS), (range.to.0 - 1).div_euclid(SPAN_MS));
        let names: HashMap<u16, &str> =
            inner.places.iter().map(|(form, place)| (*place, form.as_str())).collect();
        let mut sums: BTreeMap<String, PathCounts> = BTreeMap::new();
        for (_, counts) in inner.spans.iter().filter(|(span, _)| (first..=last).contains(span)) {
            for (place, counts) in counts {
                let form = names.get(place).copied().unwrap_or(OTHER_PATHS);
                add(sums.entry(form.to_owned()).or_default(), counts);
            }
        }
        sums
    }
}

impl Inner {
    /// Opens the span; a clock that was set back counts into the newest.
    fn turn(&mut self, span: i64) {
        if self.spans.back().is_some_and(|(newest, _)| *newest >= span) {
            return;
        }
        self.spans.push_back((span, HashMap::new()));
        let kept = self.spans.len();
        self.spans.retain(|(at, _)| span - at < SPANS);
        if self.spans.len() < kept {
            self.let_go();
        }
    }

    /// Gives up places of forms that nobody has asked for within the hour.
    fn let_go(&mut self) {
        let spans = &self.spans;
        let seen = |place: &u16| spans.iter().rev().any(|(_, counts)| counts.contains_key(place));
        self.places.retain(|_, place| seen(place));
        self.failed.retain(seen);
    }

    /// The place of a form: its own, a free one, for one that fails that of one that never did, or that of all others.
    fn place(&mut self, form: &str, fails: bool) -> u16 {
        let known = self.places.get(form).copied();
        let made = || self.free().or_else(|| if fails { self.evict() } else { None });
        let Some(place) = known.or_else(made) else { return OTHER };
        if known.is_none() {
            self.places.insert(form.to_owned(), place);
        }
        if fails {
            self.failed.insert(place);
        }
        place
    }

    fn free(&self) -> Option<u16> {
        if self.places.len() >= MOST {
            return None;
        }
        (1..=MOST as u16).find(|place| !self.places.values().any(|taken| taken == place))
    }

    /// Frees the place of the least asked form that never failed; what it counted goes to the others.
    fn evict(&mut self) -> Option<u16> {
        let asked = |place: u16| -> u64 {
            self.spans.iter().filter_map(|(_, counts)| counts.get(&place)).map(|counts| counts.requests).sum()
        };
        let spared = self.places.iter().filter(|(_, place)| !self.failed.contains(place));
        let (form, place) = spared
            .min_by_key(|(form, place)| (asked(**place), (*form).clone()))
            .map(|(form, place)| (form.clone(), *place))?;
        self.places.remove(&form);
        for (_, counts) in &mut self.spans {
            if let Some(gone) = counts.remove(&place) {
                add(counts.entry(OTHER).or_default(), &gone);
            }
        }
        Some(place)
    }
}

fn add(sum: &mut PathCounts, other: &PathCounts) {
    sum.requests += other.requests;
    sum.redirects += other.redirects;
    sum.client_errors += other.client_errors;
    sum.server_errors += other.server_errors;
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use proptest::prelude::*;

    fn all(paths: &Paths) -> BTreeMap<String, PathCounts> {
        paths.within(Window { from: Timestamp(0), to: Timestamp(i64::MAX) })
    }

    #[test]
    fn each_answer_counts_for_its_form_and_class() {
        let paths = Paths::default();
        for (form, ended) in [
            ("/", Ended::Status(200)),
            ("/", Ended::Status(302)),
            ("/pay", Ended::Status(404)),
            ("/pay", Ended::Status(503)),
            ("/pay", Ended::Cut),
            ("/pay", Ended::Left),
        ] {
            paths.count(1_000_000, form, ended);
        }
        let seen = all(&paths);
        assert_eq!(seen["/"], PathCounts { requests: 2, redirects: 1, ..PathCounts::default() });
        let pay = PathCounts { requests: 3, client_errors: 1, server_errors: 2, redirects: 0 };
        assert_eq!(seen["/pay"], pay);
        let before = paths.within(Window { from: Timestamp(0), to: Timestamp(1_000_000) });
        assert!(before.is_empty(), "{before:?}");
    }

    #[test]
    fn a_flood_of_forms_is_bounded_and_hides_no_failure() {
        let paths = Paths::default();
        for number in 0..10_000 {
            paths.count(1_000_000, &format!("/wild/{number}"), Ended::Status(404));
        }
        paths.count(1_000_000, "/pay", Ended::Status(500));
        let seen = all(&paths);
        assert_eq!(seen.len(), MOST + 1);
        assert_eq!(seen["/pay"].server_errors, 1);
        assert_eq!(seen.values().map(|counts| counts.requests).sum::<u64>(), 10_001);
        // An hour later the places are free again.
        paths.count(1_000_000 + SPANS * SPAN_MS, "/next", Ended::Status(200));
        assert_eq!(all(&paths).into_keys().collect::<Vec<_>>(), ["/next"]);
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_is_lost_within_the_hour(
            asked in proptest::collection::vec((0..300_u16, 0..3_000_000_i64, 1..6_u16), 1..400)
        ) {
            let paths = Paths::default();
            for (form, at, class) in &asked {
                paths.count(1_000_000 + at, &format!("/{form}"), Ended::Status(class * 100));
            }
            let (places, spans) = { let inner = paths.inner.lock(); (inner.places.len(), inner.spans.len()) };
            prop_assert!(places <= MOST && spans <= SPANS as usize);
            let seen = all(&paths);
            prop_assert_eq!(seen.values().map(|counts| counts.requests).sum::<u64>(), asked.len() as u64);
            let failed = asked.iter().filter(|(_, _, class)| *class == 5).count() as u64;
            prop_assert_eq!(seen.values().map(|counts| counts.server_errors).sum::<u64>(), failed);
        }
    }
}
