//! Patches: sets, removals, increments, nested fields, difficult names.

use super::{Tenant, body, put};
use model::port::store::{Change, Field, Path, Precondition, Store, Write};
use serde_json::{Value, json};
use std::sync::Arc;

fn field(segments: &[&str]) -> Field {
    segments.iter().map(|&segment| segment.to_owned()).collect()
}

async fn patch(
    store: &dyn Store,
    path: &Path,
    set: &[(&[&str], Option<Value>)],
    increment: &[(&[&str], i64)],
) {
    let change = Change::Patch {
        set: set.iter().map(|(name, value)| (field(name), value.clone())).collect(),
        increment: increment.iter().map(|(name, by)| (field(name), *by)).collect(),
    };
    store.commit(vec![Write { path: path.clone(), precondition: Precondition::None, change }]).await.unwrap();
}

/// Sets and removes fields, leaves the others, creates what isn't there.
pub async fn patches(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = tenant.path("things", "patched");
    patch(store, &path, &[(&["a"], Some(json!(1))), (&["b"], Some(json!("x"))), (&["gone"], None)], &[])
        .await;
    assert_eq!(body(store, &path).await, Some(json!({"a": 1, "b": "x"})), "created by a patch");
    patch(
        store,
        &path,
        &[(&["a"], None), (&["b"], Some(json!(null))), (&["c"], Some(json!([1, {"d": 2}])))],
        &[],
    )
    .await;
    assert_eq!(body(store, &path).await, Some(json!({"b": null, "c": [1, {"d": 2}]})));
    patch(store, &path, &[(&["c"], Some(json!({})))], &[(&["n"], 2)]).await;
    assert_eq!(
        body(store, &path).await,
        Some(json!({"b": null, "c": {}, "n": 2})),
        "a set and an increment at once"
    );
    patch(store, &path, &[(&["b"], None), (&["c"], None), (&["n"], None)], &[]).await;
    assert_eq!(body(store, &path).await, Some(json!({})), "nothing is left, and the document stays");
    let empty = tenant.path("things", "empty");
    patch(store, &empty, &[], &[]).await;
    assert_eq!(body(store, &empty).await, Some(json!({})), "an empty patch creates an empty document");
}

/// Fields in objects; siblings stay, missing parents appear.
pub async fn nested_patches(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = tenant.path("things", "nested");
    put(store, &path, &json!({"a": {"b": {"c": 1, "d": 2}, "e": 3}, "text": "t"})).await;
    let set =
        [(&["a", "b", "c"][..], Some(json!(9))), (&["a", "e"], None), (&["x", "y"], Some(json!({"z": 1})))];
    patch(store, &path, &set, &[(&["a", "b", "n"], 5), (&["p", "q"], -1)]).await;
    let expected =
        json!({"a": {"b": {"c": 9, "d": 2, "n": 5}}, "text": "t", "x": {"y": {"z": 1}}, "p": {"q": -1}});
    assert_eq!(body(store, &path).await, Some(expected));
    patch(store, &path, &[(&["a", "b"], Some(json!({"only": true}))), (&["x", "none"], None)], &[]).await;
    let expected = json!({"a": {"b": {"only": true}}, "text": "t", "x": {"y": {"z": 1}}, "p": {"q": -1}});
    assert_eq!(body(store, &path).await, Some(expected), "an object is replaced, not merged");
    patch(store, &path, &[(&["text", "inner"], Some(json!(1)))], &[]).await;
    assert_eq!(
        body(store, &path).await.unwrap()["text"],
        json!({"inner": 1}),
        "a parent that is no object becomes one"
    );
}

/// Integers are added to; missing ones count as 0.
pub async fn increments(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = tenant.path("counters", "c");
    for _ in 0..3 {
        let by = [("requests".to_owned(), 2), ("by_day.monday".to_owned(), -1), ("zero".to_owned(), 0)];
        store.commit(vec![Write::add(path.clone(), by)]).await.unwrap();
    }
    let expected = json!({"requests": 6, "by_day": {"monday": -3}, "zero": 0});
    assert_eq!(body(store, &path).await, Some(expected));
    put(store, &path, &json!({"f": 0.5, "large": 9_007_199_254_740_993_i64, "text": "t"})).await;
    patch(store, &path, &[], &[(&["f"], 2), (&["large"], 1), (&["text"], 4)]).await;
    let expected = json!({"f": 2.5, "large": 9_007_199_254_740_994_i64, "text": 4});
    assert_eq!(body(store, &path).await, Some(expected), "exact above 2^53; what is no number counts as 0");
}

/// Names that mean something to somebody else.
pub async fn field_names(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = tenant.path("things", "names");
    let names = [
        "a.b",
        "back`tick",
        "back\\slash",
        "with space",
        "ü-é",
        "1digit",
        "/",
        "*[]~",
        "\"quoted\"",
        "`",
        ".",
    ];
    for name in names {
        patch(store, &path, &[(&[name, "in.side"], Some(json!(1)))], &[(&[name, "n`"], 1)]).await;
    }
    let expected: serde_json::Map<String, Value> =
        names.iter().map(|&name| (name.to_owned(), json!({"in.side": 1, "n`": 1}))).collect();
    assert_eq!(body(store, &path).await, Some(Value::Object(expected)));
    for name in names {
        patch(store, &path, &[(&[name], None)], &[]).await;
    }
    assert_eq!(body(store, &path).await, Some(json!({})));
}
