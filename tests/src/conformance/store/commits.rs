//! Preconditions, atomicity, versions, reads.

use super::{Tenant, body, conflict, delete, put};
use model::port::store::{Body, Change, Path, Precondition, Store, StoreError, Version, Write};
use serde_json::json;
use std::sync::Arc;

/// Each precondition against a document that is absent, present, changed since, and gone.
pub async fn preconditions(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    for (number, make) in changes().into_iter().enumerate() {
        let path = tenant.path("things", &format!("p{number}"));
        let write = |precondition| vec![Write { path: path.clone(), precondition, change: make() }];
        let old = put(store, &path, &json!({"n": 0})).await;
        let new = put(store, &path, &json!({"n": 1})).await;
        conflict(store.commit(write(Precondition::At(old))).await, "a stale version");
        conflict(store.commit(write(Precondition::Absent)).await, "absent, but it is there");
        assert_eq!(body(store, &path).await, Some(json!({"n": 1})), "a refused commit changes nothing");
        store.commit(write(Precondition::At(new))).await.unwrap();
        put(store, &path, &json!({"n": 2})).await;
        store.commit(write(Precondition::Present)).await.unwrap();
        put(store, &path, &json!({"n": 3})).await;
        store.commit(write(Precondition::None)).await.unwrap();

        let last = put(store, &path, &json!({"n": 4})).await;
        delete(store, &path).await;
        conflict(store.commit(write(Precondition::At(last))).await, "a version of a deleted document");
        conflict(store.commit(write(Precondition::Present)).await, "present, but it is gone");
        assert_eq!(body(store, &path).await, None);
        store.commit(write(Precondition::Absent)).await.unwrap();
        delete(store, &path).await;
        store.commit(write(Precondition::None)).await.unwrap();
    }
}

fn changes() -> Vec<Box<dyn Fn() -> Change + Send + Sync>> {
    vec![
        Box::new(|| Change::Put(Body::of(&json!({"put": true})).unwrap())),
        Box::new(|| Change::Patch { set: vec![(vec!["set".into()], Some(json!(1)))], increment: vec![] }),
        Box::new(|| Change::Patch { set: vec![], increment: vec![(vec!["count".into()], 1)] }),
        Box::new(|| Change::Delete),
    ]
}

/// One write that may not happen, wherever it stands, and none of the others does.
pub async fn atomicity(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let paths: Vec<Path> = (0..4).map(|number| tenant.path("things", &format!("a{number}"))).collect();
    put(store, &paths[2], &json!({"n": 0})).await;
    let writes = |wrong: Option<usize>| -> Vec<Write> {
        let precondition =
            |number| if wrong == Some(number) { Precondition::At(Version(7)) } else { Precondition::None };
        vec![
            Write::put(paths[0].clone(), precondition(0), &json!({"n": 1})).unwrap(),
            Write { precondition: precondition(1), ..Write::add(paths[1].clone(), [("n".to_owned(), 1)]) },
            Write::delete(paths[2].clone(), precondition(2)),
            Write::put(paths[3].clone(), precondition(3), &json!({"n": 1})).unwrap(),
        ]
    };
    for wrong in 0..4 {
        conflict(store.commit(writes(Some(wrong))).await, "one of four");
        for (number, path) in paths.iter().enumerate() {
            let expected = (number == 2).then(|| json!({"n": 0}));
            assert_eq!(
                body(store, path).await,
                expected,
                "document {number} after write {wrong} was refused"
            );
        }
    }
    assert_eq!(store.commit(writes(None)).await.unwrap().len(), 4);
    for (number, path) in paths.iter().enumerate() {
        assert_eq!(body(store, path).await, (number != 2).then(|| json!({"n": 1})));
    }
    assert_eq!(store.commit(vec![]).await.unwrap(), []);
}

/// The version a commit answers is the one that is read, and the one that guards.
pub async fn versions(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let (one, two) = (tenant.path("things", "one"), tenant.path("things", "two"));
    let mut seen = vec![];
    for round in 0..4 {
        let put =
            |path: &Path| Write::put(path.clone(), Precondition::None, &json!({"round": round})).unwrap();
        let versions = store.commit(vec![put(&one), put(&two)]).await.unwrap();
        for (path, version) in [(&one, versions[0]), (&two, versions[1])] {
            assert_eq!(store.get(path).await.unwrap().unwrap().version, version);
        }
        assert!(!seen.contains(&versions[0]), "a version came back");
        seen.push(versions[0]);
        if round == 1 {
            delete(store, &one).await;
        }
    }
    for old in &seen[..3] {
        let write = Write::put(one.clone(), Precondition::At(*old), &json!({})).unwrap();
        conflict(store.commit(vec![write]).await, "a version from before the deletion");
    }
    // Two with the same version at hand: one of them wins, also when both write what is there already.
    let current = store.get(&two).await.unwrap().unwrap().version;
    let guarded =
        |version| vec![Write::put(two.clone(), Precondition::At(version), &json!({"round": 3})).unwrap()];
    store.commit(guarded(current)).await.unwrap();
    conflict(store.commit(guarded(current)).await, "a second write at the same version");
}

/// Reads see what was committed before them; several come back in the order asked for.
pub async fn reads(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = |id: &str| tenant.path("things", id);
    assert!(store.get(&path("none")).await.unwrap().is_none());
    for number in 0..20 {
        let write = Write::put(path("rw"), Precondition::None, &json!({"n": number})).unwrap();
        let version = store.commit(vec![write]).await.unwrap()[0];
        let read = store.get(&path("rw")).await.unwrap().unwrap();
        assert_eq!((read.version, read.path), (version, path("rw")), "read your writes");
        assert_eq!(body(store, &path("rw")).await, Some(json!({"n": number})));
    }
    for id in ["c", "a", "b"] {
        put(store, &path(id), &json!({"id": id})).await;
    }
    let asked = [path("b"), path("none"), path("a"), path("c"), path("b")];
    let found = store.get_many(&asked).await.unwrap();
    let found: Vec<Option<String>> =
        found.iter().map(|d| d.as_ref().map(|d| d.path.id().to_owned())).collect();
    assert_eq!(found, [Some("b".into()), None, Some("a".into()), Some("c".into()), Some("b".into())]);
    assert!(store.get_many(&[]).await.unwrap().is_empty());
    let below = Path::new(format!("{}/below/it", path("parent")));
    put(store, &below, &json!({"x": 1})).await;
    assert!(store.get(&path("parent")).await.unwrap().is_none(), "a parent need not exist");
    let refused: Result<_, StoreError> =
        store.commit(vec![Write::delete(path("parent"), Precondition::Present)]).await;
    conflict(refused, "a parent that doesn't exist");
}
