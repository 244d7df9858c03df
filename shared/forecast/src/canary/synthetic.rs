//! What requests of our own say, the same to both revisions: where nobody else asks, and a policy wants more than a probe.
//!
//! Invariant: none is never a pass, and neither is a revision most of whose answers fail, whatever the other does.

use super::{
    bound::{binomial_tail, upper_rate},
    power::SPEAKS,
    words,
};
use model::{
    deployment::{Asked, Verdict},
    document::{Counts, Synthetic},
};

/// One-sided: so rarely do equal revisions differ by as much.
const FAILS: f64 = 0.01;
/// A path on which the new revision failed so often and never answered, and the other always did, is broken.
const BROKEN: u64 = 3;

/// What they came to, by path. `wanted`: how many each revision was to be asked.
pub fn synthetic(asked: &[(String, Counts)], wanted: u64) -> Asked {
    let mut counts = Counts::default();
    for (_, one) in asked {
        counts += one;
    }
    let broken = asked.iter().find(|(_, one)| is_broken(one)).map(|(path, _)| path.as_str());
    let paths: Vec<String> = asked.iter().map(|(path, _)| path.clone()).collect();
    let words = told(&counts, &paths, broken);
    let evidence = Synthetic { paths, counts, words };
    let verdict = match judged(&counts, broken.is_some()) {
        // Too slow to have been asked as often as was wanted, or a path that it has not answered once: nothing passes on it.
        Verdict::Pass if counts.canary_requests < wanted || asked.iter().any(|(_, one)| is_silent(one)) => {
            Verdict::Inconclusive
        }
        verdict => verdict,
    };
    Asked { verdict, evidence }
}

fn judged(counts: &Counts, broken: bool) -> Verdict {
    if counts.canary_requests == 0 {
        return Verdict::Inconclusive;
    }
    let share =
        counts.canary_requests as f64 / (counts.canary_requests + counts.stable_requests).max(1) as f64;
    let chance = binomial_tail(counts.canary_bad, counts.canary_bad + counts.stable_bad, share);
    let more = counts.canary_bad > counts.stable_bad;
    if broken || more && chance <= FAILS {
        Verdict::Fail
    } else if more && chance <= SPEAKS || counts.canary_bad * 2 > counts.canary_requests {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

/// The new revision never answered where the other one did.
fn is_silent(one: &Counts) -> bool {
    one.canary_requests > 0 && one.canary_bad == one.canary_requests && one.stable_bad == 0
}

fn is_broken(one: &Counts) -> bool {
    one.canary_requests >= BROKEN
        && one.canary_bad == one.canary_requests
        && one.stable_requests >= BROKEN
        && one.stable_bad == 0
}

fn told(counts: &Counts, paths: &[String], broken: Option<&str>) -> String {
    let broken = broken.map_or(String::new(), |path| format!("; {path} failed each time, and never there"));
    let most = words::percent(upper_rate(counts.canary_bad, counts.canary_requests));
    format!(
        "{} synthetic requests to each revision ({}): {}{broken}. It fails at most {most} of such requests (95 %)",
        counts.canary_requests,
        paths.join(", "),
        words::of_counts(counts)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Fail, Inconclusive, Pass};

    fn of(paths: &[(u64, u64, u64)]) -> Asked {
        let one = |(at, (all, ours, theirs)): (usize, &(u64, u64, u64))| {
            let counts = Counts {
                canary_requests: *all,
                stable_requests: *all,
                canary_bad: *ours,
                stable_bad: *theirs,
            };
            (format!("/{at}"), counts)
        };
        synthetic(&paths.iter().enumerate().map(one).collect::<Vec<_>>(), 0)
    }

    #[test]
    fn the_same_requests_are_compared_with_those_to_the_other() {
        for (paths, verdict) in [
            (&[(60, 0, 0)][..], Pass),
            (&[(60, 2, 2)], Pass),
            (&[(60, 0, 9)], Pass),
            (&[(60, 3, 0)], Pass),
            (&[(60, 4, 0)], Inconclusive),
            (&[(60, 7, 0)], Fail),
            (&[(60, 60, 60)], Inconclusive),
            (&[(57, 0, 0), (3, 3, 0)], Fail),
            (&[(58, 0, 0), (2, 2, 0)], Inconclusive),
            (&[(58, 0, 0), (2, 2, 1)], Pass),
            (&[(0, 0, 0)], Inconclusive),
        ] {
            assert_eq!(of(paths).verdict, verdict, "{paths:?}");
        }
        let counts = Counts { canary_requests: 8, stable_requests: 8, canary_bad: 0, stable_bad: 0 };
        let asked = [("/".to_owned(), counts)];
        assert_eq!(synthetic(&asked, 8).verdict, Pass);
        assert_eq!(synthetic(&asked, 60).verdict, Inconclusive, "the time was up before most were asked");
    }

    #[test]
    fn they_are_named_as_what_they_are() {
        assert_eq!(
            of(&[(60, 0, 1), (60, 0, 0)]).evidence.words,
            "120 synthetic requests to each revision (/0, /1): none of 120 requests to it failed, 1 of 120 to the last good \
             revision. It fails at most 2.5 % of such requests (95 %)"
        );
        let broken = of(&[(5, 0, 0), (5, 5, 0)]).evidence.words;
        assert!(broken.contains("; /1 failed each time, and never there"), "{broken}");
    }
}
