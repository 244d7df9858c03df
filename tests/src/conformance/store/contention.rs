//! 16 writers at once, and nothing is lost.

use super::{Tenant, body, put, unique};
use futures::future::join_all;
use model::port::store::{Path, Precondition, Store, StoreError, Write};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const WRITERS: usize = 16;
const ROUNDS: usize = 50;

/// All on one document: read, decide, commit; after a conflict, again.
pub async fn one_document(store: Arc<dyn Store>) {
    let path = Tenant::new().path("counters", "shared");
    contend(&store, |_| path.clone()).await;
    assert_eq!(body(&*store, &path).await.unwrap()["n"], WRITERS * ROUNDS);
}

/// Each on its own, with a common counter incremented in the same commit.
pub async fn many_documents(store: Arc<dyn Store>) {
    let tenant = Tenant::new();
    let path = |writer: usize| tenant.path("counters", &format!("own{writer}"));
    let common = tenant.path("counters", "common");
    let adds = join_all((0..WRITERS).map(|writer| {
        let (store, own, common) = (Arc::clone(&store), path(writer), common.clone());
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let writes = || vec![Write::add(own.clone(), one()), Write::add(common.clone(), one())];
                let mut pause = Pause::default();
                while let Err(e) = store.commit(writes()).await {
                    assert!(e.is_transient(), "{e}");
                    pause.wait().await;
                }
            }
        })
    }));
    for done in adds.await {
        done.unwrap();
    }
    for writer in 0..WRITERS {
        assert_eq!(body(&*store, &path(writer)).await, Some(json!({"n": ROUNDS})));
    }
    assert_eq!(body(&*store, &common).await, Some(json!({"n": WRITERS * ROUNDS})));
}

fn one() -> [(String, i64); 1] {
    [("n".to_owned(), 1)]
}

async fn contend(store: &Arc<dyn Store>, path: impl Fn(usize) -> Path) {
    put(&**store, &path(0), &json!({"n": 0})).await;
    let writers = (0..WRITERS).map(|writer| {
        let (store, path) = (Arc::clone(store), path(writer));
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                add_one(&*store, &path).await;
            }
        })
    });
    for done in join_all(writers).await {
        done.unwrap();
    }
}

async fn add_one(store: &dyn Store, path: &Path) {
    let mut pause = Pause::default();
    loop {
        let read = store.get(path).await.unwrap().unwrap();
        let n = read.body.parse::<Value>().unwrap()["n"].as_i64().unwrap();
        let write = Write::put(path.clone(), Precondition::At(read.version), &json!({"n": n + 1})).unwrap();
        match store.commit(vec![write]).await {
            Ok(_) => return,
            Err(StoreError::Conflict { .. }) => pause.wait().await,
            Err(e) => panic!("{e}"),
        }
    }
}

/// Waits a random while, longer each time: what contenders do.
#[derive(Default)]
struct Pause(u32);

impl Pause {
    async fn wait(&mut self) {
        self.0 = (self.0 + 1).min(6);
        tokio::time::sleep(Duration::from_micros(unique() % (500 << self.0))).await;
    }
}
