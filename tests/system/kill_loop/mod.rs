//! Killed again and again, at moments that nobody chose, while services are deployed and archives are sent. At the end
//! every deployment that was accepted has come to rest legally, nothing is lost, nothing happened twice, an archive is
//! whole or absent, and what serves is what the documents say.
//!
//! A few kills in the ordinary suite; `scripts/kill-loop` makes it a hundred. `KILL_SEED` chooses the moments.

mod service;
mod uploads;

use crate::system;
use serde_json::{Value, json};
use std::{cell::Cell, collections::BTreeSet, rc::Rc, time::Duration};
use tests::system::{System, outside::Outside, process::Address, tools};
use tokio::{
    sync::watch,
    task::{JoinSet, LocalSet},
};

/// Kills in the ordinary suite.
const A_FEW: u64 = 6;
const SERVICES: [&str; 3] = ["shop", "cart", "desk"];

/// Numbers that a seed decides: xorshift64.
pub struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One of `0..below`.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Whether those who work are to come to an end.
pub type Enough = Rc<Cell<bool>>;

#[tokio::test]
async fn killed_at_random_while_it_deploys_and_takes_archives() {
    let (kills, seed) = (tools::number("KILLS", A_FEW), tools::number("KILL_SEED", 1));
    let mut system = system().start().await;
    let (tell, address) = watch::channel(Some(system.address().clone()));
    let outside = Outside::new(system.http().clone(), address);
    let enough = Enough::default();
    let here = LocalSet::new();
    let (mut services, mut sent) = (JoinSet::new(), JoinSet::new());
    for (at, name) in (1..).zip(SERVICES) {
        let worker = service::Worker::new(system.app(name), outside.clone(), Dice::new(seed * 31 + at));
        services.spawn_local_on(worker.work(system.work().to_owned(), enough.clone()), &here);
    }
    let sender = uploads::Sender::new(system.work().join("uploads"), outside.clone(), Dice::new(seed * 37));
    sent.spawn_local_on(sender.work(enough.clone()), &here);
    let told = here.run_until(async {
        kill_again_and_again(&mut system, &tell, kills, seed).await;
        enough.set(true);
        (services.join_all().await, sent.join_all().await)
    });
    let (told, sent) = told.await;
    let sent = sent.into_iter().next().unwrap();
    for (app, releases) in &told {
        service::check(&system, &outside, app, releases).await;
    }
    let ids: Vec<&str> = told.iter().flat_map(|(_, all)| all).map(|one| one.id.as_str()).collect();
    nothing_lost(&outside, &ids).await;
    uploads::check(&system, &outside, &sent).await;
    let ends: Vec<String> = told.iter().flat_map(|(_, all)| all).map(|one| one.end.clone()).collect();
    let count = |end: &str| ends.iter().filter(|one| *one == end).count();
    tools::say(&format!(
        "seed {seed}: {} kills; {} deployments accepted, all at rest: {} deployed, {} rolled back, {} cancelled, {} failed; {} archives taken, {} broken off by a kill",
        system.deaths,
        ids.len(),
        count("DEPLOYED"),
        count("ROLLED_BACK"),
        count("CANCELLED"),
        count("FAILED"),
        sent.taken.len(),
        sent.broken,
    ));
    assert_eq!(u64::from(system.deaths), kills);
    assert!(ids.len() >= SERVICES.len() && !sent.taken.is_empty());
}

async fn kill_again_and_again(
    system: &mut System,
    tell: &watch::Sender<Option<Address>>,
    kills: u64,
    seed: u64,
) {
    let mut dice = Dice::new(seed);
    for _ in 0..kills {
        // Some lives are over before anything has begun, some see a canary through.
        let life = [50, 400, 1_500, 4_000][dice.roll(4) as usize];
        tokio::time::sleep(Duration::from_millis(dice.roll(life))).await;
        tell.send_replace(None);
        system.kill().await;
        system.restart(None).await;
        tell.send_replace(Some(system.address().clone()));
    }
}

/// Every deployment that was accepted is listed, once, and no other; no message was given up.
async fn nothing_lost(outside: &Outside, accepted: &[&str]) {
    let (mut listed, mut cursor) = (Vec::<String>::new(), String::new());
    loop {
        let page = outside.get(&format!("/api/v1/deployments?limit=50&cursor={cursor}")).await;
        let ids = page["deployments"].as_array().unwrap().iter();
        listed.extend(ids.map(|one| one["deployment_id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let once: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert_eq!(once.len(), listed.len(), "listed twice");
    assert_eq!(once, accepted.iter().copied().collect(), "nothing is lost and nothing came twice");
    let dead = outside.get("/local/v1/dead-letters").await;
    assert_eq!(dead["dead_letters"], json!([]));
}

/// A text of a document.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
