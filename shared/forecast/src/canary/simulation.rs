//! The table that the canary must reach, by seeded simulation: 15 minutes at 10 % then 15 at 50 %, base error 0.5 %.
//!
//! Runs are bounded and seeded, so the outcome is the same on every machine; the counts leave room of several
//! standard errors around each floor.

use super::*;

/// xorshift64*: small, seeded, good enough to draw counts.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A Poisson count by inversion; means here are below 400.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (mut term, target) = ((-mean).exp(), self.unit());
        let (mut sum, mut count) = (term, 0);
        while target > sum && count < 2000 {
            count += 1;
            term *= mean / count as f64;
            sum += term;
        }
        count
    }
}

struct Scene {
    per_minute: f64,
    worse: f64,
    cluster: u64,
    dispersion: Dispersion,
    /// Minutes of stable alone that were read before the canary.
    history: u32,
}

fn failed(scene: &Scene, random: &mut Random) -> bool {
    let options = Options { dispersion: scene.dispersion, ..Options::default() };
    let rate = 0.005;
    let mut bad = |requests: f64, rate: f64| {
        (random.poisson(requests * rate / scene.cluster as f64) * scene.cluster).min(requests as u64)
    };
    let mut state = State::default();
    for _ in 0..scene.history {
        state.learn_stable(scene.per_minute as u64, bad(scene.per_minute, rate));
    }
    (0..30).any(|minute| {
        let canary = (scene.per_minute * if minute < 15 { 0.1 } else { 0.5 }).round();
        let stable = scene.per_minute - canary;
        let (canary_bad, stable_bad) = (bad(canary, rate * scene.worse), bad(stable, rate));
        state.add(Window::new(canary as u64, stable as u64, canary_bad, stable_bad), &options);
        state.decide(&options, None).verdict == Verdict::Fail
    })
}

fn share(scene: Scene, runs: u32) -> f64 {
    let mut random =
        Random(0x5eed_0000_0000_0001 ^ (scene.per_minute as u64) << 8 ^ (scene.worse * 10.0) as u64);
    (0..runs).filter(|_| failed(&scene, &mut random)).count() as f64 / f64::from(runs)
}

const ALL: [f64; 3] = [60.0, 600.0, 6000.0];

/// The floors of the table; `None` where nothing is promised.
const FLOORS: [(f64, f64, Option<f64>); 9] = [
    (60.0, 2.0, None),
    (60.0, 5.0, Some(0.45)),
    (60.0, 10.0, Some(0.95)),
    (600.0, 2.0, Some(0.50)),
    (600.0, 5.0, Some(1.0)),
    (600.0, 10.0, Some(1.0)),
    (6000.0, 2.0, Some(1.0)),
    (6000.0, 5.0, Some(1.0)),
    (6000.0, 10.0, Some(1.0)),
];

fn reaches_the_table(dispersion: Dispersion, history: u32) {
    for per_minute in ALL {
        let false_failures = share(Scene { per_minute, worse: 1.0, cluster: 1, dispersion, history }, 1000);
        assert!(false_failures <= 0.01, "{per_minute} a minute: {false_failures} false failures");
    }
    for (per_minute, worse, floor) in FLOORS {
        let Some(floor) = floor else { continue };
        let runs = if floor < 1.0 { 1000 } else { 100 };
        let caught = share(Scene { per_minute, worse, cluster: 1, dispersion, history }, runs);
        assert!(caught >= floor, "{per_minute} a minute, {worse} times worse: {caught} caught");
    }
}

#[test]
fn the_table_is_reached_with_independent_errors() {
    reaches_the_table(Dispersion::Independent, 0);
}

#[test]
fn the_table_is_reached_with_an_estimated_dispersion_and_an_hour_of_history() {
    reaches_the_table(Dispersion::Estimated, 60);
}

#[test]
fn errors_in_fives_do_not_fail_healthy_releases() {
    for history in [0, 60] {
        for per_minute in ALL {
            let scene =
                Scene { per_minute, worse: 1.0, cluster: 5, dispersion: Dispersion::Estimated, history };
            let false_failures = share(scene, 500);
            assert!(false_failures <= 0.01, "{per_minute} a minute, history {history}: {false_failures}");
        }
    }
    let naive =
        Scene { per_minute: 600.0, worse: 1.0, cluster: 5, dispersion: Dispersion::Independent, history: 0 };
    assert!(share(naive, 200) > 0.1, "without φ the clusters must show, or this test shows nothing");
}
