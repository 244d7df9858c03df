//! Group commit: one sync for all that wait, nothing visible before it, and what a failing disk leads to.

use super::disk::SimulatedDisk;
use futures::StreamExt;
use futures::future::{join_all, poll_immediate};
use machine::engine::Options;
use machine::store::Store;
use model::port::Store as _;
use model::port::store::{Path, Precondition, StoreError, Version, Watch, Write};
use serde_json::json;

fn open(disk: &SimulatedDisk) -> Result<Store, StoreError> {
    super::open(disk, Options::default())
}

fn put(path: &str, precondition: Precondition, n: i64) -> Vec<Write> {
    vec![Write::put(Path::new(path), precondition, &json!({ "n": n })).unwrap()]
}

#[tokio::test]
async fn waiting_commits_share_one_sync_and_see_each_other() {
    let disk = SimulatedDisk::default();
    let store = open(&disk).unwrap();
    store.commit(put("a/first", Precondition::None, 0)).await.unwrap();
    let before = store.stats();
    disk.hold_syncs(true);
    let mut first = std::pin::pin!(store.commit(put("a/held", Precondition::None, 0)));
    assert!(poll_immediate(&mut first).await.is_none());
    disk.wait_for_sync();
    let create = |number: i64| store.commit(put("a/once", Precondition::Absent, number));
    let own = |number: i64| store.commit(put(&format!("a/own{number}"), Precondition::None, number));
    let mut rest =
        std::pin::pin!(futures::future::join(join_all((0..9).map(create)), join_all((0..50).map(own))));
    assert!(poll_immediate(&mut rest).await.is_none());
    assert!(store.get(&Path::new("a/held")).await.unwrap().is_none(), "nobody sees what isn't durable");
    disk.hold_syncs(false);
    first.await.unwrap();
    let (created, owned) = rest.await;
    assert!(owned.iter().all(Result::is_ok));
    assert_eq!(created.iter().filter(|answer| answer.is_ok()).count(), 1, "one of nine creates it");
    assert!(created.iter().all(|answer| matches!(answer, Ok(_) | Err(StoreError::Conflict { .. }))));
    let after = store.stats();
    assert_eq!(after.commits - before.commits, 52);
    // Where the sync that was held is the checkpoint's, the first is among the others.
    let syncs = after.syncs - before.syncs;
    assert!(matches!(syncs, 1 | 2), "one for the first, one for all others: {syncs}");
}

#[tokio::test]
async fn watchers_hear_of_durable_changes_only() {
    let disk = SimulatedDisk::default();
    let store = open(&disk).unwrap();
    store.commit(put("a/w", Precondition::None, 1)).await.unwrap();
    let mut watch = store.watch(Watch::Document(Path::new("a/w"))).await.unwrap();
    watch.next().await.unwrap().unwrap();
    disk.hold_syncs(true);
    let mut commit = store.commit(put("a/w", Precondition::None, 2));
    assert!(poll_immediate(&mut commit).await.is_none());
    disk.wait_for_sync();
    assert!(poll_immediate(watch.next()).await.is_none());
    disk.hold_syncs(false);
    let version = commit.await.unwrap()[0];
    assert_eq!(watch.next().await.unwrap().unwrap().document.unwrap().version, version);
    drop(store);
    assert!(watch.next().await.unwrap().is_err(), "a watch ends with an error when the store closes");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_full_disk_refuses_and_then_goes_on() {
    let disk = SimulatedDisk::default();
    let store = open(&disk).unwrap();
    store.commit(put("a/1", Precondition::None, 1)).await.unwrap();
    disk.fail_writes(1);
    let refused = store.commit(put("a/2", Precondition::None, 2)).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("disk/journal-0000000001")),
        "{refused:?}"
    );
    assert!(store.get(&Path::new("a/2")).await.unwrap().is_none());
    store.commit(put("a/3", Precondition::None, 3)).await.unwrap();
    drop(store);
    let store = open(&disk).unwrap();
    let there = store.get_many(&["a/1", "a/2", "a/3"].map(Path::new)).await.unwrap();
    assert_eq!(there.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
}

/// Whoever asks whether it is ready hears of a full disk, and of its end, without anybody's commit.
#[tokio::test]
async fn readiness_follows_the_disk() {
    let disk = SimulatedDisk::default();
    let store = open(&disk).unwrap();
    store.ready().await.unwrap();
    store.commit(put("a/1", Precondition::None, 1)).await.unwrap();
    disk.fail_writes(3);
    assert!(store.commit(put("a/2", Precondition::None, 2)).await.is_err());
    for _ in 0..2 {
        let red = store.ready().await.unwrap_err();
        assert!(red.is_transient() && red.to_string().contains("has room"), "{red}");
    }
    store.ready().await.unwrap();
    store.commit(put("a/3", Precondition::None, 3)).await.unwrap();
    disk.fail_syncs(1);
    assert!(store.commit(put("a/4", Precondition::None, 4)).await.is_err());
    assert!(store.ready().await.is_err(), "nothing is known of a disk that failed to sync");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_written() {
    let disk = SimulatedDisk::default();
    let store = open(&disk).unwrap();
    store.commit(put("a/1", Precondition::None, 1)).await.unwrap();
    disk.fail_syncs(1);
    for _ in 0..2 {
        let refused = store.commit(put("a/2", Precondition::None, 2)).await;
        assert!(matches!(&refused, Err(e) if e.is_transient()), "{refused:?}");
        assert!(store.get(&Path::new("a/2")).await.unwrap().is_none());
    }
    assert!(store.get(&Path::new("a/1")).await.unwrap().is_some(), "reading goes on");
}

/// The highest version is kept even when its document is gone, and the file that had it.
#[tokio::test]
async fn versions_outlive_their_documents() {
    let disk = SimulatedDisk::default();
    let mut highest = Version(0);
    for _ in 0..3 {
        let store = super::open(&disk, Options { table_bytes: 512, ..Options::default() }).unwrap();
        for _ in 0..10 {
            let version = store.commit(put("a/x", Precondition::Absent, 1)).await.unwrap()[0];
            assert!(version > highest);
            highest = version;
            store.commit(vec![Write::delete(Path::new("a/x"), Precondition::At(version))]).await.unwrap();
        }
        while store.stats().flushes == 0 {
            store.commit(put("a/y", Precondition::None, 1)).await.unwrap();
        }
    }
}
