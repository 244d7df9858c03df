//! What is counted, what it costs, and that bytes pass as they come.

use super::{
    Fixture,
    http::{get, open, read_until, send},
};
use model::{
    Timestamp,
    port::target::{PathCounts, Window},
};
use std::collections::BTreeMap;
use tokio::io::AsyncWriteExt as _;

/// By revision, class and latency; adjacent windows share nothing.
pub async fn windows_count_each_request_once(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&one, 50), (&two, 50)], "k").await;
    let from = Timestamp((at.now_ms)() - 1000);
    for _ in 0..20 {
        assert_eq!(get(&one.url, "/").await.status, 200);
    }
    for _ in 0..10 {
        assert_eq!(get(&one.revision_url, "/status/404").await.status, 404);
        assert_eq!(get(&one.revision_url, "/status/503").await.status, 503);
    }
    // Cut off in the middle counts as an error although it began with 200.
    get(&one.revision_url, "/cut").await;
    // A POST is never repeated.
    assert_eq!(send(&one.revision_url, "POST /hang-up", "content-length: 0\r\n").await.status, 502);
    let middle = Timestamp((at.now_ms)());
    let to = middle.plus(2000);
    let mut sum = (0, 0, 0, 0);
    let mut latencies = 0;
    for window in [Window { from, to: middle }, Window { from: middle, to }] {
        let seen = at.target.observe(&at.service, window).await.unwrap();
        for (name, revision) in seen.revisions {
            let counted: u32 = revision.latency.iter().map(|(_, count)| count).sum();
            assert_eq!(u64::from(counted), revision.requests, "each request has one latency");
            latencies += u64::from(counted);
            sum.0 += revision.requests;
            sum.1 += revision.client_errors;
            sum.2 += revision.server_errors;
            sum.3 += revision.bytes_out;
            if name == two.revision {
                assert_eq!((revision.client_errors, revision.server_errors), (0, 0));
            }
        }
    }
    assert_eq!((sum.0, sum.1, sum.2), (42, 10, 12));
    assert_eq!(latencies, 42);
    assert!(sum.3 >= 20 * "version one\n".len() as u64, "{} bytes", sum.3);
    let empty =
        at.target.observe(&at.service, Window { from: Timestamp(0), to: Timestamp(1000) }).await.unwrap();
    assert!(empty.revisions.values().all(|revision| revision.requests == 0));
}

/// By form of path and class of status, or not at all.
pub async fn paths_are_counted_by_form_or_not_known(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&one, 100)], "k").await;
    let from = Timestamp((at.now_ms)());
    let soon = Window { from, to: from.plus(1000) };
    if at.target.observe_paths(&at.service, soon).await.unwrap().is_none() {
        // Then it is told of no revision at any time.
        let ever = Window { from: Timestamp(0), to: from };
        assert_eq!(at.target.observe_paths(&at.service, ever).await.unwrap(), None);
        return;
    }
    for number in 0..6 {
        assert_eq!(get(&one.url, &format!("/orders/{number}?page=2")).await.status, 200);
    }
    for status in [404, 503, 503] {
        assert_eq!(get(&two.revision_url, &format!("/status/{status}")).await.status, status);
    }
    let range = Window { from, to: Timestamp((at.now_ms)() + 1) };
    let seen = at.target.observe_paths(&at.service, range).await.unwrap().unwrap();
    let orders = PathCounts { requests: 6, ..PathCounts::default() };
    assert_eq!(seen[&one.revision], BTreeMap::from([("/orders/*".to_owned(), orders)]));
    let status = PathCounts { requests: 3, client_errors: 1, server_errors: 2, redirects: 0 };
    assert_eq!(seen[&two.revision], BTreeMap::from([("/status/*".to_owned(), status)]));
    let before = Window { from: Timestamp(0), to: Timestamp(1000) };
    assert_eq!(at.target.observe_paths(&at.service, before).await.unwrap(), Some(BTreeMap::new()));
    // A revision that is gone is told of all the same.
    at.target.discard(&at.service, &two.revision).await.unwrap();
    let seen = at.target.observe_paths(&at.service, range).await.unwrap().unwrap();
    assert_eq!(seen[&two.revision]["/status/*"], status);
}

/// The app burns CPU; its share of the price is in the sum.
pub async fn cost_is_made_of_what_was_measured(at: Fixture) {
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let from = Timestamp((at.now_ms)() - 1000);
    assert_eq!(get(&one.url, "/burn/1500").await.status, 200);
    let to = Timestamp((at.now_ms)());
    while (at.now_ms)() < to.0 + 1100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let window = Window { from, to: to.plus(1000) };
    let seen = at.target.observe(&at.service, window).await.unwrap().revisions.remove(&one.revision).unwrap();
    // Others use this machine's cores as well: wall time is not CPU time.
    assert!((100..=2500).contains(&seen.cpu_ms), "{} ms", seen.cpu_ms);
    assert!(seen.memory_mib >= 1 && seen.instance_ms > 0, "{seen:?}");
    let cost = at.target.cost(&at.service, window).await.unwrap();
    assert_eq!(cost.requests, seen.requests);
    assert!((cost.cpu_seconds - seen.cpu_ms as f64 / 1e3).abs() < 1e-9);
    assert!(cost.total.0 > 0 && cost.gib_seconds > 0.0 && cost.estimated, "{cost:?}");
}

/// A first piece arrives before the last was sent, in either direction.
pub async fn bodies_are_streamed_both_ways(at: Fixture) {
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let mut answer = open(&one.url, "GET /stream", "").await;
    read_until(&mut answer, b"one\n").await;
    assert_eq!(get(&one.revision_url, "/release").await.status, 200);
    read_until(&mut answer, b"two\n").await;
    let mut echo = open(&one.url, "POST /echo", "transfer-encoding: chunked\r\n").await;
    echo.write_all(b"6\r\nfirst\n\r\n").await.unwrap();
    read_until(&mut echo, b"first\n").await;
    echo.write_all(b"7\r\nsecond\n\r\n0\r\n\r\n").await.unwrap();
    read_until(&mut echo, b"second\n").await;
    // The same connection takes the next request.
    echo.write_all(
        format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", one.url.trim_start_matches("http://")).as_bytes(),
    )
    .await
    .unwrap();
    read_until(&mut echo, b"version one\n").await;
}

/// Greeting, echo, and the close of either side.
pub async fn a_web_socket_passes(at: Fixture) {
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let headers = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut socket = open(&one.url, "GET /ws", headers).await;
    let greeting = read_until(&mut socket, b"\x81\x05hello").await;
    let head = String::from_utf8_lossy(&greeting).to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    for text in ["one", "two", "a longer one"] {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![0x81, 0x80 | text.len() as u8];
        frame.extend(mask);
        frame.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        socket.write_all(&frame).await.unwrap();
        let mut expected = vec![0x81, text.len() as u8];
        expected.extend(text.bytes());
        read_until(&mut socket, &expected).await;
    }
    socket.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest).await.unwrap();
}
