//! Revisions: created once, without traffic, supervised, clean.

use super::{Fixture, fixture::PATIENCE, http::get};
use futures::future::join_all;
use model::port::{
    PortError,
    target::{Bounds, Gone, LogPosition, Operation, Probe, Settings, TargetError},
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// It is reached at its own address alone.
pub async fn a_new_revision_takes_no_traffic(at: Fixture) {
    let unknown = at.target.traffic(&at.service).await;
    assert!(matches!(unknown, Err(TargetError::Gone { what: Gone::Service, .. })), "{unknown:?}");
    let released = at.release("one").await;
    assert!(at.target.traffic(&at.service).await.unwrap().weights.is_empty());
    assert_eq!(at.version(&released.revision_url).await, "one");
    let reply = get(&released.url, "/").await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let probe = at.target.probe(&at.service, &released.revision, "/status/404").await.unwrap();
    assert!(probe.healthy, "below 500 is healthy: {}", probe.detail);
    let probe = at.target.probe(&at.service, &released.revision, "/status/500").await.unwrap();
    assert!(!probe.healthy && !probe.dead && probe.detail.contains("500"), "{}", probe.detail);
}

/// Also by callers at the same time.
pub async fn a_revision_is_created_once(at: Fixture) {
    let artifact = at.artifact("one").await;
    let order = at.revision_order("one", &artifact);
    let creations = (0..4).map(|_| at.target.create_revision(order.clone()));
    let released: Vec<_> =
        futures::future::join_all(creations).await.into_iter().map(Result::unwrap).collect();
    assert!(released.iter().all(|one| *one == released[0]));
    at.healthy(&order.revision).await;
    let process = at.process(&released[0].revision_url).await;
    at.target.create_revision(order.clone()).await.unwrap();
    assert_eq!(at.process(&released[0].revision_url).await, process);
    let mut missing = at.revision_order("two", "no-such-artifact");
    missing.tag = "two".into();
    let refused = at.target.create_revision(missing).await;
    assert!(matches!(refused, Err(TargetError::Gone { what: Gone::Artifact(_), .. })), "{refused:?}");
    assert_eq!(at.target.read_release(&at.service, "nobody-made-it").await.unwrap(), Operation::Unknown);
}

async fn dead(at: &Fixture, revision: &str) -> Probe {
    let probing = async {
        loop {
            let probe = at.target.probe(&at.service, revision, "/").await.unwrap();
            if probe.dead {
                return probe;
            }
            assert!(!probe.healthy, "{}", probe.detail);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, probing).await.expect("it was never called dead")
}

/// With its last lines.
pub async fn a_revision_that_exits_is_dead_and_says_why(at: Fixture) {
    let artifact = at.artifact("one").await;
    let mut order = at.revision_order("exits", &artifact);
    order.plan.start_command = Some("echo no database at $DB; exit 3".into());
    let revision = at.target.create_revision(order).await.unwrap().revision;
    let probe = dead(&at, &revision).await;
    assert!(probe.detail.contains("code 3") && probe.detail.contains("no database"), "{}", probe.detail);
    let mut order = at.revision_order("missing", &artifact);
    order.plan.start_command = Some("no-such-program-anywhere --port $PORT".into());
    let revision = at.target.create_revision(order).await.unwrap().revision;
    let probe = dead(&at, &revision).await;
    assert!(probe.detail.contains("not installed"), "{}", probe.detail);
}

/// But it isn't dead.
pub async fn a_revision_that_never_listens_is_not_healthy(at: Fixture) {
    let artifact = at.artifact("one").await;
    let mut order = at.revision_order("deaf", &artifact);
    order.plan.start_command = Some("sleep 1000".into());
    let revision = at.target.create_revision(order).await.unwrap().revision;
    let probe = at.target.probe(&at.service, &revision, "/").await.unwrap();
    assert!(!probe.healthy && !probe.dead && probe.detail.contains("listen"), "{}", probe.detail);
    at.target.retire(&at.service, &[], &[]).await.unwrap();
}

/// The app writes its secret at its start.
pub async fn secrets_are_not_in_a_runtime_log(at: Fixture) {
    let released = at.release("one").await;
    let log = at.wrote(&released.revision, "listening on").await;
    assert!(log.iter().any(|line| line.contains("listening on") && line.contains("***")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("correct-horse")), "{log:?}");
    let none = at.target.runtime_log(&at.service, &released.revision, None, 0).await.unwrap();
    assert!(none.lines.is_empty());
}

/// Each line once, however few are asked for at a time, and what is written later from there on.
pub async fn a_runtime_log_goes_on_from_a_position(at: Fixture) {
    let artifact = at.artifact("one").await;
    let mut order = at.revision_order("talks", &artifact);
    let gates = tempfile::tempdir().unwrap();
    let gate = gates.path().join("gate");
    order.plan.start_command = Some(format!(
        "echo one; echo two; echo three; while [ ! -e {} ]; do sleep 0.05; done; echo four; echo five; sleep 1000",
        gate.display()
    ));
    let revision = at.target.create_revision(order).await.unwrap().revision;
    at.wrote(&revision, "three").await;
    let newest = at.target.runtime_log(&at.service, &revision, None, 2).await.unwrap();
    assert_eq!(newest.lines, ["two", "three"]);
    let nothing = at.target.runtime_log(&at.service, &revision, Some(&newest.next), 10).await.unwrap();
    assert_eq!((nothing.lines.len(), nothing.missed), (0, false));
    std::fs::write(gate, "").unwrap();
    at.wrote(&revision, "five").await;
    let (mut seen, mut from) = (vec![], nothing.next);
    for _ in 0..2 {
        let found = at.target.runtime_log(&at.service, &revision, Some(&from), 1).await.unwrap();
        assert!(!found.missed);
        seen.extend(found.lines);
        from = found.next;
    }
    assert_eq!(seen, ["four", "five"]);
    let wrong = LogPosition("no place of ours".into());
    let refused = at.target.runtime_log(&at.service, &revision, Some(&wrong), 1).await;
    assert!(matches!(&refused, Err(TargetError::Port(PortError::Permanent(_)))), "{refused:?}");
    at.target.retire(&at.service, &[], &[]).await.unwrap();
}

/// What was taken back is read afterwards, from where a reader was, also when the revision is gone.
pub async fn a_log_outlives_its_revision(at: Fixture) {
    for (name, away) in [("discarded", true), ("retired", false)] {
        let artifact = at.artifact(name).await;
        let mut order = at.revision_order(name, &artifact);
        order.plan.start_command = Some(format!("echo first words of {name}; echo no database; exit 3"));
        let revision = at.target.create_revision(order).await.unwrap().revision;
        let first = at.wrote(&revision, "first words").await;
        assert!(first.contains(&format!("first words of {name}")), "{first:?}");
        dead(&at, &revision).await;
        if away {
            at.target.discard(&at.service, &revision).await.unwrap();
        } else {
            at.target.retire(&at.service, &[], &[]).await.unwrap();
        }
        let log = at.target.runtime_log(&at.service, &revision, None, 100).await.unwrap();
        assert!(log.lines.iter().any(|line| line == "no database"), "{log:?}");
        let more = at.target.runtime_log(&at.service, &revision, Some(&log.next), 100).await.unwrap();
        assert_eq!((more.lines.len(), more.missed), (0, false));
    }
    let unknown = at.target.runtime_log(&at.service, "nobody-knows-it", None, 10).await;
    assert!(matches!(&unknown, Err(TargetError::Gone { .. })), "{unknown:?}");
}

/// What was ordered, where it listens, what it is called; nothing of ours.
pub async fn an_apps_environment_is_clean(at: Fixture) {
    let released = at.release("one").await;
    let environment = get(&released.revision_url, "/environment").await.body;
    let value = |name: &str| environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    assert_eq!(value("VERSION"), Some("one"));
    assert_eq!(value("K_REVISION"), Some(released.revision.as_str()));
    assert_eq!(value("K_SERVICE"), Some(at.service.service.as_str()));
    for needed in ["PATH", "HOME", "PORT"] {
        assert!(value(needed).is_some_and(|value| !value.is_empty()), "{needed}: {environment}");
    }
    assert!(!environment.lines().any(|line| line.starts_with("CARGO")), "{environment}");
}

/// And the death is counted.
pub async fn what_dies_is_started_again(at: Fixture) {
    let released = at.release("one").await;
    at.shift(&[(&released, 100)], "k1").await;
    let from = (at.now_ms)() - 60_000;
    let process = get(&released.url, "/process").await.body;
    let reply = get(&released.url, "/exit/3").await;
    assert_eq!(reply.status, 502, "an app that dies while it answers is a bad gateway: {}", reply.body);
    let again = at.until(&released.url, "/process", |reply| reply.status == 200).await;
    assert_ne!(again.body, process);
    let window = model::port::target::Window {
        from: model::Timestamp(from),
        to: model::Timestamp((at.now_ms)() + 2000),
    };
    let seen =
        at.target.observe(&at.service, window).await.unwrap().revisions.remove(&released.revision).unwrap();
    assert_eq!(seen.starts, 2);
    // A repeated GET may have met the second process, which then left as well.
    assert!(seen.crashes >= 1, "{seen:?}");
    assert!(seen.server_errors >= 1, "{seen:?}");
}

/// And requests meanwhile wait.
pub async fn a_restart_makes_a_new_process(at: Fixture) {
    let released = at.release("one").await;
    at.shift(&[(&released, 100)], "k1").await;
    let process = get(&released.url, "/process").await.body;
    // Always some under way: neither do those that wait keep the restart from happening, nor is one cut off.
    let answered = AtomicUsize::new(0);
    let ask = async |_| {
        for _ in 0..50 {
            let reply = get(&released.url, "/").await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let restart = async {
        while answered.load(Ordering::Relaxed) < 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        at.target.restart(&at.service, &released.revision, "k2").await
    };
    let (restarted, _) = tokio::join!(restart, join_all((0..8).map(ask)));
    restarted.unwrap();
    let after = get(&released.url, "/process").await;
    assert_ne!(after.body, process);
    assert_eq!(after.status, 200);
    at.target.restart(&at.service, &released.revision, "k2").await.unwrap();
    assert_eq!(get(&released.url, "/process").await.body, after.body, "a repeat restarts nothing");
    at.target.restart(&at.service, &released.revision, "k3").await.unwrap();
    let third = get(&released.url, "/process").await.body;
    assert!(third != after.body && third != process);
    at.target.restart(&at.service, &released.revision, "k2").await.unwrap();
    assert_eq!(get(&released.url, "/process").await.body, third, "nor does a late one");
}

/// What takes traffic goes on, whatever is asked; the others come back with traffic.
pub async fn what_is_stopped_is_remembered(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&one, 100)], "k1").await;
    let process = get(&one.url, "/process").await.body;
    let both = [one.revision.clone(), two.revision.clone(), "nobody-knows-it".to_owned()];
    at.target.stop(&at.service, &both).await.unwrap();
    assert_eq!(get(&one.url, "/process").await.body, process);
    if at.target.name() == "machine" {
        assert!(!at.target.probe(&at.service, &two.revision, "/").await.unwrap().healthy);
    }
    at.shift(&[(&two, 100)], "k2").await;
    assert_eq!(at.version(&two.url).await, "two");
}

/// It is promised and done, or it isn't promised and nothing changes.
pub async fn bounds_are_set_or_refused(at: Fixture) {
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k1").await;
    let before = at.target.traffic(&at.service).await.unwrap();
    let bounds = Bounds { min: Some(1), max: Some(3) };
    let settings = Settings { bounds, concurrency: None };
    let scaled = at.target.configure(&at.service, settings, "k2").await;
    if at.target.capabilities().scale {
        scaled.unwrap();
        at.target.configure(&at.service, settings, "k2").await.unwrap();
    } else {
        assert!(matches!(&scaled, Err(TargetError::Port(PortError::Permanent(_)))), "{scaled:?}");
    }
    assert_eq!(at.target.traffic(&at.service).await.unwrap(), before);
    assert_eq!(at.version(&one.url).await, "one");
}

/// Also when the revision that was made from it is gone.
pub async fn what_was_built_is_released_again(at: Fixture) {
    let (stable, artifact) = (at.release("stable").await, at.artifact("one").await);
    at.shift(&[(&stable, 100)], "k1").await;
    let first = at.target.create_revision(at.revision_order("first", &artifact)).await.unwrap();
    at.healthy(&first.revision).await;
    at.target.discard(&at.service, &first.revision).await.unwrap();
    let again = at.target.create_revision(at.revision_order("again", &artifact)).await.unwrap();
    at.healthy(&again.revision).await;
    at.answers(&again.revision_url, "again").await;
    at.target.retire(&at.service, std::slice::from_ref(&stable.revision), &[]).await.unwrap();
    let third = at.target.create_revision(at.revision_order("third", &artifact)).await.unwrap();
    at.healthy(&third.revision).await;
}

/// With its processes, its artifacts and its tokens; a repeat is fine, and the name is free.
pub async fn a_deleted_service_is_gone_and_made_anew(at: Fixture) {
    at.target.delete(&at.service).await.unwrap();
    let artifact = at.artifact("one").await;
    let one = at.target.create_revision(at.revision_order("one", &artifact)).await.unwrap();
    at.healthy(&one.revision).await;
    let old = at.shift(&[(&one, 100)], "k1").await;
    at.target.delete(&at.service).await.unwrap();
    at.target.delete(&at.service).await.unwrap();
    let traffic = at.target.traffic(&at.service).await;
    assert!(matches!(traffic, Err(TargetError::Gone { what: Gone::Service, .. })), "{traffic:?}");
    if at.has_processes() {
        let reply = get(&one.url, "/").await;
        assert_eq!(reply.status, 404, "{}", reply.body);
        let refused = at.target.create_revision(at.revision_order("one", &artifact)).await;
        assert!(matches!(refused, Err(TargetError::Gone { what: Gone::Artifact(_), .. })), "{refused:?}");
    }
    let two = at.release("two").await;
    let all = std::collections::BTreeMap::from([(two.revision.clone(), 100)]);
    let stale = at.target.set_traffic(&at.service, &old.token, &all, "k9").await;
    assert!(matches!(stale, Err(TargetError::Stale { .. })), "{stale:?}");
    at.shift(&[(&two, 100)], "k1").await;
    at.answers(&two.url, "two").await;
}
