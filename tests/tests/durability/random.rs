//! Each file that holds documents, the queue or keys, damaged at random places: refused, or nothing is lost.

use super::disk::Chance;
use async_trait::async_trait;
use machine::broker::{self, Broker};
use machine::clock::MachineClock;
use machine::engine::{self, Engine};
use machine::keys;
use machine::store::Store;
use model::TenantId;
use model::index::INDEXES;
use model::message::Message;
use model::port::broker::{Delivery, Subscriber, Subscription, Verdict};
use model::port::store::{Path, Precondition, Query, Scope, Write};
use model::port::{Broker as _, Store as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex};

/// Small, so that a few hundred documents make several tables.
const ENGINE: engine::Options = engine::Options { table_bytes: 40_000, cache_bytes: 1 << 20 };

/// Every file below a folder.
pub fn files(folder: &FilePath) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

pub fn copy(from: &FilePath, to: &FilePath) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Takes what is fine.
struct Picky(Mutex<Vec<String>>);

#[async_trait]
impl Subscriber for Picky {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        let body: String = delivery.message.body().unwrap();
        let verdict = if body.starts_with("poison") { Verdict::Nack } else { Verdict::Ack };
        self.0.lock().unwrap().push(body);
        verdict
    }
}

fn subscriptions() -> Vec<Subscription> {
    vec![Subscription {
        name: "one".into(),
        topic: "deployments".into(),
        types: vec![],
        max_attempts: 5,
        ack_deadline_ms: 10_000,
        concurrency: 4,
    }]
}

struct Opened {
    store: Store,
    broker: Broker,
}

/// Everything that is in a data folder: refused by any of its parts, or open.
async fn open(data: &FilePath) -> Result<Opened, String> {
    let engine = Arc::new(Engine::open(&data.join("store"), ENGINE).map_err(|e| e.to_string())?);
    let store = Store::with(Arc::clone(&engine), INDEXES).map_err(|e| e.to_string())?;
    keys::check(data, &engine).await.map_err(|e| e.to_string())?;
    let clock = Arc::new(MachineClock::open(data).unwrap());
    let fast = broker::Options { backoff_min_ms: 1, backoff_max_ms: 2, ..broker::Options::default() };
    let broker = Broker::with(engine, subscriptions(), clock, fast).map_err(|e| e.to_string())?;
    Ok(Opened { store, broker })
}

fn message(body: &str) -> Message {
    Message::new("deployments", "deployment.due", &TenantId::new("acme").unwrap(), &body)
}

/// Documents by path, in a folder that also holds three waiting messages and a dead letter.
async fn fill(data: &FilePath) -> BTreeMap<String, Value> {
    keys::secret_file(data, keys::TOKEN).unwrap();
    let Opened { store, broker } = open(data).await.unwrap();
    broker.start(Arc::new(Picky(Mutex::default())));
    broker.publish(vec![message("poison")]).await.unwrap();
    broker.idle().await;
    let mut documents = BTreeMap::new();
    let mut n = 0;
    while store.stats().flushes < 3 || n % 50 != 7 {
        let path = format!("tenants/acme/deployments/dep_{:03}", n % 300);
        let body = json!({"n": n, "service": format!("s{}", n % 7), "status": "FAILED", "created_at": n, "shard": 1, "next_due": n});
        store
            .commit(vec![Write::put(Path::new(path.clone()), Precondition::None, &body).unwrap()])
            .await
            .unwrap();
        documents.insert(path, body);
        n += 1;
    }
    broker.close().await;
    drop(store);
    let Opened { store, broker } = open(data).await.unwrap();
    broker.publish(["1", "2", "3"].map(message).to_vec()).await.unwrap();
    broker.close().await;
    drop(store);
    documents
}

/// `Ok` if everything is there, `Err` if something was refused; panics if something is missing.
async fn look(data: &FilePath, expected: &BTreeMap<String, Value>) -> Result<(), String> {
    let Opened { store, broker } = open(data).await?;
    for (path, body) in expected {
        let found = store.get(&Path::new(path.clone())).await.map_err(|e| e.to_string())?;
        let found: Option<Value> = found.map(|document| document.body.parse().unwrap());
        assert_eq!(found.as_ref(), Some(body), "{path}");
    }
    let query = Query::all(Scope::Collection("tenants/acme/deployments".into()), 1000);
    for query in [query.clone(), query.order("created_at", true)] {
        let page = store.query(&query).await.map_err(|e| e.to_string())?;
        assert_eq!(page.documents.len(), expected.len(), "{query:?}");
    }
    let picky = Arc::new(Picky(Mutex::default()));
    broker.start(picky.clone());
    broker.idle().await;
    let mut got = std::mem::take(&mut *picky.0.lock().unwrap());
    got.sort();
    assert_eq!(got, ["1", "2", "3"], "the queue");
    assert_eq!(broker.dead_letters(10).len(), 1, "dead letters");
    broker.close().await;
    Ok(())
}

/// Flips a bit at so many random places of each file; how many were refused, and how many did no harm.
async fn damage(places: usize) -> (usize, usize) {
    let data = tempfile::tempdir().unwrap();
    let expected = fill(data.path()).await;
    look_at_copy(data.path(), &expected, None).await.unwrap();
    let mut chance = Chance(7);
    let mut outcomes = (0, 0);
    for (file, bytes) in files(data.path()) {
        let name = file.strip_prefix(data.path()).unwrap().to_owned();
        if bytes.is_empty() || name.ends_with("lock") {
            continue;
        }
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        for _ in 0..places {
            let (at, bit) = (chance.below(used), chance.below(8));
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            match look_at_copy(data.path(), &expected, Some((&name, &bad))).await {
                Ok(()) => outcomes.1 += 1,
                Err(text) => {
                    assert!(text.contains("restore") || text.contains("backup"), "{name:?} at {at}: {text}");
                    outcomes.0 += 1;
                }
            }
        }
    }
    outcomes
}

async fn look_at_copy(
    data: &FilePath,
    expected: &BTreeMap<String, Value>,
    damaged: Option<(&FilePath, &[u8])>,
) -> Result<(), String> {
    let other = tempfile::tempdir().unwrap();
    copy(data, other.path());
    if let Some((name, bytes)) = damaged {
        fs::write(other.path().join(name), bytes).unwrap();
    }
    look(other.path(), expected).await
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_at_a_few_places_of_each_file_loses_nothing() {
    let (refused, harmless) = damage(8).await;
    assert!(refused > 40, "{refused} refused, {harmless} harmless");
}

/// `cargo test -p tests --test durability -- --ignored two_hundred`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; scripts/damage runs it"]
async fn damage_at_two_hundred_places_of_each_file_loses_nothing() {
    let (refused, harmless) = damage(200).await;
    assert!(refused > 1000, "{refused} refused, {harmless} harmless");
}
