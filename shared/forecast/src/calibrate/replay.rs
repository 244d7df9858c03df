//! A made-up year of many tenants, to hold the promises about coverage and error.

use super::*;
use std::collections::BTreeMap;

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Twelve uniforms make a normal that is good enough here.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[derive(Default)]
struct Outcome {
    covered: Vec<bool>,
    learned: Vec<f64>,
    unlearned: Vec<f64>,
    newcomers: Vec<f64>,
    newcomers_unlearned: Vec<f64>,
}

const CLASSES: usize = 6;
const TENANTS: usize = 25;
const BASE: i64 = 20_000_000;

fn replay(seed: u64) -> Outcome {
    let mut random = Random(seed);
    let bias: Vec<f64> = (0..CLASSES).map(|_| 0.8 + 0.4 * random.normal()).collect();
    let own: Vec<Vec<f64>> =
        bias.iter().map(|bias| (0..TENANTS).map(|_| bias + 0.3 * random.normal()).collect()).collect();
    let (mut cells, mut scores, mut outcome) =
        (BTreeMap::<Key, Cell>::new(), Scores::default(), Outcome::default());
    for number in 1..=12_u8 {
        let now = Month::new(2026, number).unwrap();
        let summaries: BTreeMap<_, _> = fold(&cells, now)
            .into_iter()
            .map(|made| (made.class.clone(), made.with_scores(scores.clone())))
            .collect();
        for class in 0..CLASSES {
            // Two tenants join each month, so that some are always new.
            for tenant in 0..TENANTS.min(2 * usize::from(number)) {
                let key = |month| Key {
                    class: format!("c{class}"),
                    metric: Metric::CostMonth,
                    tenant: format!("t{tenant}"),
                    month,
                };
                let months: BTreeMap<_, _> = cells
                    .iter()
                    .filter(|(known, _)| **known == key(known.month))
                    .map(|(known, cell)| (known.month, *cell))
                    .collect();
                let made = correct(
                    Metric::CostMonth,
                    BASE,
                    summaries.get(&format!("c{class}")),
                    &recent(&months, now),
                );
                let truth = own[class][tenant] + 0.12 * random.normal();
                let actual = (BASE as f64 * truth.exp()) as i64;
                outcome.note(number, &made, actual);
                let y = event(actual, BASE);
                scores.add(made.n, Scores::bucket(y, made.mu, made.variance));
                let cell = cells.entry(key(now)).or_default();
                *cell = cell.plus(Cell::of(y));
            }
        }
    }
    outcome
}

impl Outcome {
    fn note(&mut self, month: u8, made: &Predicted, actual: i64) {
        let error = |value: i64| (value as f64 / actual as f64 - 1.0).abs();
        if month > 2 {
            self.covered.push(made.covers(actual));
            self.learned.push(error(made.mean_micros));
            self.unlearned.push(error(BASE));
            if made.n == 0 {
                self.newcomers.push(error(made.mean_micros));
                self.newcomers_unlearned.push(error(BASE));
            }
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
fn a_year_of_replay_keeps_the_promises() {
    for seed in [11, 12, 13] {
        let outcome = replay(seed);
        let coverage =
            outcome.covered.iter().filter(|covered| **covered).count() as f64 / outcome.covered.len() as f64;
        assert!((0.88..=0.92).contains(&coverage), "seed {seed}: 90 % intervals cover {coverage}");
        let (learned, unlearned) = (median(&outcome.learned), median(&outcome.unlearned));
        assert!(learned <= 0.3 * unlearned, "seed {seed}: median error {learned} of {unlearned}");
        let (new, base) = (median(&outcome.newcomers), median(&outcome.newcomers_unlearned));
        assert!(new <= base, "seed {seed}: newcomers {new} of {base}");
    }
}
