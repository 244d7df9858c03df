//! Where the new revision answers otherwise: paths on which a class of status is more frequent than on the last good one.
//!
//! Invariant: what is told is more than chance explains at each path; it explains a verdict and decides nothing.

use super::bound::binomial_tail;
use model::{
    document::{PathDifference, Why},
    port::target::PathCounts,
};
use std::collections::BTreeMap;

/// One-sided: of all that is compared together, a difference that comes by chance more often than this isn't told.
const CHANCE: f64 = 0.01;
/// Where the last good revision was never asked, so many failures are told.
const ALONE: u64 = 3;

/// Differences by form of path, the clearest first; at most [`Why::PATHS`].
pub fn differing(
    ours: &BTreeMap<String, PathCounts>,
    theirs: &BTreeMap<String, PathCounts>,
) -> Vec<PathDifference> {
    // Each path and class is one more way to differ by chance (Bonferroni).
    let chance = CHANCE / (CLASSES.len() * ours.len()).max(1) as f64;
    let mut found: Vec<(f64, PathDifference)> = ours
        .iter()
        .flat_map(|(path, ours)| {
            let theirs = theirs.get(path).copied().unwrap_or_default();
            CLASSES.iter().filter_map(move |(class, of)| {
                let seen = PathDifference {
                    path: path.clone(),
                    class: (*class).to_owned(),
                    canary_requests: ours.requests,
                    canary_bad: of(ours),
                    stable_requests: theirs.requests,
                    stable_bad: of(&theirs),
                };
                Some((surprise(&seen, chance)?, seen))
            })
        })
        .collect();
    // Failures come before what may be meant; among the equally clear those that met most.
    found.sort_by(|(one, a), (other, b)| {
        let rank = |seen: &PathDifference| (seen.class != "5xx", std::cmp::Reverse(seen.canary_bad));
        (a.class != "5xx").cmp(&(b.class != "5xx")).then(one.total_cmp(other)).then(rank(a).cmp(&rank(b)))
    });
    found.truncate(Why::PATHS);
    found.into_iter().map(|(_, seen)| seen).collect()
}

/// A class of answers, and how many of them there were.
type Class = (&'static str, fn(&PathCounts) -> u64);

const CLASSES: [Class; 3] = [
    ("5xx", |counts| counts.server_errors),
    ("4xx", |counts| counts.client_errors),
    ("3xx", |counts| counts.redirects),
];

/// The chance of so many under equal revisions; none where it is no surprise.
fn surprise(seen: &PathDifference, most: f64) -> Option<f64> {
    if seen.canary_bad == 0 {
        return None;
    }
    if seen.stable_requests == 0 {
        // Nothing to compare with: only failures are worth telling.
        return (seen.class == "5xx" && seen.canary_bad >= ALONE).then_some(most);
    }
    let share =
        seen.canary_requests as f64 / seen.canary_requests.saturating_add(seen.stable_requests) as f64;
    let chance = binomial_tail(seen.canary_bad, seen.canary_bad.saturating_add(seen.stable_bad), share);
    (chance <= most).then_some(chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(requests: u64, redirects: u64, client_errors: u64, server_errors: u64) -> PathCounts {
        PathCounts { requests, redirects, client_errors, server_errors }
    }

    fn by(paths: &[(&str, PathCounts)]) -> BTreeMap<String, PathCounts> {
        paths.iter().map(|(path, counts)| ((*path).to_owned(), *counts)).collect()
    }

    fn words(ours: &[(&str, PathCounts)], theirs: &[(&str, PathCounts)]) -> Vec<String> {
        differing(&by(ours), &by(theirs)).iter().map(PathDifference::words).collect()
    }

    #[test]
    fn the_paths_that_fail_more_are_told_and_no_others() {
        let ours =
            [("/", counts(100, 0, 0, 1)), ("/pay", counts(33, 0, 0, 18)), ("/old", counts(40, 40, 0, 0))];
        let theirs =
            [("/", counts(900, 0, 0, 9)), ("/pay", counts(314, 0, 0, 0)), ("/old", counts(300, 0, 2, 0))];
        let wanted = [
            "/pay: 18 of 33 answered 5xx, none of 314 by the last good revision",
            "/old: all 40 answered 3xx, none of 300 by the last good revision",
        ];
        assert_eq!(words(&ours, &theirs), wanted);
        assert_eq!(words(&theirs, &ours), Vec::<String>::new(), "that it is better is no reason");
    }

    #[test]
    fn a_new_path_is_told_when_it_fails() {
        let theirs = [("/", counts(900, 0, 0, 0))];
        assert_eq!(words(&[("/new", counts(20, 0, 9, 2))], &theirs), Vec::<String>::new());
        let wanted = ["/new: 3 of 20 answered 5xx, the last good revision was not asked for it"];
        assert_eq!(words(&[("/new", counts(20, 0, 9, 3))], &theirs), wanted);
    }

    proptest! {
        #[test]
        fn equal_revisions_differ_nowhere_and_what_is_told_is_worse(
            seen in proptest::collection::btree_map("/[a-d]{1,2}", (1..500_u64, 0..9_u64, 0..9_u64, 0..9_u64), 0..40)
        ) {
            let paths: BTreeMap<String, PathCounts> = seen
                .into_iter()
                .map(|(path, (more, a, b, c))| (path, counts(a + b + c + more, a, b, c)))
                .collect();
            prop_assert_eq!(differing(&paths, &paths), vec![]);
            let found = differing(&paths, &BTreeMap::new());
            prop_assert!(found.len() <= Why::PATHS);
            prop_assert!(found.iter().all(|seen| seen.class == "5xx" && seen.canary_bad >= ALONE));
        }
    }
}
