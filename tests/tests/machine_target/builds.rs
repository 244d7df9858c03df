//! Builds: what is seen of one while it begins, while the target ends, and long after it.

use super::{now_ms, world, world_by, world_of};
use async_trait::async_trait;
use machine::target::Limits;
use model::{
    Timestamp,
    port::{
        Clock,
        target::{BuildState, Plan},
    },
    time::{DAY_MS, HOUR_MS},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tests::conformance::target::PATIENCE;

fn plan(command: &str) -> Plan {
    Plan {
        install_command: Some(command.to_owned()),
        start_command: Some("sleep 1".to_owned()),
        ..Plan::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_begins_never_reads_as_failed() {
    let (at, _target) = world().await;
    for number in 0..20 {
        let order = at.build_order(&format!("b{number}"), plan("true"));
        let (target, key) = (at.target.clone(), order.key.clone());
        let begun = Arc::new(AtomicBool::new(false));
        let reading = begun.clone();
        let reader = tokio::spawn(async move {
            let mut failed = None;
            while !reading.load(Ordering::SeqCst) {
                let state = target.read_build(&key).await.unwrap();
                failed = failed.or_else(|| matches!(state, BuildState::Failed { .. }).then_some(state));
                tokio::task::yield_now().await;
            }
            failed
        });
        at.target.start_build(order).await.unwrap();
        begun.store(true, Ordering::SeqCst);
        assert_eq!(reader.await.unwrap(), None);
    }
}

/// One at a time, the others in the order they came; one that is cancelled in the queue never begins.
#[tokio::test(flavor = "multi_thread")]
async fn builds_wait_for_their_turn_and_say_so() {
    let (at, _target) = world_of(1).await;
    let marks = tempfile::tempdir().unwrap();
    let mark = |name: &str| plan(&format!("touch {}/{name}", marks.path().display()));
    let long = at.build_order("long", plan("sleep 600"));
    let (next, later) = (at.build_order("next", mark("next")), at.build_order("later", mark("later")));
    for order in [&long, &next, &later] {
        at.target.start_build(order.clone()).await.unwrap();
    }
    at.target.start_build(next.clone()).await.unwrap();
    let target = at.target.clone();
    let state = |key: String| {
        let target = target.clone();
        async move { target.read_build(&key).await.unwrap() }
    };
    assert_eq!(state(long.key.clone()).await, BuildState::Running);
    assert_eq!(state(next.key.clone()).await, BuildState::Queued { ahead: 0, slots: 1 });
    assert_eq!(state(later.key.clone()).await, BuildState::Queued { ahead: 1, slots: 1 });
    at.target.cancel_build(&later.key).await.unwrap();
    let BuildState::Failed { reason, .. } = at.built(&later).await else { panic!("it must fail") };
    assert!(reason.contains("before it began"), "{reason}");
    assert_eq!(state(next.key.clone()).await, BuildState::Queued { ahead: 0, slots: 1 });
    at.target.cancel_build(&long.key).await.unwrap();
    let built = at.built(&next).await;
    assert!(matches!(built, BuildState::Succeeded { .. }), "{built:?}");
    assert!(marks.path().join("next").exists() && !marks.path().join("later").exists());
}

/// The tree is what was ordered, or nothing is built of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_not_the_one_ordered_is_not_built() {
    let (at, _target) = world().await;
    let mut order = at.build_order("other", plan("true"));
    order.archive.manifest.digest = "0".repeat(64).parse().unwrap();
    at.target.start_build(order.clone()).await.unwrap();
    let BuildState::Failed { reason, .. } = at.built(&order).await else { panic!("it must fail") };
    assert!(reason.contains("digest"), "{reason}");
    let mut order = at.build_order("gone", plan("true"));
    order.archive.key = "sources/tests/none".to_owned();
    let error = at.target.start_build(order.clone()).await.unwrap_err();
    assert!(error.to_string().contains("not there any more"), "{error}");
    assert_eq!(at.target.read_build(&order.key).await.unwrap(), BuildState::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_goes_on_when_the_target_ends_and_reads_so() {
    let (at, target) = world().await;
    let order = at.build_order("long", plan("sleep 600"));
    let key = order.key.clone();
    at.target.start_build(order).await.unwrap();
    target.shutdown().await;
    assert_eq!(at.target.read_build(&key).await.unwrap(), BuildState::Running);
    at.target.cancel_build(&key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_a_build_do_not_share_segments() {
    let (at, _target) = world().await;
    let first = at.build_order("one", plan("echo first"));
    let mut second = at.build_order("two", plan("echo second"));
    (second.log_prefix, second.log_from) = (first.log_prefix.clone(), 100_000);
    let prefix = format!("{}/", first.log_prefix);
    for order in [first, second] {
        at.target.start_build(order.clone()).await.unwrap();
        at.built(&order).await;
    }
    let keys = at.objects.list(&prefix, None, 100).await.unwrap();
    let of_second = keys.iter().filter(|key| key.contains("/1000")).count();
    assert!(of_second > 0 && of_second < keys.len(), "{keys:?}");
    let mut text = vec![];
    for key in &keys {
        text.extend_from_slice(&at.objects.get(key).await.unwrap().unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.find("\"first\"").unwrap() < text.find("\"second\"").unwrap(), "{text}");
}

/// Real time, and some more.
struct Ahead(AtomicI64);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.real()
    }

    fn real(&self) -> Timestamp {
        Timestamp(now_ms() + self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_was_never_released_goes_without_a_restart_and_a_released_one_stays() {
    let data = tempfile::tempdir().unwrap();
    let folders = [data.path().join("builds"), data.path().join("artifacts")];
    let clock = Arc::new(Ahead(AtomicI64::new(0)));
    let (at, _target) = world_by(data, Limits::default(), clock.clone()).await;
    let (unreleased, released) = (at.artifact("idle").await, at.release("one").await);
    let there = |name: &str| folders.iter().filter(|folder| folder.join(name).exists()).count();
    let kept = || std::fs::read_dir(&folders[1]).unwrap().count();
    assert_eq!((there(&unreleased), kept()), (2, 2));
    clock.0.store(7 * DAY_MS + HOUR_MS, Ordering::SeqCst);
    let tidied = async {
        while there(&unreleased) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tidied).await.expect("it was never removed");
    assert_eq!((kept(), at.version(&released.revision_url).await.as_str()), (1, "one"));
}
