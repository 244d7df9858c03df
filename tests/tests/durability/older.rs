//! A data folder that the format before the engine was written in is taken over whole, or refused.

use super::random::{copy, files};
use async_trait::async_trait;
use machine::broker::{self, Broker};
use machine::clock::MachineClock;
use machine::engine::{self, Engine};
use machine::keys::{self, Keys};
use machine::migrate;
use machine::store::Store;
use model::TenantId;
use model::index::INDEXES;
use model::port::broker::{Delivery, Subscriber, Subscription, Verdict};
use model::port::store::{Comparison, Path, Precondition, Query, Scope, StoreError, Version, Write};
use model::port::{KeyContext, Keys as _, Store as _};
use serde_json::{Value, json};
use std::fs;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What the program of 29 November wrote: two files of documents after a compaction, a queue with three messages that two
/// subscriptions are owed, two dead letters, a secret under `wrapping.key`.
fn older() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    copy(FilePath::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/before-engine")), data.path());
    for name in [keys::WRAPPING, keys::TOKEN] {
        let only_ours = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(data.path().join(name), only_ours).unwrap();
    }
    data
}

struct Heard(Mutex<Vec<String>>);

#[async_trait]
impl Subscriber for Heard {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        let body: String = delivery.message.body().unwrap();
        self.0.lock().unwrap().push(format!("{} {body}", delivery.subscription));
        Verdict::Ack
    }
}

fn subscription(name: &str) -> Subscription {
    Subscription {
        name: name.into(),
        topic: "deployments".into(),
        types: vec![],
        max_attempts: 5,
        ack_deadline_ms: 10_000,
        concurrency: 4,
    }
}

async fn everything_is_there(data: &FilePath) {
    let engine = Arc::new(Engine::open(&data.join("store"), engine::Options::default()).unwrap());
    let store = Store::with(Arc::clone(&engine), INDEXES).unwrap();
    keys::check(data, &engine).await.unwrap();
    assert_eq!(store.stats().documents, 52);
    for n in 0..60 {
        let path = Path::new(format!("tenants/{}/deployments/dep_{n}", ["acme", "zoo"][n % 2]));
        let found = store.get(&path).await.unwrap();
        let round = found.map(|document| document.body.parse::<Value>().unwrap()["round"].clone());
        assert_eq!(round, (n < 50).then(|| json!(5)), "{path}");
    }
    let counted = store.get(&Path::new("tenants/acme/counters/all")).await.unwrap().unwrap();
    assert_eq!(counted.body.parse::<Value>().unwrap()["n"], 360);
    // The 360th commit of a deployment wrote it.
    assert_eq!(counted.version, Version(360));
    let made = store.commit(vec![Write::add(Path::new("tenants/acme/counters/new"), [])]).await.unwrap();
    assert!(made[0] > Version(371), "versions go on: {made:?}");
    let query = Query::all(Scope::Collection("tenants/zoo/deployments".into()), 100);
    let query = query.filter("service", Comparison::Equal, "service-3").order("created_at", true);
    assert_eq!(store.query(&query).await.unwrap().documents.len(), 5);
    assert_eq!(store.stats().scans, 0, "the indexes were built");
    let secret = store.get(&Path::new("tenants/acme/secrets/shop")).await.unwrap().unwrap();
    let wrapped: Vec<u8> = secret.body.parse::<Value>().unwrap()["wrapped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|byte| byte.as_u64().unwrap() as u8)
        .collect();
    let tenant = TenantId::new("acme").unwrap();
    let context = KeyContext { tenant, record: "services/shop".into(), field: "TOKEN".into() };
    assert_eq!(Keys::open(data).unwrap().unwrap(&context, &wrapped).await.unwrap(), [7; 32]);
    let clock = Arc::new(MachineClock::open(data).unwrap());
    let subscriptions = ["a", "b"].map(subscription).to_vec();
    let broker = Broker::with(engine, subscriptions, clock, broker::Options::default()).unwrap();
    let dead: Vec<String> = broker.dead_letters(10).into_iter().map(|letter| letter.id).collect();
    assert_eq!(dead, ["41-a", "41-b"]);
    let heard = Arc::new(Heard(Mutex::default()));
    broker.start(heard.clone());
    broker.idle().await;
    let mut heard = std::mem::take(&mut *heard.0.lock().unwrap());
    heard.sort();
    assert_eq!(
        heard,
        ["a waiting 0", "a waiting 1", "a waiting 2", "b waiting 0", "b waiting 1", "b waiting 2"]
    );
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_taken_over_and_the_old_files_stay_aside() {
    let data = older();
    let before = files(data.path());
    let refused = Engine::open(&data.path().join("store"), engine::Options::default()).err().unwrap();
    assert!(refused.to_string().contains("older version"), "{refused}");
    assert!(migrate::data_folder(data.path()).unwrap());
    everything_is_there(data.path()).await;
    assert!(!migrate::data_folder(data.path()).unwrap(), "once");
    for (name, bytes) in
        before.iter().filter(|(name, _)| name.parent() != Some(data.path()) && !name.ends_with("lock"))
    {
        let aside = data.path().join("older-format").join(name.strip_prefix(data.path()).unwrap());
        assert_eq!(fs::read(&aside).unwrap(), *bytes, "{aside:?}");
        assert!(!name.exists(), "{name:?}");
    }
}

/// Before everything is durable it begins again, after that it goes on with moving.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_loses_nothing() {
    let data = older();
    let before = files(data.path());
    fs::create_dir(data.path().join("store/tables")).unwrap();
    fs::write(data.path().join("store/tables/v0"), "half").unwrap();
    fs::write(data.path().join("store/journal-0000000001"), "half").unwrap();
    migrate::data_folder(data.path()).unwrap();
    everything_is_there(data.path()).await;

    let engine = Arc::new(Engine::open(&data.path().join("store"), engine::Options::default()).unwrap());
    let store = Store::with(engine, INDEXES).unwrap();
    let path = Path::new("tenants/acme/counters/later");
    store.commit(vec![Write::put(path.clone(), Precondition::Absent, &json!({})).unwrap()]).await.unwrap();
    drop(store);
    let (name, bytes) = before.iter().find(|(name, _)| name.ends_with("log-0000000001")).unwrap();
    fs::write(name, bytes).unwrap();
    fs::write(data.path().join("store/taken-over"), "").unwrap();
    migrate::data_folder(data.path()).unwrap();
    let engine = Arc::new(Engine::open(&data.path().join("store"), engine::Options::default()).unwrap());
    let store = Store::with(engine, INDEXES).unwrap();
    assert!(store.get(&path).await.unwrap().is_some(), "what was written since");
}

#[test]
fn damage_is_refused_and_nothing_is_changed() {
    for name in ["store/log-0000000002", "broker/0000000002.log", "broker/dead/41-a.json"] {
        let data = older();
        let file = data.path().join(name);
        let mut bytes = fs::read(&file).unwrap();
        bytes[60] ^= 1;
        bytes[1] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let before = files(data.path());
        let refused = migrate::data_folder(data.path()).err().unwrap();
        assert!(matches!(&refused, StoreError::Corrupt(text) if text.contains(name)), "{refused}");
        assert!(files(data.path()) == before, "something was changed");
    }
}
