//! Watches: what is there now, then every change, the newest state for certain.

use super::{Tenant, delete, put};
use futures::stream::{BoxStream, StreamExt};
use model::port::store::{Changed, Comparison, Path, Query, Store, StoreError, Watch};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a watch has told so far. The time limit only turns a hang into a failure.
struct Watcher {
    stream: BoxStream<'static, Result<Changed, StoreError>>,
    told: BTreeMap<String, Value>,
}

impl Watcher {
    async fn start(store: &dyn Store, watch: Watch) -> Self {
        Self { stream: store.watch(watch).await.unwrap(), told: BTreeMap::new() }
    }

    async fn document(store: &dyn Store, path: &Path) -> Self {
        Self::start(store, Watch::Document(path.clone())).await
    }

    async fn next(&mut self) -> Changed {
        let next = tokio::time::timeout(Duration::from_secs(30), self.stream.next()).await;
        let changed = next.expect("the watch tells nothing").expect("the watch ended").unwrap();
        let id = changed.path.id().to_owned();
        match &changed.document {
            Some(document) => {
                assert_eq!(document.path, changed.path);
                self.told.insert(id, document.body.parse().unwrap());
            }
            None => drop(self.told.remove(&id)),
        }
        changed
    }

    /// Listens until what was told is this.
    async fn until(&mut self, expected: &[(&str, Value)]) {
        let expected: BTreeMap<String, Value> =
            expected.iter().map(|(id, v)| ((*id).to_owned(), v.clone())).collect();
        while self.told != expected {
            self.next().await;
        }
    }
}

/// A document that appears, changes, goes and comes back.
pub async fn watch_document(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let (path, other) = (tenant.path("things", "w"), tenant.path("things", "other"));
    let mut early = Watcher::document(store, &path).await;
    put(store, &other, &json!({"n": -1})).await;
    let version = put(store, &path, &json!({"n": 0})).await;
    let first = early.next().await;
    assert_eq!(
        (first.path, first.document.unwrap().version),
        (path.clone(), version),
        "nothing is told of what isn't there"
    );
    let mut late = Watcher::document(store, &path).await;
    assert_eq!(late.next().await.document.unwrap().version, version, "what is there now comes first");
    for number in 1..6 {
        put(store, &path, &json!({"n": number})).await;
        for watcher in [&mut early, &mut late] {
            watcher.until(&[("w", json!({"n": number}))]).await;
        }
    }
    delete(store, &path).await;
    for watcher in [&mut early, &mut late] {
        assert!(watcher.next().await.document.is_none());
    }
    put(store, &path, &json!({"n": 5})).await;
    for watcher in [&mut early, &mut late] {
        watcher.until(&[("w", json!({"n": 5}))]).await;
    }
    drop(early);
    put(store, &path, &json!({"n": 6})).await;
    late.until(&[("w", json!({"n": 6}))]).await;
}

/// Documents that enter a query's answer, change in it, and leave it.
pub async fn watch_query(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = |id: &str| tenant.path("things", id);
    let on = |on: bool, n: i64| json!({"on": on, "n": n});
    put(store, &path("a"), &on(true, 1)).await;
    put(store, &path("b"), &on(false, 1)).await;
    let query = Query::all(tenant.scope("things"), 100).filter("on", Comparison::Equal, true);
    let mut watcher = Watcher::start(store, Watch::Query(query)).await;
    watcher.until(&[("a", on(true, 1))]).await;
    put(store, &path("b"), &on(true, 2)).await;
    watcher.until(&[("a", on(true, 1)), ("b", on(true, 2))]).await;
    put(store, &path("a"), &on(true, 3)).await;
    put(store, &path("c"), &on(true, 1)).await;
    watcher.until(&[("a", on(true, 3)), ("b", on(true, 2)), ("c", on(true, 1))]).await;
    put(store, &path("a"), &on(false, 4)).await;
    watcher.until(&[("b", on(true, 2)), ("c", on(true, 1))]).await;
    delete(store, &path("b")).await;
    watcher.until(&[("c", on(true, 1))]).await;
    put(store, &path("a"), &on(true, 5)).await;
    watcher.until(&[("a", on(true, 5)), ("c", on(true, 1))]).await;
}

/// A document that is pushed off the page leaves, and comes back when there is room.
pub async fn watch_query_limit(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = |n: i64| tenant.path("things", &format!("d{n}"));
    let at = |n: i64| json!({ "n": n });
    put(store, &path(1), &at(1)).await;
    put(store, &path(2), &at(2)).await;
    let query = Query::all(tenant.scope("things"), 2).order("n", true);
    let mut watcher = Watcher::start(store, Watch::Query(query)).await;
    watcher.until(&[("d1", at(1)), ("d2", at(2))]).await;
    put(store, &path(3), &at(3)).await;
    watcher.until(&[("d2", at(2)), ("d3", at(3))]).await;
    delete(store, &path(3)).await;
    watcher.until(&[("d1", at(1)), ("d2", at(2))]).await;
}

/// One that doesn't listen for a while gets the newest state, without the hundreds in between, and holds no one up.
pub async fn watch_coalesces(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = tenant.path("things", "fast");
    let mut watchers = vec![];
    for _ in 0..5 {
        watchers.push(Watcher::document(store, &path).await);
        watchers.push(Watcher::start(store, Watch::Query(Query::all(tenant.scope("things"), 10))).await);
    }
    for number in 0..200 {
        put(store, &path, &json!({"n": number})).await;
    }
    for watcher in &mut watchers {
        watcher.until(&[("fast", json!({"n": 199}))]).await;
    }
}
