//! Traffic: fenced by tokens, exact shares, no failed request, back to what was.

use super::{
    Fixture,
    http::{Reply, get, open, read_until},
};
use model::port::target::{Gone, Operation, TargetError, TrafficToken};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::watch;

/// Of two who read the same token, one is refused.
pub async fn traffic_is_fenced_by_its_token(at: Fixture) {
    let one = at.release("one").await;
    let first = at.target.traffic(&at.service).await.unwrap();
    let weights = BTreeMap::from([(one.revision.clone(), 100)]);
    let second = at.target.set_traffic(&at.service, &first.token, &weights, "a").await.unwrap();
    assert_ne!(second.token, first.token);
    assert_eq!(second.weights, weights);
    assert_eq!(at.target.traffic(&at.service).await.unwrap(), second);
    let late = at.target.set_traffic(&at.service, &first.token, &BTreeMap::new(), "b").await;
    assert!(matches!(late, Err(TargetError::Stale { .. })), "{late:?}");
    let guess =
        at.target.set_traffic(&at.service, &TrafficToken("guess".into()), &BTreeMap::new(), "c").await;
    assert!(matches!(guess, Err(TargetError::Stale { .. })), "{guess:?}");
    // The same weights again are still a change.
    let third = at.target.set_traffic(&at.service, &second.token, &weights, "d").await.unwrap();
    assert_ne!(third.token, second.token);
    let racers =
        ["e", "f", "g", "h"].map(|key| at.target.set_traffic(&at.service, &third.token, &weights, key));
    let won = futures::future::join_all(racers).await.iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 1);
    at.answers(&one.url, "one").await;
}

/// Where the target gives it all traffic at once; opened once, and not by whoever comes late.
pub async fn a_first_revision_lets_nobody_in_before_it_is_opened(at: Fixture) {
    let one = at.release("one").await;
    let before = at.target.traffic(&at.service).await.unwrap();
    assert_eq!(before.closed, one.closed);
    let whole = BTreeMap::from([(one.revision.clone(), 100)]);
    assert_eq!(before.weights, if one.closed { whole.clone() } else { BTreeMap::new() });
    at.refuses(&one.url, 503).await;
    if one.closed {
        let guess = at.target.open(&at.service, &TrafficToken("guess".into()), "a").await;
        assert!(matches!(guess, Err(TargetError::Stale { .. })), "{guess:?}");
    }
    let opened = async |key: &str| {
        loop {
            let traffic = at.target.open(&at.service, &before.token, key).await.unwrap();
            if !traffic.closed {
                return traffic;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let open = opened("b").await;
    assert_eq!(open.weights, before.weights);
    assert_eq!(opened("b").await, open);
    let now = at.shift(&[(&one, 100)], "c").await;
    assert_eq!((now.weights, now.closed), (whole, false));
    at.answers(&one.url, "one").await;
    if one.closed {
        let late = at.target.open(&at.service, &before.token, "d").await;
        assert!(matches!(late, Err(TargetError::Stale { .. })), "{late:?}");
    }
}

/// Even when traffic has moved on.
pub async fn a_repeated_change_of_traffic_answers_as_the_first_did(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    let start = at.target.traffic(&at.service).await.unwrap().token;
    let to_one = BTreeMap::from([(one.revision.clone(), 100)]);
    let first = at.target.set_traffic(&at.service, &start, &to_one, "step-1").await.unwrap();
    let moved = at.shift(&[(&two, 100)], "step-2").await;
    let repeat = at.target.set_traffic(&at.service, &start, &to_one, "step-1").await.unwrap();
    assert_eq!(repeat, first);
    let read = async |key| at.target.read_traffic(&at.service, key).await.unwrap();
    assert_eq!(read("step-1").await, Operation::Done(first));
    assert_eq!(read("nobody-asked").await, Operation::Unknown);
    assert_eq!(at.target.traffic(&at.service).await.unwrap(), moved, "the repeat changed nothing");
    at.answers(&one.url, "two").await;
}

/// Nothing changes otherwise.
pub async fn shares_must_sum_to_a_hundred_and_name_revisions(at: Fixture) {
    let one = at.release("one").await;
    let before = at.shift(&[(&one, 100)], "k").await;
    for (number, weights) in [
        BTreeMap::from([(one.revision.clone(), 99)]),
        BTreeMap::from([(one.revision.clone(), 101)]),
        BTreeMap::from([(one.revision.clone(), 50), ("nobody".to_owned(), 50)]),
    ]
    .into_iter()
    .enumerate()
    {
        let refused =
            at.target.set_traffic(&at.service, &before.token, &weights, &format!("bad-{number}")).await;
        assert!(refused.is_err(), "{weights:?}");
    }
    assert_eq!(at.target.traffic(&at.service).await.unwrap(), before);
    // Zero is no share.
    let two = at.release("two").await;
    let now = at.shift(&[(&one, 100), (&two, 0)], "zero").await;
    assert_eq!(now.weights, BTreeMap::from([(one.revision.clone(), 100)]));
    // And nothing at all is possible.
    at.shift(&[], "none").await;
    at.refuses(&one.url, 503).await;
}

/// Within what a target of several instances can promise.
pub async fn ten_percent_are_ten_of_a_hundred(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&one, 90), (&two, 10)], "k").await;
    let mut seen = 0_i32;
    for _ in 0..300 {
        seen += i32::from(at.version(&one.url).await == "two");
    }
    assert!((seen - 30).abs() <= 9, "{seen} of 300 went to the one with 10 %");
    assert_eq!(at.version(&two.revision_url).await, "two", "its own address is not a matter of luck");
    assert_eq!(at.version(&one.revision_url).await, "one");
}

/// Not one of its requests fails while another is built, released, given a share and taken back.
pub async fn stable_requests_do_not_notice_a_release(at: Fixture) {
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k1").await;
    let client = Client::start(&one.url);
    let two = at.release("two").await;
    for (step, weights) in
        [[(&one, 90), (&two, 10)], [(&one, 50), (&two, 50)], [(&one, 100), (&two, 0)]].iter().enumerate()
    {
        at.shift(weights, &format!("step-{step}")).await;
        client.more(20).await;
    }
    at.target.retire(&at.service, std::slice::from_ref(&one.revision), &[]).await.unwrap();
    client.more(20).await;
    let failed = client.end().await;
    assert!(failed.is_empty(), "{} failed, first {:?}", failed.len(), failed[0]);
}

/// Sends one request after the other.
struct Client {
    sent: watch::Receiver<u64>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<Reply>>,
}

impl Client {
    fn start(url: &str) -> Self {
        let (count, sent) = watch::channel(0);
        let stop = Arc::new(AtomicBool::new(false));
        let (url, stopped) = (url.to_owned(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut failed = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let reply = get(&url, "/").await;
                failed.extend(Some(reply).filter(|reply| reply.status != 200));
                count.send_modify(|sent| *sent += 1);
            }
            failed
        });
        Self { sent, stop, task }
    }

    /// Waits until it has sent so many more.
    async fn more(&self, requests: u64) {
        let mut sent = self.sent.clone();
        let goal = *sent.borrow() + requests;
        sent.wait_for(|sent| *sent >= goal).await.unwrap();
    }

    async fn end(self) -> Vec<Reply> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// It was stopped, and is started again before it takes traffic.
pub async fn a_remembered_revision_comes_back(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&two, 100)], "k1").await;
    at.target
        .retire(&at.service, std::slice::from_ref(&two.revision), std::slice::from_ref(&one.revision))
        .await
        .unwrap();
    let probe = at.target.probe(&at.service, &one.revision, "/").await.unwrap();
    assert!(!probe.healthy && probe.dead, "{}", probe.detail);
    at.shift(&[(&one, 100)], "k2").await;
    for _ in 0..5 {
        at.answers(&one.url, "one").await;
    }
    // What takes traffic isn't retired.
    at.target.retire(&at.service, std::slice::from_ref(&two.revision), &[]).await.unwrap_err();
    at.answers(&one.url, "one").await;
}

/// And everybody is told so.
pub async fn a_forgotten_revision_is_gone(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&two, 100)], "k1").await;
    at.target.retire(&at.service, std::slice::from_ref(&two.revision), &[]).await.unwrap();
    let gone = at.target.probe(&at.service, &one.revision, "/").await;
    assert!(
        matches!(&gone, Err(TargetError::Gone { what: Gone::Revision(name), .. }) if *name == one.revision),
        "{gone:?}"
    );
    at.refuses(&one.revision_url, 404).await;
    let now = at.target.traffic(&at.service).await.unwrap();
    let back = BTreeMap::from([(one.revision.clone(), 100)]);
    let refused = at.target.set_traffic(&at.service, &now.token, &back, "k2").await;
    assert!(matches!(&refused, Err(TargetError::Gone { what: Gone::Revision(_), .. })), "{refused:?}");
    assert_eq!(at.target.traffic(&at.service).await.unwrap(), now);
    // Twice is fine.
    at.target.retire(&at.service, std::slice::from_ref(&two.revision), &[]).await.unwrap();
    at.answers(&two.url, "two").await;
}

/// And nothing else; what takes traffic stays, and what is unknown is fine.
pub async fn a_discarded_revision_is_gone_alone(at: Fixture) {
    let unknown = "nobody-knows-it".to_owned();
    at.target.discard(&at.service, &unknown).await.unwrap();
    let (one, two, three) = (at.release("one").await, at.release("two").await, at.release("three").await);
    at.shift(&[(&one, 60), (&two, 40)], "k1").await;
    let processes = [at.process(&one.revision_url).await, at.process(&two.revision_url).await];
    let discards = [&one.revision, &two.revision, &three.revision, &three.revision, &unknown];
    for done in futures::future::join_all(discards.map(|name| at.target.discard(&at.service, name))).await {
        done.unwrap();
    }
    for (revision, process) in [&one, &two].iter().zip(&processes) {
        assert_eq!(&at.process(&revision.revision_url).await, process);
    }
    if ["machine", "slow"].contains(&at.target.name()) {
        let gone = at.target.probe(&at.service, &three.revision, "/").await;
        assert!(matches!(gone, Err(TargetError::Gone { what: Gone::Revision(_), .. })), "{gone:?}");
    }
    assert_eq!(at.target.traffic(&at.service).await.unwrap().weights.len(), 2);
}

/// They are answered to their end.
pub async fn retiring_waits_for_requests_under_way(at: Fixture) {
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&one, 100)], "k1").await;
    let mut under_way = open(&one.url, "GET /late/1500", "connection: close\r\n").await;
    read_until(&mut under_way, b"one\n").await;
    at.shift(&[(&two, 100)], "k2").await;
    at.target.retire(&at.service, std::slice::from_ref(&two.revision), &[]).await.unwrap();
    let rest = read_until(&mut under_way, b"0\r\n\r\n").await;
    assert!(String::from_utf8_lossy(&rest).contains("two"));
}
