//! Somebody who sends archives all the time, piece by piece, so that kills come into the middle of them.

use super::{Dice, Enough, text};
use futures::stream;
use model::port::source::Digest;
use reqwest::{Body, Method};
use serde_json::json;
use std::{fs, io, path::PathBuf, time::Duration};
use tests::system::{System, client::Reply, outside::Outside};

/// What was sent.
#[derive(Default)]
pub struct Sent {
    /// Archives that were taken, with the answer of 201 or 200.
    pub taken: Vec<Digest>,
    /// Those that were left after a death, half sent.
    pub given_up: Vec<Digest>,
    /// How often a death came in between.
    pub broken: u32,
}

/// The sender.
pub struct Sender {
    folder: PathBuf,
    outside: Outside,
    dice: Dice,
    sent: Sent,
}

impl Sender {
    pub fn new(folder: PathBuf, outside: Outside, dice: Dice) -> Self {
        Self { folder, outside, dice, sent: Sent::default() }
    }

    /// Sends until it is enough.
    pub async fn work(mut self, enough: Enough) -> Sent {
        let mut number = 0;
        while !enough.get() || self.sent.taken.is_empty() {
            number += 1;
            let (digest, bytes) = self.make(number);
            self.send(digest, &bytes).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.sent
    }

    /// A site of a few hundred kilobytes that can't be packed any smaller.
    fn make(&mut self, number: u32) -> (Digest, Vec<u8>) {
        fs::remove_dir_all(&self.folder).ok();
        fs::create_dir(&self.folder).unwrap();
        fs::write(self.folder.join("index.html"), format!("site {number}\n")).unwrap();
        let noise: Vec<u8> = (0..25_000).flat_map(|_| self.dice.roll(u64::MAX).to_le_bytes()).collect();
        fs::write(self.folder.join("noise"), noise).unwrap();
        let tree = archive::walk(&self.folder, &archive::Rules::default()).unwrap();
        let mut bytes = vec![];
        let limits = archive::Limits::default();
        let contents = archive::pack(&tree, &mut bytes, limits, &mut |_| {}).unwrap();
        (contents.digest, bytes)
    }

    /// Until it is taken; every third one is given up at its first death.
    async fn send(&mut self, digest: Digest, bytes: &[u8]) {
        let gives_up = self.dice.roll(3) == 0;
        loop {
            match self.once(&digest, bytes).await {
                Some(reply) if matches!(reply.status, 429 | 503) => {}
                Some(reply) => {
                    assert!(matches!(reply.status, 200 | 201), "{}: {}", reply.status, reply.text);
                    assert_eq!(text(&reply.json()["digest"]), digest.to_string());
                    return self.sent.taken.push(digest);
                }
                None => {
                    self.sent.broken += 1;
                    if gives_up {
                        return self.sent.given_up.push(digest);
                    }
                }
            }
        }
    }

    async fn once(&mut self, digest: &Digest, bytes: &[u8]) -> Option<Reply> {
        let pause = Duration::from_millis(self.dice.roll(60));
        let pieces: Vec<Vec<u8>> = bytes.chunks(bytes.len() / 10 + 1).map(<[u8]>::to_vec).collect();
        let body = stream::unfold(pieces.into_iter(), move |mut pieces| async move {
            let piece = pieces.next()?;
            tokio::time::sleep(pause).await;
            Some((Ok::<_, io::Error>(piece), pieces))
        });
        let asking = self.outside.once(|http, address| {
            let request = http.post(format!("{}/api/v1/sources", address.url)).bearer_auth(&address.token);
            request.header("x-sextant-digest", format!("sha256={digest}")).body(Body::wrap_stream(body))
        });
        asking.await
    }
}

/// What was taken is there, and the newest of it can be deployed and serves what was sent; what was given up is
/// absent or whole; no half of anything is left.
pub async fn check(system: &System, outside: &Outside, sent: &Sent) {
    for digest in &sent.taken {
        let found = outside.get(&format!("/api/v1/sources/{digest}")).await;
        assert_eq!((found["files"].as_u64(), text(&found["digest"])), (Some(2), digest.to_string()));
    }
    let mut whole: Vec<&Digest> = sent.taken.iter().rev().take(2).collect();
    for digest in &sent.given_up {
        let found = outside.ask(Method::GET, &format!("/api/v1/sources/{digest}"), None, None).await;
        assert!(matches!(found.status, 200 | 404), "{}", found.text);
        // It arrived, and only the answer was lost.
        whole.extend((found.status == 200).then_some(digest));
    }
    for (at, digest) in whole.into_iter().take(4).enumerate() {
        let service = format!("site-{at}");
        let order = json!({
            "service": service,
            "source": { "kind": "archive", "digest": digest },
            "strategy": "instant",
        });
        let id = system.deploy(&order).await.unwrap();
        let ended = system.rest(&id).await.unwrap();
        assert_eq!(ended["pipeline_status"], "DEPLOYED", "{digest}: {ended:#}");
        let (status, page) = system.visit(&service).await.unwrap();
        assert!(status == 200 && page.starts_with("site "), "{status} {page}");
    }
    // Unfinished objects may be another process's and are tidied an hour later; half an upload is nobody's.
    let left = fs::read_dir(system.data().join("sources/work")).into_iter().flatten().flatten();
    let halves: Vec<PathBuf> = left.map(|entry| entry.path()).collect();
    assert_eq!(halves, Vec::<PathBuf>::new(), "left half done");
}
