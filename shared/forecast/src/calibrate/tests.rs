use super::*;
use crate::logarithm;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

fn month(number: u8) -> Month {
    Month::new(2026, number).unwrap()
}

fn key(tenant: &str, number: u8) -> Key {
    Key { class: "fastapi".into(), metric: Metric::CostMonth, tenant: tenant.into(), month: month(number) }
}

fn summary_of(cells: &[(Key, Cell)], now: u8) -> Summary {
    let mut made = fold(cells.iter().map(|(key, cell)| (key, cell)), month(now));
    assert_eq!(made.len(), 1);
    made.remove(0)
}

fn times(n: i64, y: i64) -> Cell {
    (0..n).fold(Cell::default(), |sum, _| sum.plus(Cell::of(y)))
}

#[test]
fn an_event_is_the_logarithm_of_the_ratio_clamped_to_eightfold() {
    assert_eq!(event(15_100_000, 12_400_000), 196_998);
    assert_eq!(event(1_000_000, 1_000_000), 0);
    assert_eq!(event(0, 0), 0);
    assert_eq!((event(i64::MAX, 1), event(0, i64::MAX), event(-5, 1_000_000)), (LIMIT, -LIMIT, -LIMIT));
    assert_eq!(event(8_000_000, 1_000_000), 2_079_442);
    assert_eq!(event(2, 1), 693_147);
}

#[test]
fn logarithm_and_exponential_are_right_to_the_last_digits() {
    for step in -400..400 {
        let value = f64::from(step) * 0.05;
        assert!((logarithm::ln(value.exp()) - value).abs() < 1e-13 * (1.0 + value.abs()), "{value}");
        assert!((logarithm::exp(value) / value.exp() - 1.0).abs() < 1e-14, "{value}");
    }
    assert_eq!(logarithm::ln(1.0).to_bits(), 0.0_f64.to_bits());
    // Bits, so that another machine would notice a difference.
    assert_eq!(logarithm::to_micros(logarithm::ln(3.0)), 1_098_612);
}

#[test]
fn ids_tell_deployments_metrics_and_months_apart() {
    let one = event_id("dep_1", Metric::CostMonth, month(1));
    assert_eq!(one, event_id("dep_1", Metric::CostMonth, month(1)));
    assert_eq!(one.len(), 32);
    assert_ne!(one, event_id("dep_2", Metric::CostMonth, month(1)));
    assert_ne!(one, event_id("dep_1", Metric::LatencyMs, month(1)));
    assert_ne!(one, event_id("dep_1", Metric::CostMonth, month(2)));
}

#[test]
fn months_are_read_and_written_in_one_way() {
    assert_eq!("2026-11".parse::<Month>().unwrap().to_string(), "2026-11");
    assert_eq!(month(12).since(month(1)), 11);
    assert_eq!(serde_json::to_string(&month(3)).unwrap(), "\"2026-03\"");
    for wrong in ["2026-13", "2026-00", "2026-1", "26-01", "x", "2026/01", ""] {
        assert!(wrong.parse::<Month>().is_err(), "{wrong}");
    }
}

#[test]
fn a_repetition_adds_nothing_and_a_correction_adds_the_difference() {
    let first = Recorded { revision: 0, y: 100_000 };
    let later = Recorded { revision: 1, y: -50_000 };
    assert_eq!(delta(None, first), Some(Cell { n: 1, sum_y: 100_000, sum_yy: 10_000 }));
    assert_eq!(delta(Some(first), first), None);
    assert_eq!(delta(Some(first), later), Some(Cell { n: 0, sum_y: -150_000, sum_yy: -7_500 }));
    assert_eq!(delta(Some(later), first), None);
    assert_eq!(Cell::of(100_000).plus(delta(Some(first), later).unwrap()), Cell::of(-50_000));
}

#[test]
fn the_largest_event_stays_within_the_stated_bound() {
    assert_eq!(Cell::of(LIMIT).sum_yy, 4_324_079);
    assert!(i64::MAX / Cell::of(LIMIT).sum_yy > 2_000_000_000_000);
}

/// A store in small: the event's document and the cell change together or not at all.
#[derive(Default, Hash, PartialEq, Debug)]
struct Store {
    events: BTreeMap<String, Recorded>,
    cells: BTreeMap<Key, Cell>,
}

impl Store {
    fn arrive(&mut self, id: &str, key: &Key, recorded: Recorded) {
        if let Some(added) = delta(self.events.get(id).copied(), recorded) {
            let cell = self.cells.entry(key.clone()).or_default();
            *cell = cell.plus(added);
            self.events.insert(id.to_owned(), recorded);
        }
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        fold(&self.cells, month(12)).hash(&mut hasher);
        hasher.finish()
    }
}

/// A small xorshift: shuffles are seeded, so a failure can be repeated.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn two_hundred_shuffles_with_duplicates_give_the_same_bits() {
    let mut random = 0x5e7_7a17_u64;
    let mut events = Vec::new();
    for number in 0..60_u64 {
        let key = key(&format!("tenant-{}", number % 7), 7 + (number % 6) as u8);
        let id = event_id(&format!("dep_{number}"), key.metric, key.month);
        for revision in 0..=(number % 3) as i64 {
            let y = (next(&mut random) % 4_000_000) as i64 - 2_000_000;
            events.push((id.clone(), key.clone(), Recorded { revision, y }));
        }
    }
    let mut hashes = Vec::new();
    for _ in 0..200 {
        let mut order = events.clone();
        order.extend((0..40).map(|_| events[(next(&mut random) % events.len() as u64) as usize].clone()));
        for at in (1..order.len()).rev() {
            order.swap(at, (next(&mut random) % (at as u64 + 1)) as usize);
        }
        let mut store = Store::default();
        for (id, key, recorded) in &order {
            store.arrive(id, key, *recorded);
        }
        assert_eq!(store.cells.values().map(|cell| cell.n).sum::<i64>(), 60);
        hashes.push(store.hash());
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
}

#[test]
fn nothing_learned_leaves_the_base_and_has_no_confidence() {
    let made = correct(Metric::CostMonth, 12_400_000, None, &Cell::default());
    assert_eq!((made.mean_micros, made.mu, made.n, made.confidence_micros), (12_400_000, 0, 0, 0));
    assert_eq!(made.variance, PRIOR_VARIANCE_MICROS);
    assert!(made.low_micros > 12_400_000 / 4 && made.high_micros < 12_400_000 * 4);
}

#[test]
fn one_own_observation_at_least_halves_the_error() {
    let y = event(20_000_000, 10_000_000);
    let summary = summary_of(&[(key("a", 6), Cell::of(y))], 6);
    for class in [None, Some(&summary)] {
        let made = correct(Metric::CostMonth, 10_000_000, class, &Cell::of(y));
        assert!(made.mu * 2 >= y && made.mu <= y, "{} of {y}", made.mu);
        assert!(made.confidence_micros > 0 && made.n == 1);
        assert!(made.covers(20_000_000));
    }
}

#[test]
fn a_class_of_others_moves_a_newcomer_in_the_same_direction() {
    let cells: Vec<_> = (0..7).map(|tenant| (key(&format!("t{tenant}"), 6), times(3, 165_000))).collect();
    let summary = summary_of(&cells, 6);
    assert_eq!((summary.n, summary.tenants), (21, 7));
    let made = correct(Metric::CostMonth, 10_000_000, Some(&summary), &Cell::default());
    assert!((1.10..1.18).contains(&made.multiplier()), "{}", made.multiplier());
    assert!(made.variance < PRIOR_VARIANCE_MICROS / 4 && made.n == 0);
}

#[test]
fn a_poisoning_tenant_hardly_moves_the_others() {
    for honest in [3, 4, 5, 8, 20] {
        let mut cells: Vec<_> = (0..honest)
            .map(|tenant| (key(&format!("t{tenant}"), 6), times(4, (tenant * 37 % 11 - 5) * 20_000)))
            .collect();
        let clean = summary_of(&cells, 6);
        cells.push((key("poison", 6), times(500, LIMIT)));
        let poisoned = summary_of(&cells, 6);
        let before = correct(Metric::CostMonth, 1_000_000, Some(&clean), &Cell::default()).mu;
        let after = correct(Metric::CostMonth, 1_000_000, Some(&poisoned), &Cell::default()).mu;
        assert!((after - before).abs() <= 150_000, "{honest} honest tenants: {before} became {after}");
    }
}

#[test]
fn what_is_older_than_six_months_is_forgotten() {
    let cells = [
        (key("a", 1), times(4, 500_000)),
        (key("a", 7), times(2, 100_000)),
        (key("a", 9), times(3, 900_000)),
    ];
    let made = summary_of(&cells, 7);
    assert_eq!(made.n, 2, "January is seven months back, September has not come");
    let months: BTreeMap<_, _> = cells.iter().map(|(key, cell)| (key.month, *cell)).collect();
    assert_eq!(recent(&months, month(7)), times(2, 100_000));
    assert!(fold(cells[..1].iter().map(|(key, cell)| (key, cell)), month(7)).is_empty());
}

#[test]
fn shares_never_exceed_one() {
    let made = correct(Metric::CpuUtilization, 900_000, None, &times(5, 1_000_000));
    assert_eq!((made.mean_micros, made.high_micros), (1_000_000, 1_000_000));
}

#[test]
fn the_quantile_is_normal_until_there_are_twenty_scores_and_sides_do_not_mix() {
    let mut scores = Scores::default();
    for _ in 0..19 {
        scores.add(0, 200);
    }
    assert_eq!(quantile_micros(&scores, 0), NORMAL_QUANTILE_MICROS);
    scores.add(0, 200);
    assert_eq!(quantile_micros(&scores, 0), 4_020_000);
    assert_eq!(quantile_micros(&scores, 1), NORMAL_QUANTILE_MICROS);
    scores.remove(0, 200);
    assert_eq!(quantile_micros(&scores, 0), NORMAL_QUANTILE_MICROS);
    assert_eq!(bucket(1_000_000, 0, 250_000), 100);
    assert_eq!(bucket(LIMIT, -LIMIT, 1), 500);
}

#[test]
fn what_people_say_moves_head_room_a_little_and_never_out_of_bounds() {
    assert_eq!(headroom_milli(&Answers::default(), 0), 1000);
    assert_eq!(headroom_milli(&Answers { under: 1, ..Answers::default() }, 1), 1060);
    assert_eq!(headroom_milli(&Answers { over: 1, ..Answers::default() }, 1), 980);
    assert_eq!(headroom_milli(&Answers { under: 1, ..Answers::default() }, 10), 1007);
    assert!((900..=901).contains(&headroom_milli(&Answers { over: i64::MAX, ..Answers::default() }, 1)));
    assert!((1299..=1300).contains(&headroom_milli(&Answers { under: i64::MAX, ..Answers::default() }, 1)));
}

#[test]
fn a_learning_is_told_in_one_sentence() {
    let facts = Facts {
        metric: Metric::CostMonth,
        predicted_micros: 12_400_000,
        actual_micros: 15_100_000,
        similar: 7,
        mu: 165_514,
    };
    assert_eq!(
        explain(&facts),
        "we predicted 12.40, you paid 15.10 (+22 %); from 7 similar services we now multiply by 1.18"
    );
    let memory = Facts {
        metric: Metric::MemoryUtilization,
        predicted_micros: 400_000,
        actual_micros: 300_000,
        similar: 1,
        mu: -1,
    };
    assert_eq!(
        explain(&memory),
        "memory: we predicted 40.0 %, we measured 30.0 % (-25 %); from 1 similar service we now multiply by 1.00"
    );
}

proptest! {
    #[test]
    fn events_are_bounded_and_antisymmetric(actual in 1_i64..i64::MAX, base in 1_i64..i64::MAX) {
        let y = event(actual, base);
        prop_assert!(y.abs() <= LIMIT);
        prop_assert!((y + event(base, actual)).abs() <= 1);
    }

    #[test]
    fn intervals_are_in_order_whatever_was_learned(base in 0_i64..1 << 50, n in 0_i64..1000, y in -LIMIT..=LIMIT) {
        let own = Cell { n, sum_y: n * y, sum_yy: n * Cell::of(y).sum_yy };
        let made = correct(Metric::CostMonth, base, None, &own);
        prop_assert!(made.low_micros <= made.mean_micros && made.mean_micros <= made.high_micros);
        prop_assert!(made.variance > 0 && (0..=1_000_000).contains(&made.confidence_micros));
    }

    #[test]
    fn shards_of_a_cell_fold_like_the_whole(ys in prop::collection::vec(-LIMIT..=LIMIT, 1..30), split in 0_usize..30) {
        let key = key("a", 6);
        let cell = |ys: &[i64]| ys.iter().fold(Cell::default(), |sum, y| sum.plus(Cell::of(*y)));
        let split = split.min(ys.len());
        let (whole, left, right) = (cell(&ys), cell(&ys[..split]), cell(&ys[split..]));
        prop_assert_eq!(fold([(&key, &whole)], month(6)), fold([(&key, &right), (&key, &left)], month(6)));
    }
}
