//! A backup that is made while commits go on is of one moment, and becomes the same data folder elsewhere.

use super::random::{copy, files};
use futures::future::join_all;
use machine::backup::{self, Contents, Error, Source};
use machine::broker::{self, Broker};
use machine::clock::MachineClock;
use machine::engine::{self, Engine};
use machine::keys::{self, TOKEN, WRAPPING};
use machine::store::Store;
use model::TenantId;
use model::index::INDEXES;
use model::message::Message;
use model::port::broker::Subscription;
use model::port::store::{Path, Precondition, Query, Scope, Write};
use model::port::{Broker as _, Store as _};
use serde_json::{Value, json};
use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PASSPHRASE: &str = "correct horse battery staple";

struct Opened {
    engine: Arc<Engine>,
    store: Store,
    broker: Broker,
}

async fn open(data: &FilePath) -> Opened {
    let engine = Arc::new(Engine::open(&data.join("store"), engine::Options::default()).unwrap());
    let store = Store::with(Arc::clone(&engine), INDEXES).unwrap();
    keys::check(data, &engine).await.unwrap();
    let subscription = Subscription {
        name: "one".into(),
        topic: "deployments".into(),
        types: vec![],
        max_attempts: 5,
        ack_deadline_ms: 10_000,
        concurrency: 4,
    };
    let clock = Arc::new(MachineClock::open(data).unwrap());
    let broker =
        Broker::with(Arc::clone(&engine), vec![subscription], clock, broker::Options::default()).unwrap();
    Opened { engine, store, broker }
}

/// Both halves of a pair say the same, whenever one looks at both.
fn pair(n: usize, round: u64) -> Vec<Write> {
    let half = |name: &str| {
        let path = Path::new(format!("tenants/acme/{name}/p{n:03}"));
        Write::put(path, Precondition::None, &json!({"round": round, "created_at": n})).unwrap()
    };
    vec![half("decisions"), half("learnings")]
}

async fn rounds(store: &Store, name: &str) -> Vec<u64> {
    let query =
        Query::all(Scope::Collection(format!("tenants/acme/{name}")), 1000).order("created_at", false);
    let page = store.query(&query).await.unwrap();
    page.documents.iter().map(|one| one.body.parse::<Value>().unwrap()["round"].as_u64().unwrap()).collect()
}

async fn filled(data: &FilePath) -> Opened {
    keys::secret_file(data, TOKEN).unwrap();
    fs::create_dir_all(data.join("objects/logs")).unwrap();
    fs::write(data.join("objects/logs/one"), vec![b'x'; 3 << 20]).unwrap();
    std::os::unix::fs::symlink("one", data.join("objects/logs/link")).unwrap();
    fs::create_dir_all(data.join("cache")).unwrap();
    fs::write(data.join("cache/large"), "fetched again").unwrap();
    let opened = open(data).await;
    for n in 0..200 {
        opened.store.commit(pair(n, 0)).await.unwrap();
    }
    let message =
        |body: &str| Message::new("deployments", "deployment.due", &TenantId::new("acme").unwrap(), &body);
    opened.broker.publish(["1", "2"].map(message).to_vec()).await.unwrap();
    opened
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_commits_go_on_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file, other) =
        (folder.path().join("data"), folder.path().join("backup"), folder.path().join("other"));
    fs::create_dir(&data).unwrap();
    let Opened { engine, store, broker } = filled(&data).await;
    let (store, done) = (Arc::new(store), Arc::new(AtomicBool::new(false)));
    let committing: Vec<_> = (0..8)
        .map(|writer: usize| {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            tokio::spawn(async move {
                let mut round = 0;
                while !done.load(Ordering::Relaxed) {
                    round += 1;
                    store.commit(pair((writer * 25 + round as usize % 25) % 200, round)).await.unwrap();
                }
                round
            })
        })
        .collect();
    let source = Source::new(&data, &engine);
    let out = fs::File::create(&file).unwrap();
    let written = tokio::task::spawn_blocking(move || source.write(PASSPHRASE, out)).await.unwrap().unwrap();
    done.store(true, Ordering::Relaxed);
    let committed: u64 = join_all(committing).await.into_iter().map(Result::unwrap).sum();
    assert!(committed > 8, "commits went on: {committed}");
    assert_eq!((written.documents, written.messages), (400, 2));
    assert_eq!(backup::check(&file, PASSPHRASE).unwrap(), written);
    let sealed = fs::read(&file).unwrap();
    assert!(!sealed.windows(14).any(|part| part == b"tenants/acme/d"), "in the clear");

    let restored = backup::restore(&file, PASSPHRASE, &other).unwrap();
    assert_eq!(restored, written);
    for name in [WRAPPING, TOKEN, "objects/logs/one"] {
        assert_eq!(fs::read(other.join(name)).unwrap(), fs::read(data.join(name)).unwrap(), "{name}");
    }
    assert_eq!(fs::read_link(other.join("objects/logs/link")).unwrap(), FilePath::new("one"));
    assert!(!other.join("cache").exists());
    let there = open(&other).await;
    let (left, right) = (rounds(&there.store, "decisions").await, rounds(&there.store, "learnings").await);
    assert_eq!(left.len(), 200);
    assert_eq!(left, right, "half a commit");
    assert_eq!((there.store.stats().documents, there.broker.pending()), (400, 2));
    let version = there.store.commit(pair(0, 9)).await.unwrap()[0];
    let before = store.get(&Path::new("tenants/acme/decisions/p000")).await.unwrap().unwrap().version;
    assert!(version.0 > 200, "{version:?} {before:?}");
    broker.close().await;
}

/// Without commits in between, the two folders are the same in every document and version.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file, other) =
        (folder.path().join("data"), folder.path().join("backup"), folder.path().join("other"));
    fs::create_dir(&data).unwrap();
    let Opened { engine, store, broker } = filled(&data).await;
    Source::new(&data, &engine).write(PASSPHRASE, fs::File::create(&file).unwrap()).unwrap();
    fs::create_dir(&other).unwrap();
    let Contents { files: count, .. } = backup::restore(&file, PASSPHRASE, &other).unwrap();
    assert_eq!(count, 3, "two keys and a log");
    let there = open(&other).await;
    for name in ["decisions", "learnings"] {
        let query = Query::all(Scope::Collection(format!("tenants/acme/{name}")), 1000);
        let (here, there) = (store.query(&query).await.unwrap(), there.store.query(&query).await.unwrap());
        assert_eq!(here.documents, there.documents);
    }
    assert_eq!(there.store.stats().bytes, store.stats().bytes);
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_or_not_wanted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file, other) =
        (folder.path().join("data"), folder.path().join("backup"), folder.path().join("other"));
    fs::create_dir(&data).unwrap();
    let Opened { engine, store, broker } = filled(&data).await;
    Source::new(&data, &engine).write(PASSPHRASE, fs::File::create(&file).unwrap()).unwrap();
    broker.close().await;
    drop((store, engine, broker));
    let good = fs::read(&file).unwrap();
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    for (bytes, passphrase, why) in [
        (&good[..good.len() - 1], PASSPHRASE, "cut"),
        (&changed[..], PASSPHRASE, "isn't what was written"),
        (&good[..], "another passphrase", "passphrase"),
        (&b"{}"[..], PASSPHRASE, "too short"),
    ] {
        fs::write(&file, bytes).unwrap();
        let refused = backup::restore(&file, passphrase, &other).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
        assert!(!other.exists(), "{why}");
    }
    fs::write(&file, &good).unwrap();
    let full = tempfile::tempdir().unwrap();
    copy(&data, full.path());
    let before = files(full.path());
    let refused = backup::restore(&file, PASSPHRASE, full.path()).unwrap_err();
    assert!(matches!(refused, Error::NotEmpty { .. }), "{refused}");
    assert!(files(full.path()) == before);
}
