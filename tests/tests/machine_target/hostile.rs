//! Clients and apps that don't behave: the ingress stays bounded, refuses what is ambiguous, and blames whom it
//! should.

use super::{now_ms, world, world_with};
use machine::target::Limits;
use model::{
    Timestamp,
    port::target::{RevisionWindow, Window},
};
use std::{process::Command, time::Duration};
use tests::conformance::target::{
    Fixture, PATIENCE,
    http::{get, open, raw, send},
};
use tokio::io::AsyncReadExt as _;

/// What `revision` did in the last minute, once that is `enough`.
async fn counted(at: &Fixture, revision: &str, enough: impl Fn(&RevisionWindow) -> bool) -> RevisionWindow {
    let began = now_ms() - 60_000;
    let counting = async {
        loop {
            let window = Window { from: Timestamp(began), to: Timestamp(now_ms() + 2000) };
            let mut seen = at.target.observe(&at.service, window).await.unwrap().revisions;
            if let Some(seen) = seen.remove(revision).filter(&enough) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counting).await.expect("it was never counted")
}

/// Signals one process of a test, never a group.
fn signal(process: &str, signal: &str) {
    let process: u32 = process.trim().parse().unwrap();
    assert!(process > 1, "{process} is not a process of a test");
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_an_answer_is_no_server_error() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let silent = open(&one.url, "GET /slow/600000", "").await;
    // The app has it: what another request is told of its threads would tell, but not when; leaving early is the
    // same to the ingress.
    assert_eq!(get(&one.url, "/").await.status, 200);
    drop(silent);
    // One more, so that whatever the first came to is counted by then.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(get(&one.url, "/").await.status, 200);
    let seen = counted(&at, &one.revision, |seen| seen.requests >= 2).await;
    assert_eq!((seen.requests, seen.client_errors, seen.server_errors), (2, 0, 0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_badly_is_no_failure_of_the_app() {
    let limits = Limits { answer: Duration::from_millis(600), ..Limits::default() };
    let (at, _target) = world_with(limits).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let host = one.url.trim_start_matches("http://").to_owned();
    let post = |lines: &str| format!("POST /slow/100 HTTP/1.1\r\nhost: {host}\r\n{lines}");
    // A chunk whose size is none, and a body that is chunked and then something else.
    for bad in ["zz\r\nx\r\n", "4\r\nfour\r\nnonsense\r\n"] {
        let reply =
            raw(&one.url, &post(&format!("connection: close\r\ntransfer-encoding: chunked\r\n\r\n{bad}")))
                .await;
        assert_eq!(reply.status, 400, "{bad:?}: {} {}", reply.head, reply.body);
    }
    // Half a body, then silence: an app that doesn't mind has answered, and nobody waits for the rest.
    let slow = raw(&one.url, &post("content-length: 100\r\n\r\nhalf")).await;
    assert_eq!(slow.status, 200, "{}", slow.head);
    // One that wants all of it can't be blamed.
    let all = format!("POST /whole HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\nhalf");
    let slow = raw(&one.url, &all).await;
    assert_eq!(slow.status, 408, "{} {}", slow.head, slow.body);
    for _ in 0..5 {
        drop(open(&one.url, "POST /never", "content-length: 100\r\n").await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(get(&one.url, "/").await.status, 200);
    let seen = counted(&at, &one.revision, |seen| seen.requests >= 2).await;
    assert_eq!((seen.requests, seen.server_errors, seen.client_errors), (2, 0, 0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_the_revisions_server_error() {
    let (at, _target) = world().await;
    let artifact = at.artifact("one").await;
    let mut order = at.revision_order("deaf", &artifact);
    // Its server leaves, but the process that is watched stays.
    order.plan.start_command = Some(format!("{}; sleep 1000", at.app.start_command));
    let one = at.target.create_revision(order).await.unwrap();
    at.healthy(&one.revision).await;
    at.shift(&[(&one, 100)], "k").await;
    assert_eq!(send(&one.url, "POST /exit/0", "content-length: 0\r\n").await.status, 502);
    let reply = at.until(&one.url, "/", |reply| reply.body.contains("refused")).await;
    assert_eq!(reply.status, 502, "{}", reply.body);
    let before = counted(&at, &one.revision, |seen| seen.requests >= 2).await;
    for _ in 0..10 {
        assert_eq!(get(&one.url, "/").await.status, 502);
    }
    let after = counted(&at, &one.revision, |seen| seen.requests >= before.requests + 10).await;
    assert_eq!(after.server_errors, before.server_errors + 10);
    assert_eq!((after.server_errors, after.crashes), (after.requests, 0), "{after:?}");
    let probe = at.target.probe(&at.service, &one.revision, "/").await.unwrap();
    assert!(!probe.healthy && probe.detail.contains("refused"), "{}", probe.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_app_is_given_up_on_and_blamed() {
    let (at, _target) = world_with(Limits { answer: Duration::from_millis(400), ..Limits::default() }).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let process = get(&one.url, "/process").await.body;
    signal(&process, "-STOP");
    let replies = futures::future::join_all([get(&one.url, "/"), get(&one.url, "/a")]).await;
    for reply in replies {
        assert_eq!(reply.status, 504, "{}", reply.body);
        assert!(reply.body.contains("too-slow") && reply.body.contains("within 0.4 s"), "{}", reply.body);
    }
    let seen = counted(&at, &one.revision, |seen| seen.requests >= 3).await;
    assert_eq!((seen.requests, seen.server_errors), (3, 2), "{seen:?}");
    signal(&process, "-CONT");
    at.until(&one.url, "/process", |reply| reply.body == process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_cut_off() {
    let (at, _target) = world_with(Limits { head: Duration::from_millis(300), ..Limits::default() }).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    // A client that sends nothing, and one that sends half a head.
    for beginning in ["", "GET / HTTP/1.1\r\nx-slow: "] {
        let reply = raw(&one.url, beginning).await;
        assert!(matches!(reply.status, 0 | 408), "{beginning:?}: {}", reply.head);
    }
    // Slow answers are not slow heads.
    assert_eq!(get(&one.url, "/slow/900").await.status, 200);
    let large = format!("x-large: {}\r\n", "x".repeat(2 * Limits::default().head_bytes));
    assert_eq!(send(&one.url, "GET /", &large).await.status, 431);
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    assert_eq!(send(&one.url, "GET /", &many).await.status, 431);
    assert_eq!(counted(&at, &one.revision, |_| true).await.requests, 1, "no app saw any of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded() {
    let (at, _target) = world_with(Limits { connections: 4, ..Limits::default() }).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = open(&one.url, "GET /", "").await;
        tests::conformance::target::http::read_until(&mut stream, b"version one\n").await;
        held.push(stream);
    }
    // Nothing is sent: closing a connection with unread bytes would lose the answer on its way.
    let full = raw(&one.url, "").await;
    assert_eq!(full.status, 503, "{}", full.head);
    assert!(full.body.contains("too-many-connections"), "{}", full.body);
    drop(held);
    at.until(&one.url, "/", |reply| reply.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_request_are_bounded_in_number_and_time() {
    let limits = Limits { connections: 4, idle: 2, head: Duration::from_millis(700), ..Limits::default() };
    let (at, _target) = world_with(limits).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = open(&one.url, "GET /", "").await;
        let seen = tests::conformance::target::http::read_until(&mut stream, b"version one\n").await;
        let told = String::from_utf8_lossy(&seen).to_lowercase().contains("connection: close");
        assert_eq!(told, held.len() >= 2, "{}", held.len());
        held.push(stream);
    }
    assert_eq!(get(&one.url, "/").await.status, 200, "there is room for whoever asks something");
    let mut rest = Vec::new();
    let closed = held[0].read_to_end(&mut rest);
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("it stayed for ever").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_what_else_is_here() {
    let (at, target) = world().await;
    at.release("one").await;
    let url = format!("http://127.0.0.1:{}", target.ingress_port());
    for host in ["other.localhost", "127.0.0.1", "one---other.localhost"] {
        let reply = raw(&url, &format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")).await;
        assert_eq!(reply.status, 404, "{host}");
        assert!(!reply.body.contains(at.service.service.as_str()), "{}", reply.body);
    }
}

/// Whether a process runs; a zombie doesn't.
fn runs(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_left_in_a_session_of_its_own_ends_with_it() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let mut daemons = vec![get(&one.url, "/daemon/0").await.body];
    // Without our mark in its environment only a control group can tell whose it is.
    let process = get(&one.url, "/process").await.body;
    let group = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap();
    if group.contains("/sextant-") {
        daemons.push(get(&one.url, "/daemon/1").await.body);
    }
    assert!(daemons.iter().all(|daemon| runs(daemon)), "{daemons:?}");
    at.target.restart(&at.service, &one.revision, "again").await.unwrap();
    for daemon in &daemons {
        let ended = async {
            while runs(daemon) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("a daemon outlived its app");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_hosts_are_understood_or_refused() {
    let (at, target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let (port, name) = (target.ingress_port(), at.service.service.as_str());
    let ask = |head: String| {
        let url = one.url.clone();
        async move { raw(&url, &format!("{head}connection: close\r\n\r\n")).await }
    };
    let get = "GET / HTTP/1.1\r\n";
    for host in [
        format!("{name}.localhost"),
        format!("{name}.localhost.:{port}"),
        format!("{}.LOCALHOST:{port}", name.to_uppercase()),
        format!("one---{name}.localhost:1"),
    ] {
        let reply = ask(format!("{get}host: {host}\r\n")).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "version one\n"), "{host}");
    }
    // An absolute address outranks the header, and is what the app is told.
    let absolute =
        format!("GET http://{name}.localhost:{port}/headers HTTP/1.1\r\nhost: other.localhost\r\n");
    let reply = ask(absolute).await;
    assert!(reply.body.contains(&format!("host: {name}.localhost:{port}\n")), "{}", reply.body);
    assert!(!reply.body.contains("other.localhost"), "{}", reply.body);
    for (head, status) in [
        (get.to_owned(), 400),
        (format!("{get}host: {name}.localhost\r\nhost: {name}.localhost\r\n"), 400),
        (format!("{get}host: {name}.localhost, x\r\n"), 400),
        (format!("{get}host: a@{name}.localhost\r\n"), 400),
        (format!("{get}host: {name}.localhost/x\r\n"), 400),
        (format!("{get}host: \r\n"), 404),
        (format!("{get}host: [::1]:{port}\r\n"), 404),
        (format!("{get}host: {name}.localhost.example.com\r\n"), 404),
        ("GET / HTTP/1.0\r\n".to_owned(), 404),
        (format!("CONNECT {name}.localhost:{port} HTTP/1.1\r\nhost: {name}.localhost:{port}\r\n"), 405),
    ] {
        let reply = ask(head.clone()).await;
        assert_eq!(reply.status, status, "{head}: {}", reply.body);
    }
    // A service's own port needs no host that it knows.
    let own = target.addresses(&at.service).unwrap().own;
    for head in ["GET / HTTP/1.0\r\n", "GET / HTTP/1.1\r\nhost: [::1]\r\n", "GET / HTTP/1.1\r\nhost: \r\n"] {
        let reply = raw(&own, &format!("{head}connection: close\r\n\r\n")).await;
        assert_eq!(reply.body, "version one\n", "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_one_length() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let host = one.url.trim_start_matches("http://").to_owned();
    let post = |lines: &str| {
        let text = format!(
            "POST /headers HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{lines}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: {host}\r\n\r\n"
        );
        let url = one.url.clone();
        async move { raw(&url, &text).await }
    };
    for bad in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 5\r\n",
        "content-length: +4\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "transfer-encoding: \u{b}chunked\r\n",
    ] {
        let reply = post(bad).await;
        assert_eq!(reply.status, 400, "{bad:?}: {}", reply.body);
    }
    // Both: the app gets one of them, and nothing of what follows on its connection.
    for both in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ] {
        let reply = post(both).await;
        assert_eq!(reply.status, 200, "{}", reply.head);
        let seen = reply.body.to_lowercase();
        assert!(seen.contains("transfer-encoding: chunked") && !seen.contains("content-length"), "{seen}");
        assert!(!reply.body.contains("smuggled") && reply.body.matches("POST /headers").count() == 1);
    }
    // Nothing but the two requests reached the app.
    assert_eq!(counted(&at, &one.revision, |seen| seen.requests >= 2).await.requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_web_sockets_are_tunnelled() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let upgrade =
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    let mut stream = open(&one.url, "GET /headers", upgrade).await;
    let mut seen = tests::conformance::target::http::read_until(&mut stream, b"x-forwarded-proto").await;
    drop(stream.read(&mut [0; 1]).await);
    seen.make_ascii_lowercase();
    let seen = String::from_utf8(seen).unwrap();
    assert!(
        seen.starts_with("http/1.1 200") && !seen.contains("h2c") && !seen.contains("http2-settings"),
        "{seen}"
    );
}
