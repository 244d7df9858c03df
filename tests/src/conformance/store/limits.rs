//! What is refused, and that nothing was written then.

use super::{Tenant, body, invalid, put};
use model::port::store::{Body, Change, Comparison, Precondition, Query, Scope, Store, Write};
use serde_json::{Value, json};
use std::sync::Arc;

/// Up to almost 1 MiB.
pub async fn large_documents(store: Arc<dyn Store>) {
    let (store, path) = (&*store, Tenant::new().path("things", "large"));
    let large = json!({"text": "x".repeat(1_040_000), "n": 1});
    put(store, &path, &large).await;
    assert_eq!(body(store, &path).await, Some(large));
    store.commit(vec![Write::add(path.clone(), [("n".to_owned(), 1)])]).await.unwrap();
    assert_eq!(body(store, &path).await.unwrap()["n"], 2);
}

/// Documents that one of the engines couldn't keep.
pub async fn documents_refused(store: Arc<dyn Store>) {
    let (store, path) = (&*store, Tenant::new().path("things", "refused"));
    let refused: [(&str, Value); 6] = [
        ("too large", json!({"text": "x".repeat(1_100_000)})),
        ("an array in an array", json!({"a": [[1]]})),
        ("an array in an array, deeper", json!({"a": {"b": [{"c": [1, []]}]}})),
        ("an integer above i64", json!({"a": u64::MAX})),
        ("an integer just above i64", json!({"a": [1_u64 << 63]})),
        ("a field without a name", json!({"": 1})),
    ];
    for (what, document) in refused {
        let put = Change::Put(Body::of(&document).unwrap());
        let set = document
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (vec![name.clone()], Some(value.clone())));
        let patch = Change::Patch { set: set.collect(), increment: vec![] };
        for change in [put, patch] {
            let write = Write { path: path.clone(), precondition: Precondition::None, change };
            invalid(store.commit(vec![write]).await, what);
        }
        assert_eq!(body(store, &path).await, None, "{what}");
    }
    assert!(Body::of(&json!([1])).is_err() && Body::of(&1).is_err());
}

/// Commits that make no sense.
pub async fn commits_refused(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let (path, other) = (tenant.path("things", "c"), tenant.path("things", "other"));
    put(store, &path, &json!({"n": 0})).await;
    let set = |names: &[&[&str]]| {
        let set = names.iter().map(|name| (name.iter().map(|&s| s.to_owned()).collect(), Some(json!(1))));
        let change = Change::Patch { set: set.collect(), increment: vec![] };
        Write { path: path.clone(), precondition: Precondition::None, change }
    };
    let good = Write::put(other.clone(), Precondition::None, &json!({})).unwrap();
    let add = Write::add(path.clone(), [("n".to_owned(), 1)]);
    let refused = [
        ("two writes of one document", vec![good.clone(), add.clone(), add]),
        ("a field twice", vec![good.clone(), set(&[&["a"], &["a"]])]),
        ("a field and one in it", vec![good.clone(), set(&[&["a"], &["a", "b"]])]),
        ("a field without segments", vec![good.clone(), set(&[&[]])]),
        ("a field without a name", vec![good, set(&[&["a", ""]])]),
    ];
    for (what, writes) in refused {
        invalid(store.commit(writes).await, what);
        assert_eq!(body(store, &path).await, Some(json!({"n": 0})), "{what}");
        assert_eq!(body(store, &other).await, None, "{what}");
    }
    let many = |count: usize| -> Vec<Write> {
        let path = |number| tenant.path("many", &format!("m{number}"));
        (0..count).map(|number| Write::put(path(number), Precondition::None, &json!({})).unwrap()).collect()
    };
    assert_eq!(store.commit(many(500)).await.unwrap().len(), 500);
}

/// Queries that make no sense.
pub async fn queries_refused(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let all = || Query::all(tenant.scope("things"), 10);
    let by_ids = |query: Query| Query { ids: (Some("a".into()), None), ..query };
    let refused = [
        ("no limit", Query { limit: 0, ..all() }),
        ("a range without order", all().filter("n", Comparison::Less, 1)),
        (
            "a range on the second field",
            all().filter("n", Comparison::Less, 1).order("m", false).order("n", false),
        ),
        ("ids with order", by_ids(all().order("n", false))),
        ("ids in a group", by_ids(Query::all(Scope::Group("things".into()), 10))),
        ("a document for a collection", Query::all(Scope::Collection("a/b".into()), 10)),
        ("a path for a group", Query::all(Scope::Group("a/b/c".into()), 10)),
    ];
    for (what, query) in refused {
        invalid(store.query(&query).await, what);
    }
    for number in 0..2 {
        put(store, &tenant.path("things", &format!("d{number}")), &json!({"n": number})).await;
    }
    let page = store.query(&Query { limit: 1, ..all().order("n", false) }).await.unwrap();
    invalid(store.query(&all().after(page.next)).await, "another query's cursor");
}
