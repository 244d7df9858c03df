//! The tables that the canary must reach, by simulation with the policy as shipped: a few runs of each cell here, many
//! in `scripts/canary-simulation`. Runs are seeded, so the outcome is the same on every machine.

mod random;
mod run;
mod scene;
mod table;

use forecast::canary::{Dispersion, Options, State, Window};
use random::Random;
use run::End;

/// Enough to see a cell that has gone wrong; the script has the runs that tell a percent from two.
const RUNS: u32 = 30;

fn reaches(table: &str) {
    let cells: Vec<_> = table::cells().into_iter().filter(|cell| cell.table == table).collect();
    assert!(cells.len() > 10, "{table} has {} cells", cells.len());
    let mut missed = vec![];
    for cell in cells {
        let outcomes = cell.run(RUNS);
        for want in cell.wants.iter().filter(|want| !outcomes.reaches(**want, 3.0)) {
            let shares = [End::TakenBack, End::Held, End::Promoted].map(|end| outcomes.share(end));
            missed.push(format!("{}: {want}; taken back, held, promoted: {shares:?}", cell.name));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn worse_releases_are_caught_and_healthy_ones_are_not() {
    reaches("rates");
}

#[test]
fn clusters_incidents_and_clean_stable_sides_are_seen_through() {
    reaches("scenarios");
}

#[test]
fn scenes_of_our_own() {
    reaches("others");
}

/// One canary at a tenth of 600 requests a window, window after window.
fn windows(rate: f64, worse: f64, random: &mut Random) -> impl FnMut() -> Window {
    move || {
        let (ours, good) = (random.poisson(60.0), random.poisson(540.0));
        Window::new(ours, good, random.binomial(ours, rate * worse), random.binomial(good, rate))
    }
}

#[test]
fn the_bounds_hold_whenever_one_looks() {
    let options = Options { dispersion: Dispersion::Independent, ..Options::default() };
    for worse in [1.0, 2.0, 5.0] {
        let mut wrong = [0; 3];
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut next = windows(0.01, worse, &mut random);
            let (mut state, mut missed) = (State::default(), [false; 3]);
            for _ in 0..60 {
                state.add(next(), &options);
                let decision = state.decide(&options, None);
                missed[0] |= decision.rate_at_most < 0.01 * worse;
                missed[1] |= decision.ratio_at_most.is_some_and(|most| most < worse);
                missed[2] |= decision.ratio_at_least > worse;
            }
            wrong.iter_mut().zip(missed).for_each(|(sum, missed)| *sum += u32::from(missed));
        }
        assert!(wrong.iter().all(|wrong| *wrong <= 10), "{worse} times worse: of 200, {wrong:?}");
    }
}

/// "Would have been stopped by now with 90 %": so it is, of releases that are as bad as that.
#[test]
fn the_power_that_is_told_is_true() {
    for dispersion in [Dispersion::Independent, Dispersion::Estimated] {
        let options = Options { dispersion, ..Options::default() };
        let (mut stopped, mut told) = (0.0, 0.0);
        for seed in 0..300 {
            let mut random = Random::new(1_000 + seed);
            let mut next = windows(0.004, 12.5, &mut random);
            let mut state = State::default();
            (0..3).for_each(|_| state.add(next(), &options));
            told += state.decide(&options, None).power;
            stopped += f64::from(u8::from(state.speaks_against(&options)));
        }
        let (stopped, told) = (stopped / 300.0, told / 300.0);
        assert!(stopped >= told - 0.03, "told {told}, and {stopped} are stopped, {dispersion:?}");
        assert!(told > 0.7, "{told}");
    }
}
