use super::*;
use crate::calibrate::{Cell, Metric, Month, fold};
use proptest::prelude::*;

fn shape(cpu_milli: u32, memory_mib: u32, concurrency: u32) -> Shape {
    Shape { cpu_milli, memory_mib, concurrency }
}

fn plain(class: &str) -> Prediction {
    predict(class, &Demand::default(), &Place::default(), &Learning::default()).unwrap()
}

#[test]
fn shapes_are_made_legal() {
    for (wanted, generation, expected) in [
        (shape(1000, 512, 80), Generation::First, shape(1000, 512, 80)),
        (shape(4000, 512, 80), Generation::First, shape(4000, 2048, 80)),
        (shape(6000, 1024, 80), Generation::First, shape(6000, 4096, 80)),
        (shape(8000, 128, 80), Generation::Second, shape(8000, 4096, 80)),
        (shape(1000, 64, 80), Generation::First, shape(1000, 128, 80)),
        (shape(1000, 128, 80), Generation::Second, shape(1000, 512, 80)),
        (shape(1000, 5000, 80), Generation::First, shape(2000, 5000, 80)),
        (shape(1000, 99_999, 80), Generation::First, shape(8000, 32_768, 80)),
        (shape(3000, 512, 80), Generation::First, shape(4000, 2048, 80)),
        (shape(16_000, 512, 0), Generation::First, shape(8000, 4096, 1)),
        (shape(250, 256, 1), Generation::First, shape(250, 256, 1)),
        (shape(250, 256, 2), Generation::First, shape(1000, 256, 2)),
        (shape(250, 256, 1), Generation::Second, shape(1000, 512, 1)),
        (shape(255, 1024, 1), Generation::First, shape(1000, 1024, 1)),
        (shape(1, 256, 1), Generation::First, shape(80, 256, 1)),
        (shape(995, 256, 1), Generation::First, shape(1000, 256, 1)),
        (shape(1000, 512, 5000), Generation::First, shape(1000, 512, 1000)),
    ] {
        let made = legal(wanted, generation);
        assert_eq!(made.shape, expected, "{wanted:?} {generation:?}");
        assert_eq!(made.changes.is_empty(), wanted == expected, "{:?}", made.changes);
    }
}

#[test]
fn every_prior_is_found_by_its_name_and_the_unknown_has_an_answer() {
    for row in PRIORS {
        assert_eq!(prior(row.class), row);
        assert!(
            row.cpu_ms > 0 && row.cpu_ms <= row.duration_ms && row.working_set_mib < row.memory_mib,
            "{row:?}"
        );
    }
    assert_eq!(prior("node/express").class, "express");
    assert_eq!(prior("Python/Something").class, "python");
    assert_eq!(prior("Next.js").class, "next");
    assert_eq!(prior("cobol").class, "unknown");
    assert_eq!(prior("").class, "unknown");
}

#[test]
fn the_promised_shapes_are_kept() {
    for (class, expected) in [
        ("fastapi", shape(1000, 512, 100)),
        ("express", shape(1000, 512, 100)),
        ("django", shape(2000, 1024, 40)),
        ("next", shape(2000, 1024, 60)),
        ("gin", shape(1000, 256, 200)),
        ("rust", shape(1000, 128, 300)),
    ] {
        assert_eq!(plain(class).shape, expected, "{class}");
    }
    let second = Place { generation: Generation::Second, ..Place::default() };
    let made = predict("rust", &Demand::default(), &second, &Learning::default()).unwrap();
    assert_eq!(made.shape.memory_mib, 512, "the second generation's floor wins");
}

#[test]
fn an_unlearned_prediction_is_the_price_list() {
    // 100,000 requests of 80 ms, billed as 100 ms each: 10,000 vCPU-s, 5,000 GiB-s.
    let made = plain("fastapi");
    assert_eq!(made.cost_month.base_micros, 240_000 + 12_500 + 40_000);
    assert_eq!(made.cost_month.mean_micros, made.cost_month.base_micros);
    assert_eq!(made.after_free_tier_micros, 0);
    assert_eq!(made.latency.base_micros, 80_000);
    assert_eq!(made.cpu_utilization.base_micros, 312_500);
    assert_eq!(made.memory_utilization.base_micros, 253_906);
    assert!(made.parts.iter().all(|part| part.basis == Basis::Assumed));
}

#[test]
fn heavy_traffic_shares_instances() {
    let heavy = Demand { requests_month: 500_000_000, basis: Basis::Measured, ..Demand::default() };
    let made = predict("fastapi", &heavy, &Place::default(), &Learning::default()).unwrap();
    let alone = 500_000_000.0 * 0.1 * (24.0 + 1.25) + 500_000_000.0 * 0.4;
    assert!((made.cost_month.base_micros as f64) < alone / 2.0);
    assert!(made.parts.iter().any(|part| part.what == "requests" && part.basis == Basis::Measured));
}

#[test]
fn what_was_learned_moves_the_value_and_is_named() {
    let key = crate::calibrate::Key {
        class: "fastapi".into(),
        metric: Metric::CostMonth,
        tenant: "a".into(),
        month: Month::new(2026, 6).unwrap(),
    };
    let own = Cell::of(400_000);
    let summary = fold([(&key, &own)], key.month).remove(0);
    let learning = Learning {
        class: [(Metric::CostMonth, summary)].into(),
        own: [(Metric::CostMonth, own)].into(),
        headroom_milli: Some(1200),
    };
    let made = predict("fastapi", &Demand::default(), &Place::default(), &learning).unwrap();
    assert!(made.cost_month.mean_micros > made.cost_month.base_micros * 12 / 10);
    assert_eq!(made.cpu_utilization.mean_micros, made.cpu_utilization.base_micros);
    assert_eq!(made.shape.memory_mib, 614);
    assert!(made.parts.iter().any(|part| part.basis == Basis::Learned));
}

#[test]
fn five_times_the_traffic_is_not_a_wrong_price() {
    let made = plain("express");
    let observed = Demand { requests_month: 500_000, basis: Basis::Measured, ..made.demand };
    let base = reprice("express", made.shape, &observed, &made.place).unwrap();
    assert_eq!(crate::calibrate::event(base.cost_month, base.cost_month), 0);
    assert_eq!(base.cost_month, 5 * made.cost_month.base_micros);
}

#[test]
fn an_unknown_region_is_refused() {
    let place = Place { region: "mars-north1".into(), ..Place::default() };
    assert!(predict("go", &Demand::default(), &place, &Learning::default()).is_err());
}

proptest! {
    #[test]
    fn legal_is_idempotent_and_never_gives_less(cpu in 0_u32..9000, memory in 0_u32..40_000, concurrency in 0_u32..2000, second: bool) {
        let generation = if second { Generation::Second } else { Generation::First };
        let made = legal(shape(cpu, memory, concurrency), generation).shape;
        prop_assert_eq!(legal(made, generation).shape, made);
        prop_assert!(made.cpu_milli >= cpu.min(8000) && made.memory_mib >= memory.min(32_768));
        prop_assert!((1..=1000).contains(&made.concurrency));
        prop_assert!(made.cpu_milli < 4000 || made.memory_mib >= 2048);
        prop_assert!(made.cpu_milli < 6000 || made.memory_mib >= 4096);
        let floor = if second { 512 } else { 128 };
        prop_assert!(made.memory_mib >= floor);
    }

    #[test]
    fn any_demand_has_a_finite_prediction(requests: u64, duration: Option<u32>, kept in 0_u32..100, row in 0..PRIORS.len()) {
        let demand = Demand { requests_month: requests, duration_ms: duration, min_instances: kept, basis: Basis::Measured };
        let made = predict(PRIORS[row].class, &demand, &Place::default(), &Learning::default()).unwrap();
        prop_assert!(made.cost_month.low_micros <= made.cost_month.mean_micros);
        prop_assert!(made.cost_month.mean_micros <= made.cost_month.high_micros);
        prop_assert!((0..=1_000_000).contains(&made.cpu_utilization.mean_micros));
    }
}
