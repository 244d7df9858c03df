//! Random worlds: whatever happens in whatever order, everything comes to rest legally.

use crate::{chance::Chaos, rest::run};
use proptest::prelude::*;
use std::{collections::BTreeSet, env, time::Instant};

/// Every change of status there may be; each of them is reached below.
const TRANSITIONS: &str = include_str!("transitions.txt");

/// Those that no handler asks for yet: the scan finds nothing that it refuses. Once one does, this says so.
const UNASKED: [(&str, &str); 2] =
    [("SECURITY_SCANNING", "SECURITY_FAILED"), ("ANALYZING", "SECURITY_FAILED")];

/// Events in a run.
const EVENTS: usize = 4000;

type Reached = BTreeSet<(&'static str, &'static str)>;

fn allowed() -> Reached {
    let listed: Reached = TRANSITIONS.lines().filter_map(|line| line.split_once(" -> ")).collect();
    assert!(UNASKED.iter().all(|change| listed.contains(change)));
    listed.into_iter().filter(|change| !UNASKED.contains(change)).collect()
}

/// What a run changed, all of it allowed.
fn legal(seed: u64, chaos: Chaos, events: usize) -> Reached {
    let world = run(seed, chaos, events);
    let illegal: Vec<_> = world.reached.difference(&allowed()).copied().collect();
    assert!(illegal.is_empty(), "not on the list of transitions: {illegal:?} (seed {seed})");
    world.reached
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_comes_to_rest_legally(seed in any::<u64>(), events in 0..EVENTS) {
        legal(seed, Chaos::of(seed), events);
    }

    #[test]
    fn nothing_is_left_running_where_nothing_dies(seed in any::<u64>(), alone in any::<bool>(), events in 0..EVENTS) {
        legal(seed, Chaos { alone, ..Chaos::default() }, events);
    }
}

#[test]
fn every_transition_is_reached() {
    let mut missing = allowed();
    for seed in 0..400_u64 {
        let reached = legal(seed, Chaos::of(seed), EVENTS);
        missing.retain(|change| !reached.contains(change));
        if missing.is_empty() {
            return;
        }
    }
    panic!("no run changed a status like this: {missing:?}");
}

#[test]
fn a_run_is_its_seed() {
    let told = || {
        let world = run(11, Chaos { crashes: true, faults: 8, ..Chaos::of(11) }, EVENTS);
        (world.calls, world.notes.len(), world.story())
    };
    assert_eq!(told(), told());
}

/// As many runs as are asked for, from a seed on: `scripts/worlds`.
#[test]
#[ignore = "goes on for as long as it is told to"]
fn many_worlds() {
    let setting = |name: &str, default: u64| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (from, runs) = (setting("WORLD_SEED", 0), setting("WORLD_RUNS", 2_000));
    let events = setting("WORLD_EVENTS", EVENTS as u64) as usize;
    let (began, mut calls, mut reached) = (Instant::now(), 0, Reached::new());
    for seed in from..from + runs {
        let world = run(seed, Chaos::of(seed), events);
        calls += world.calls;
        if runs < 10 {
            println!("seed {seed} {:?} {} {}", world.chaos, world.calls, world.notes.len());
            println!("{}", world.story().join("\n"));
        }
        reached.extend(world.reached);
    }
    let missing: Vec<_> = allowed().difference(&reached).copied().collect();
    println!("{runs} worlds, {calls} calls of ports, {:?}; not reached: {missing:?}", began.elapsed());
}
