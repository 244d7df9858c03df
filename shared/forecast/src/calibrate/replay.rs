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

/// What a year leaves behind: the two kinds of document that a store would hold.
#[derive(Default)]
struct Year {
    cells: BTreeMap<Key, Cell>,
    scores: Scores,
    outcome: Outcome,
}

impl Year {
    /// One deployment-month: predicted from what is known, then observed and added.
    fn live(&mut self, tenant: Key, class: Option<&Summary>, truth: f64) {
        let own: BTreeMap<_, _> = self
            .cells
            .iter()
            .filter(|(known, _)| known.tenant == tenant.tenant && known.class == tenant.class)
            .map(|(known, cell)| (known.month, *cell))
            .collect();
        let made = correct(Metric::CostMonth, BASE, class, &recent(&own, tenant.month));
        let actual = (BASE as f64 * truth.exp()) as i64;
        if tenant.month.since(Month::new(2026, 1).unwrap()) > 1 {
            self.outcome.note(&made, actual);
        }
        let y = event(actual, BASE);
        self.scores.add(made.n, bucket(y, made.mu, made.variance));
        let cell = self.cells.entry(tenant).or_default();
        *cell = cell.plus(Cell::of(y));
    }
}

fn replay(seed: u64) -> Outcome {
    let mut random = Random(seed);
    let bias: Vec<f64> = (0..CLASSES).map(|_| 0.8 + 0.4 * random.normal()).collect();
    let own: Vec<Vec<f64>> =
        bias.iter().map(|bias| (0..TENANTS).map(|_| bias + 0.3 * random.normal()).collect()).collect();
    let mut year = Year::default();
    for number in 1..=12_u8 {
        let month = Month::new(2026, number).unwrap();
        let known = fold(&year.cells, month).into_iter();
        let summaries: BTreeMap<_, _> =
            known.map(|made| (made.class.clone(), made.with_scores(year.scores.clone()))).collect();
        for (class, tenants) in own.iter().enumerate().map(|(index, tenants)| (format!("c{index}"), tenants))
        {
            // Two tenants join each month, so that some are always new.
            for (tenant, bias) in tenants.iter().enumerate().take(2 * usize::from(number)) {
                let key = Key {
                    class: class.clone(),
                    metric: Metric::CostMonth,
                    tenant: format!("t{tenant}"),
                    month,
                };
                year.live(key, summaries.get(&class), bias + 0.12 * random.normal());
            }
        }
    }
    year.outcome
}

impl Outcome {
    fn note(&mut self, made: &Predicted, actual: i64) {
        let error = |value: i64| (value as f64 / actual as f64 - 1.0).abs();
        self.covered.push(made.covers(actual));
        self.learned.push(error(made.mean_micros));
        self.unlearned.push(error(BASE));
        if made.n == 0 {
            self.newcomers.push(error(made.mean_micros));
            self.newcomers_unlearned.push(error(BASE));
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

#[test]
fn five_hundred_lies_of_one_tenant_move_the_others_little() {
    let mut random = Random(77);
    let month = Month::new(2026, 6).unwrap();
    for honest in [8, 12, 25] {
        let mut shifts = Vec::new();
        for _ in 0..200 {
            let key = |tenant: String| Key { class: "c".into(), metric: Metric::CostMonth, tenant, month };
            let mut cells: BTreeMap<Key, Cell> = BTreeMap::new();
            for tenant in 0..honest {
                let bias = 0.3 * random.normal();
                let own = (0..3).map(|_| Cell::of(((bias + 0.12 * random.normal()) * 1e6) as i64));
                cells.insert(key(format!("t{tenant}")), own.fold(Cell::default(), Cell::plus));
            }
            let predict = |cells: &BTreeMap<Key, Cell>, own: &Cell| {
                correct(Metric::CostMonth, BASE, fold(cells, month).first(), own).mu
            };
            let (new, old) = (Cell::default(), cells[&key("t0".into())]);
            let before = [predict(&cells, &new), predict(&cells, &old)];
            cells.insert(
                key("liar".into()),
                (0..500).fold(Cell::default(), |sum, _| sum.plus(Cell::of(LIMIT))),
            );
            let after = [predict(&cells, &new), predict(&cells, &old)];
            shifts.extend(before.iter().zip(after).map(|(before, after)| (after - before).abs()));
        }
        // A median moves by half the gap to its neighbour; in a small class that gap is now and then a wide one.
        shifts.sort_unstable();
        let nineteen_of_twenty = shifts[shifts.len() * 95 / 100];
        assert!(nineteen_of_twenty <= 150_000, "{honest} honest tenants: shifted by {nineteen_of_twenty}");
    }
}
