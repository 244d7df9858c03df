//! Builds: once per key, bounded, announced, logged.

use super::{Fixture, fixture::PATIENCE};
use futures::StreamExt as _;
use model::{
    document::log::{Head, head_path, segment_key},
    message::kind,
    port::target::BuildState,
};

/// And a repeat finds the first one's result.
pub async fn a_build_happens_once_and_announces_its_end(at: Fixture) {
    // The mark is outside of the work folder: a second build would add a second line.
    let marks = tempfile::tempdir().unwrap();
    let mark = marks.path().join("mark");
    let build = format!("echo built >> {}; echo to-err >&2", mark.display());
    let order = at.build_order("once", at.plan(Some("echo installed"), Some(&build)));
    let starts = (0..4).map(|_| at.target.start_build(order.clone()));
    for started in futures::future::join_all(starts).await {
        started.unwrap();
    }
    let state = at.built(&order).await;
    assert!(matches!(state, BuildState::Succeeded { .. }), "{state:?}");
    at.target.start_build(order.clone()).await.unwrap();
    assert_eq!(at.target.read_build(&order.key).await.unwrap(), state);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "built\n");
    let messages = at.heard.about(&order.deployment);
    assert!(
        messages.iter().all(|m| m.kind == kind::BUILD_ENDED && m.tenant == at.service.tenant),
        "{messages:?}"
    );
    let log = at.log(&order).await;
    let place = |stream: &str, text: &str| {
        log.iter().position(|line| (line.0.as_str(), line.1.as_str()) == (stream, text))
    };
    assert!(place("out", "installed").unwrap() < place("err", "to-err").unwrap(), "{log:?}");
}

/// Not an error.
pub async fn an_unknown_build_is_unknown(at: Fixture) {
    assert_eq!(at.target.read_build("nobody-knows-1").await.unwrap(), BuildState::Unknown);
    at.target.cancel_build("nobody-knows-1").await.unwrap();
}

/// With the command, its exit code and the end of the log.
pub async fn a_failing_build_says_why(at: Fixture) {
    let order = at.build_order("fails", at.plan(None, Some("echo one; echo two >&2; exit 7")));
    at.target.start_build(order.clone()).await.unwrap();
    let BuildState::Failed { reason, tail, .. } = at.built(&order).await else { panic!("it must fail") };
    assert!(reason.contains("code 7") && reason.contains("build command"), "{reason}");
    let mut tail = tail;
    tail.sort();
    assert_eq!(tail, ["one", "two"]);
    assert!(at.log(&order).await.last().unwrap().1.contains("code 7"));
    // An install that fails is not followed by the build.
    let order =
        at.build_order("fails-early", at.plan(Some("no-such-program-anywhere"), Some("echo unreachable")));
    at.target.start_build(order.clone()).await.unwrap();
    let BuildState::Failed { reason, .. } = at.built(&order).await else { panic!("it must fail") };
    assert!(reason.contains("install command") && reason.contains("not installed"), "{reason}");
    assert!(!at.log(&order).await.iter().any(|(stream, line)| stream == "out" && line == "unreachable"));
}

/// The pipe that its children hold tells when all of them are gone.
pub async fn a_hanging_build_is_killed_with_all_it_started(at: Fixture) {
    let place = tempfile::tempdir().unwrap();
    let fifo = place.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let hang = format!(
        "(trap '' TERM; sleep 1000) 9>{0} & trap '' TERM; sleep 1000 & exec 9>{0}; wait",
        fifo.display()
    );
    let mut order = at.build_order("hangs", at.plan(None, Some(&hang)));
    order.timeout_ms = 1500;
    at.target.start_build(order.clone()).await.unwrap();
    let gone = tokio::task::spawn_blocking(move || std::fs::read(fifo).unwrap());
    let BuildState::Failed { reason, .. } = at.built(&order).await else { panic!("it must fail") };
    assert!(reason.contains("longer than its 1.5 s"), "{reason}");
    tokio::time::timeout(PATIENCE, gone).await.expect("something of the build still runs").unwrap();
}

/// Soon, and it says so.
pub async fn a_cancelled_build_ends(at: Fixture) {
    let order = at.build_order("cancelled", at.plan(None, Some("echo begun; sleep 1000")));
    let mut heads = at.heads(&order).await;
    at.target.start_build(order.clone()).await.unwrap();
    // Its first lines are visible while it runs.
    let first = tokio::time::timeout(PATIENCE, heads.next()).await;
    let head = first.expect("the log of a running build never came").unwrap();
    assert!(!head.ended && head.lines > 0, "{head:?}");
    assert_eq!(at.target.read_build(&order.key).await.unwrap(), BuildState::Running);
    at.target.cancel_build(&order.key).await.unwrap();
    let BuildState::Failed { reason, .. } = at.built(&order).await else { panic!("it must fail") };
    assert!(reason.contains("cancelled"), "{reason}");
    at.target.cancel_build(&order.key).await.unwrap();
}

/// After the segment is there, rarely enough, and at the end of the build with all there is to say.
pub async fn the_head_of_a_log_tells_of_each_segment(at: Fixture) {
    let script = "for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.3; done";
    let order = at.build_order("told", at.plan(None, Some(script)));
    let mut heads = at.heads(&order).await;
    at.target.start_build(order.clone()).await.unwrap();
    let telling = async {
        let mut told = vec![];
        while let Some(head) = heads.next().await {
            let key = segment_key(&order.log_prefix, head.segment);
            assert!(at.objects.get(&key).await.unwrap().is_some(), "{head:?}");
            told.push(head);
            if told.last().is_some_and(|head| head.ended) {
                break;
            }
        }
        told
    };
    let told = tokio::time::timeout(PATIENCE, telling).await.expect("the end was never told of");
    assert!((2..=5).contains(&told.len()), "{told:?}");
    let log = at.log(&order).await;
    let last = told.last().unwrap();
    let segments = at.objects.list(&format!("{}/", order.log_prefix), None, 100).await.unwrap();
    assert_eq!((last.lines, last.segment as usize + 1), (log.len() as u64, segments.len()), "{last:?}");
    // It is told before the end of the build is.
    at.built(&order).await;
    let path = head_path(&order.service.tenant, &order.deployment);
    let head: Head = at.store.get(&path).await.unwrap().unwrap().body.parse().unwrap();
    assert_eq!(&head, last);
}

/// 60 MB of lines and one line of 10 MB.
pub async fn a_flood_of_output_is_bounded_and_its_end_is_kept(at: Fixture) {
    let flood = "yes 'a line of a flood that goes on and on and on' | head -c 60000000; \
                 head -c 10000000 /dev/zero | tr '\\0' x; echo; echo the-last-line";
    let order = at.build_order("floods", at.plan(None, Some(flood)));
    at.target.start_build(order.clone()).await.unwrap();
    let state = at.built(&order).await;
    assert!(matches!(state, BuildState::Succeeded { .. }), "{state:?}");
    let log = at.log(&order).await;
    let kept: usize = log.iter().map(|(_, line)| line.len() + 1).sum();
    assert!(kept < 20_000_000, "{kept} bytes were kept");
    assert!(log.iter().any(|(stream, line)| stream == "sys" && line.contains("are not kept")));
    assert!(log.iter().any(|(_, line)| line == "the-last-line"));
    assert!(log.iter().all(|(_, line)| line.len() < 10_000));
}

/// Neither literals nor what the redactor knows, also in the reason's tail.
pub async fn secrets_are_not_in_a_builds_log(at: Fixture) {
    let script = "echo my password is hunter2-hunter2; echo SECRET-abc; echo -----BEGIN KEY-----; echo secret-line; \
                  echo -----END KEY-----; echo visible; exit 1";
    let mut order = at.build_order("secrets", at.plan(None, Some(script)));
    order.redact = vec!["hunter2-hunter2".into()];
    at.target.start_build(order.clone()).await.unwrap();
    let BuildState::Failed { tail, .. } = at.built(&order).await else { panic!("it must fail") };
    assert_eq!(tail, ["my password is ***", "***", "***", "***", "***", "visible"]);
    let log = at.log(&order).await;
    let output = log.iter().filter(|(stream, _)| stream == "out").map(|(_, line)| line.as_str());
    assert_eq!(output.collect::<Vec<_>>(), tail);
    assert!(!log.iter().any(|(_, line)| line.contains("hunter2-hunter2")), "{log:?}");
}
