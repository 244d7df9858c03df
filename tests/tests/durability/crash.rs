//! After a crash at any byte every acknowledged commit is there, and no half commit is.

use super::disk::{Chance, SimulatedDisk};
use futures::future::join_all;
use machine::engine::Options;
use machine::store::Store;
use model::port::Store as _;
use model::port::store::{Change, Path, Precondition, Query, Scope, StoreError, Write};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fills tables early and often.
fn options() -> Options {
    Options { table_bytes: 6_000, ..Options::default() }
}

/// What is known of the commits of all lives of one disk.
#[derive(Default)]
struct Known {
    next: usize,
    /// Acknowledged, or found after a crash.
    there: BTreeSet<usize>,
    /// Never answered, or answered by an error that leaves it open.
    open: BTreeSet<usize>,
    /// Which commit removed which one's documents.
    removed_by: BTreeMap<usize, usize>,
    highest: i64,
}

/// The commit writes three documents of its own, counts itself, and may remove those of an earlier one.
fn writes(number: usize, remove: Option<usize>, padding: usize) -> Vec<Write> {
    let own = |part: usize| Path::new(format!("commits/c{number}/parts/p{part}"));
    let text = "x".repeat(padding);
    let put =
        |part| Write::put(own(part), Precondition::Absent, &json!({"n": number, "text": text})).unwrap();
    let mut writes: Vec<Write> = (0..3).map(put).collect();
    writes.push(Write::add(Path::new("counters/all"), [("n".to_owned(), 1)]));
    for part in 0..3 {
        let gone = remove.map(|number| Path::new(format!("commits/c{number}/parts/p{part}")));
        writes.extend(gone.map(|path| Write::delete(path, Precondition::Present)));
    }
    let last = Change::Patch { set: vec![(vec!["last".into()], Some(json!(number)))], increment: vec![] };
    writes.push(Write { path: Path::new("counters/last"), precondition: Precondition::None, change: last });
    writes
}

/// Commits in batches of concurrent ones until all are done or the power is gone.
async fn live(store: &Store, known: &mut Known, chance: &mut Chance, batches: usize) {
    for _ in 0..batches {
        let mut removable: Vec<usize> =
            known.there.iter().copied().filter(|number| !known.removed_by.contains_key(number)).collect();
        let commits = (0..=chance.below(4)).map(|_| {
            known.next += 1;
            let remove = (!removable.is_empty() && chance.below(3) > 0)
                .then(|| removable.swap_remove(chance.below(removable.len())));
            known.removed_by.extend(remove.map(|removed| (removed, known.next)));
            let (number, padding) = (known.next, chance.below(150));
            async move { (number, store.commit(writes(number, remove, padding)).await) }
        });
        let commits: Vec<_> = commits.collect();
        for (number, answer) in join_all(commits).await {
            match answer {
                Ok(versions) => {
                    assert!(versions[0].0 > known.highest, "a version came back");
                    known.there.insert(number);
                }
                Err(StoreError::Unavailable(_)) => drop(known.open.insert(number)),
                Err(e) => panic!("{e}"),
            }
        }
        if !known.open.is_empty() {
            return;
        }
    }
}

/// Compares what is stored with what may be.
async fn verify(store: &Store, known: &mut Known) -> Result<(), String> {
    let page = store.query(&Query::all(Scope::Group("parts".into()), 100_000)).await.unwrap();
    let mut parts = BTreeMap::<usize, usize>::new();
    for document in &page.documents {
        *parts.entry(document.body.parse::<Value>().unwrap()["n"].as_u64().unwrap() as usize).or_default() +=
            1;
    }
    if let Some((number, count)) = parts.iter().find(|(_, count)| **count != 3) {
        return Err(format!("commit {number} has {count} of 3 documents"));
    }
    for number in std::mem::take(&mut known.open) {
        let removed = known.removed_by.iter().find(|(_, by)| **by == number).map(|(removed, _)| *removed);
        if parts.contains_key(&number) {
            known.there.insert(number);
        } else if let Some(removed) = removed {
            known.removed_by.remove(&removed);
        }
    }
    let expected: BTreeSet<usize> =
        known.there.iter().copied().filter(|number| !known.removed_by.contains_key(number)).collect();
    let found: BTreeSet<usize> = parts.into_keys().collect();
    if found != expected {
        return Err(format!("expected {expected:?}, found {found:?}"));
    }
    let counted = store.get(&Path::new("counters/all")).await.unwrap();
    let counted =
        counted.map_or(0, |document| document.body.parse::<Value>().unwrap()["n"].as_u64().unwrap());
    if counted as usize != known.there.len() {
        return Err(format!("counted {counted}, expected {}", known.there.len()));
    }
    let versions = page.documents.iter().map(|document| document.version.0);
    known.highest = versions.max().unwrap_or(0).max(known.highest);
    Ok(())
}

/// Several lives, each ended by a crash after so many bytes and calls.
fn lives(seed: u64, crashes: &[usize], lies: bool) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut chance, mut known) = (Chance(seed), Known::default());
        let mut disk = SimulatedDisk::default();
        for after in crashes {
            if lies {
                disk.lie();
            }
            if seed.is_multiple_of(2) {
                disk.linger();
            }
            let store = super::open(&disk, options()).map_err(|e| e.to_string())?;
            verify(&store, &mut known).await?;
            disk.fail_after(*after);
            live(&store, &mut known, &mut chance, 40).await;
            drop(store);
            disk = disk.crash(&mut chance);
        }
        let store = super::open(&disk, options()).map_err(|e| e.to_string())?;
        verify(&store, &mut known).await
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost(seed: u64, crashes in prop::collection::vec(0_usize..30_000, 1..4)) {
        prop_assert_eq!(lives(seed, &crashes, false), Ok(()));
    }
}

/// Every single byte and call of a short life.
#[test]
fn a_crash_at_every_byte() {
    for after in 0..1_200 {
        assert_eq!(lives(after as u64, &[after], false), Ok(()), "crash after {after}");
    }
}

/// The tests above can fail: a disk that says it synced and didn't is found out.
#[test]
fn a_lying_disk_is_found_out() {
    assert!((0..20).any(|seed| lives(seed, &[10_000], true).is_err()));
}

/// The lives above do write tables: otherwise they would show nothing about it.
#[tokio::test]
async fn short_lives_write_tables() {
    let disk = SimulatedDisk::default();
    let store = super::open(&disk, options()).unwrap();
    let mut known = Known::default();
    let mut chance = Chance(1);
    while store.stats().flushes < 2 {
        live(&store, &mut known, &mut chance, 5).await;
    }
    verify(&store, &mut known).await.unwrap();
    assert!(disk.spent() > 0);
    drop(store);
    let store = super::open(&disk, options()).unwrap();
    verify(&store, &mut known).await.unwrap();
}
