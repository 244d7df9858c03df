//! What the Firestore adapter adds to the port: versions that always move, and a field of its own that nobody sees.

use futures::{StreamExt, stream::BoxStream};
use gcp::{FirestoreOptions, FirestoreStore};
use model::port::store::{
    Changed, Comparison, Path, Precondition, Query, Scope, Store, StoreError, Watch, Write,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// The suite that every store passes.
mod conformance {
    use model::port::Store;
    use std::sync::Arc;

    async fn engine() -> Option<(Arc<dyn Store>, ())> {
        Some((Arc::new(super::store(tests::emulator::firestore()?)), ()))
    }

    tests::store_conformance!(engine());
}

/// A store of its own connection; documents are told apart by the tenant.
pub fn store(emulator: String) -> FirestoreStore {
    // Watches that look for themselves only after a minute: what arrives sooner came by the listener.
    let resync = Duration::from_secs(60);
    FirestoreStore::new(FirestoreOptions {
        emulator: Some(emulator),
        resync,
        ..FirestoreOptions::new("demo-sextant")
    })
}

fn tenant() -> String {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("tenants/t{nanos}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_changes_nothing_still_moves_the_version() {
    let Some(emulator) = tests::emulator::firestore() else { return };
    let (store, path) = (store(emulator), Path::new(format!("{}/things/one", tenant())));
    let document = json!({"n": 1, "nothing": null, "a.b": {"x": [1.5, {"y": -1}]}});
    let put = |precondition| vec![Write::put(path.clone(), precondition, &document).unwrap()];

    let first = store.commit(put(Precondition::Absent)).await.unwrap()[0];
    let second = store.commit(put(Precondition::At(first))).await.unwrap()[0];
    assert_ne!(first, second);
    let stale = store.commit(put(Precondition::At(first))).await;
    assert!(matches!(&stale, Err(StoreError::Conflict { path: named }) if *named == path), "{stale:?}");

    let read = store.get(&path).await.unwrap().unwrap();
    assert_eq!(read.version, second);
    assert_eq!(read.body.parse::<Value>().unwrap(), document, "the store's own field isn't shown");
}

/// `n` of the document after its next change; `None` once it is gone.
async fn seen(changes: &mut BoxStream<'static, Result<Changed, StoreError>>) -> Option<Value> {
    let next =
        tokio::time::timeout(Duration::from_secs(30), changes.next()).await.expect("a change within 30 s");
    let document = next.unwrap().unwrap().document?;
    Some(document.body.parse::<Value>().unwrap()["n"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_hears_of_another_process_without_looking() {
    let Some(emulator) = tests::emulator::firestore() else { return };
    let (here, there) = (store(emulator.clone()), store(emulator));
    let things = format!("{}/things", tenant());
    let path = Path::new(format!("{things}/one"));
    let put = |n: i64| vec![Write::put(path.clone(), Precondition::None, &json!({ "n": n })).unwrap()];
    here.commit(put(0)).await.unwrap();

    for watch in [
        Watch::Document(path.clone()),
        Watch::Query(
            Query::all(Scope::Collection(things.clone()), 10)
                .filter("n", Comparison::Less, 10)
                .order("n", false),
        ),
    ] {
        let mut changes = here.watch(watch).await.unwrap();
        there.commit(put(1)).await.unwrap();
        there.commit(vec![Write::delete(path.clone(), Precondition::None)]).await.unwrap();
        there.commit(put(2)).await.unwrap();
        // States in between may be skipped, the last one may not.
        while seen(&mut changes).await != Some(json!(2)) {}
        there.commit(vec![Write::delete(path.clone(), Precondition::Present)]).await.unwrap();
        assert_eq!(seen(&mut changes).await, None);
        here.commit(put(0)).await.unwrap();
        assert_eq!(seen(&mut changes).await, Some(json!(0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_out_of_reach_is_a_transient_error() {
    let store = store(tests::emulator::nobody());
    let path = Path::new("tenants/nobody");
    let read = store.get(&path).await.unwrap_err();
    assert!(read.is_transient(), "{read}");
    let written = store.commit(vec![Write::delete(path, Precondition::None)]).await.unwrap_err();
    assert!(written.is_transient(), "{written}");
}
