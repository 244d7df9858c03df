//! Random worlds: whatever happens in whatever order, everything comes to rest legally.

use crate::world::{Chaos, World};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Every change of status there may be; each of them is reached below.
const TRANSITIONS: &str = include_str!("transitions.txt");

fn chaos() -> impl Strategy<Value = Chaos> {
    let odds = (0_u64..25, 0_u8..8, 0_u8..8, any::<bool>(), 0_u8..5);
    odds.prop_map(|(faults, foreign, barred, alone, crashes)| Chaos {
        faults: faults.saturating_sub(5),
        foreign: foreign == 0,
        barred: barred == 0,
        alone,
        crashes: crashes > 0,
    })
}

fn run(seed: u64, chaos: Chaos, events: &[u16]) -> World {
    let mut world = World::new(seed, chaos);
    world.request();
    for event in events {
        world.happen(*event);
    }
    world.settle();
    world
}

fn allowed() -> BTreeSet<(&'static str, &'static str)> {
    TRANSITIONS.lines().filter_map(|line| line.split_once(" -> ")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_comes_to_rest_legally(
        seed in any::<u64>(),
        chaos in chaos(),
        events in prop::collection::vec(any::<u16>(), 0..1500),
    ) {
        let world = run(seed, chaos, &events);
        let illegal: Vec<_> = world.reached.difference(&allowed()).copied().collect();
        prop_assert!(illegal.is_empty(), "not on the list of transitions: {illegal:?}");
    }

    #[test]
    fn nothing_is_left_running_where_nothing_dies(
        seed in any::<u64>(),
        alone in any::<bool>(),
        events in prop::collection::vec(any::<u16>(), 0..1500),
    ) {
        run(seed, Chaos { alone, ..Chaos::default() }, &events);
    }
}

#[test]
fn every_transition_is_reached() {
    let mut reached = BTreeSet::new();
    for seed in 0..400_u64 {
        let chaos = Chaos {
            faults: seed % 4 * 6,
            foreign: seed % 4 == 1,
            barred: seed % 3 == 0,
            alone: seed % 2 == 0,
            crashes: seed % 3 > 0,
        };
        let mut number = seed;
        let events: Vec<u16> = std::iter::repeat_with(|| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 40) as u16
        })
        .take(1500)
        .collect();
        reached.extend(run(seed, chaos, &events).reached);
    }
    let missing: Vec<_> = allowed().difference(&reached).copied().collect();
    assert!(missing.is_empty(), "no run changed a status like this: {missing:?}");
    let unknown: Vec<_> = reached.difference(&allowed()).copied().collect();
    assert!(unknown.is_empty(), "not on the list of transitions: {unknown:?}");
}
