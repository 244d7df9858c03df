//! Documents come back as they were written.

use super::{Tenant, body, put};
use model::port::store::{Path, Store};
use serde_json::{Value, json};
use std::sync::Arc;

async fn survives(store: &dyn Store, path: &Path, document: &Value) {
    put(store, path, document).await;
    assert_eq!(body(store, path).await.as_ref(), Some(document));
}

/// Each kind of value, at its limits.
pub async fn bodies(store: Arc<dyn Store>) {
    let (store, path) = (&*store, Tenant::new().path("things", "values"));
    survives(store, &path, &json!({})).await;
    survives(
        store,
        &path,
        &json!({"null": null, "yes": true, "no": false, "empty": {}, "none": [], "text": ""}),
    )
    .await;
    let integers = [i64::MIN, i64::MIN + 1, -1, 0, 1, (1 << 53) + 1, i64::MAX - 1, i64::MAX];
    survives(store, &path, &json!({"integers": integers})).await;
    let floats = [0.1, -2.5, 1e300, -1e-300, f64::MAX, f64::MIN_POSITIVE, 1.5e18];
    survives(store, &path, &json!({"floats": floats})).await;
    survives(
        store,
        &path,
        &json!({"list": [1, "two", null, {"three": [3.5, {"four": []}]}], "deep": {"a": {"b": {"c": {}}}}}),
    )
    .await;
    let whole = json!({"one": 1.0});
    put(store, &path, &whole).await;
    assert_eq!(body(store, &path).await.unwrap()["one"].as_f64(), Some(1.0));
}

/// Text of every script, in values, names and ids.
pub async fn unicode(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let text = "Grüße, 世界 👩‍👩‍👧 \u{0} \u{1} \u{7f} \u{feff} \u{10ffff} \\ \" \n \t";
    survives(store, &tenant.path("things", "text"), &json!({ "text": text, "ключ": { "名前": text } })).await;
    for id in ["ü", "世界", "👩‍👩‍👧", "with space", "a.b", "a`b", "%2F", "-", "~", "(default)"]
    {
        survives(store, &tenant.path("things", id), &json!({ "id": id })).await;
    }
}
