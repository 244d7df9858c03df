//! Queries: each answer is compared with one worked out in the plainest way, whole and page by page.

use super::order::expected;
use super::{Tenant, ask, ids_of, put, unique};
use model::port::store::{Comparison, Path, Precondition, Query, Scope, Store, Write};
use serde_json::{Value, json};
use std::sync::Arc;

const COMPARISONS: [Comparison; 4] =
    [Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual];

/// Asks whole and in pages of several sizes; every way must walk everything exactly once, in order.
async fn agrees(store: &dyn Store, documents: &[(Path, Value)], query: &Query) {
    let expected = expected(documents, query);
    for limit in [1000, 1, 3] {
        let mut found = vec![];
        let mut query = Query { limit, ..query.clone() };
        loop {
            let page = store.query(&query).await.unwrap();
            assert!(page.documents.len() <= limit);
            assert_eq!(page.next.is_some(), page.documents.len() == limit, "a full page has a cursor");
            found.extend(page.documents.into_iter().map(|document| document.path));
            assert!(found.len() <= expected.len(), "{query:?}: more than expected: {found:?}");
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert_eq!(found, expected, "{query:?}");
    }
}

async fn fill(store: &dyn Store, tenant: &Tenant, name: &str, bodies: &[Value]) -> Vec<(Path, Value)> {
    let path = |number: usize| tenant.path(name, &format!("d{:02}", (number * 7) % 100));
    let documents: Vec<_> =
        bodies.iter().enumerate().map(|(number, body)| (path(number), body.clone())).collect();
    let write = |(path, body): &(Path, Value)| Write::put(path.clone(), Precondition::None, body).unwrap();
    store.commit(documents.iter().map(write).collect()).await.unwrap();
    documents
}

/// Values of every kind, some twice, some missing.
fn mixed() -> Vec<Value> {
    let values = [
        json!(null),
        json!(false),
        json!(true),
        json!(-3),
        json!(-2.5),
        json!(0),
        json!(1),
        json!(1.5),
        json!(2),
        json!(1e12),
        json!(""),
        json!("A"),
        json!("a"),
        json!("a\u{0}"),
        json!("aa"),
        json!("b"),
        json!("é"),
        json!("世"),
    ];
    let mut bodies = vec![json!({"other": 1}), json!({}), json!({"k": "x"})];
    for (number, value) in values.iter().enumerate() {
        bodies.push(json!({"v": value, "k": if number % 2 == 0 { "x" } else { "y" }, "n": number / 3}));
        if number % 3 == 0 {
            bodies.push(json!({"v": value, "k": "x"}));
        }
    }
    bodies
}

/// Equality on one field and several, of each kind; missing fields never match.
pub async fn equality(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let documents = fill(store, &tenant, "things", &mixed()).await;
    let all = || Query::all(tenant.scope("things"), 1000);
    for value in [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(1.5),
        json!(""),
        json!("a"),
        json!("none"),
        json!(1e12),
    ] {
        agrees(store, &documents, &all().filter("v", Comparison::Equal, value.clone())).await;
        let both = all().filter("v", Comparison::Equal, value).filter("k", Comparison::Equal, "x");
        agrees(store, &documents, &both).await;
    }
    assert_eq!(ask(store, &all().filter("missing", Comparison::Equal, json!(null))).await.len(), 0);
    let nested = tenant.path("nested", "n");
    put(store, &nested, &json!({"a": {"b": 7}, "a.b": 8})).await;
    let query = |value: i64| Query::all(tenant.scope("nested"), 9).filter("a.b", Comparison::Equal, value);
    assert_eq!(ids_of(store, &query(7)).await, ["n"], "a dotted field is one in an object");
    assert_eq!(ids_of(store, &query(8)).await, Vec::<String>::new());
    assert_eq!(ids_of(store, &Query::all(tenant.scope("empty"), 9)).await, Vec::<String>::new());
}

/// Ranges, open and closed, of each kind, alone and behind an equality.
pub async fn ranges(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let documents = fill(store, &tenant, "things", &mixed()).await;
    let all = |descending| Query::all(tenant.scope("things"), 1000).order("v", descending);
    for descending in [false, true] {
        for comparison in COMPARISONS {
            for value in [json!(-2.5), json!(1), json!(true), json!("a"), json!("")] {
                agrees(store, &documents, &all(descending).filter("v", comparison, value)).await;
            }
        }
        let between =
            all(descending).filter("v", Comparison::Greater, -3).filter("v", Comparison::LessOrEqual, 2);
        agrees(store, &documents, &between.clone().filter("k", Comparison::Equal, "x")).await;
        agrees(store, &documents, &between).await;
        let nothing = all(descending).filter("v", Comparison::Greater, 2).filter("v", Comparison::Less, 1);
        agrees(store, &documents, &nothing).await;
    }
}

/// Both directions, several fields, ties by path, unlike kinds.
pub async fn ordering(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let documents = fill(store, &tenant, "things", &mixed()).await;
    let all = || Query::all(tenant.scope("things"), 1000);
    agrees(store, &documents, &all()).await;
    for first in [false, true] {
        agrees(store, &documents, &all().order("v", first)).await;
        agrees(store, &documents, &all().order("k", first)).await;
        agrees(store, &documents, &all().filter("k", Comparison::Equal, "x").order("v", first)).await;
        for second in [false, true] {
            agrees(store, &documents, &all().order("k", first).order("v", second)).await;
            agrees(store, &documents, &all().order("n", first).order("k", second)).await;
        }
    }
}

/// A range of ids, from the first (inclusive) and below the second.
pub async fn ids(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    for id in ["a", "b", "b-1", "b1", "c", "d"] {
        put(store, &tenant.path("things", id), &json!({"even": id.len() % 2 == 0})).await;
        put(store, &Path::new(format!("{}/things/below", tenant.path("things", id))), &json!({"even": true}))
            .await;
    }
    let range = |from: Option<&str>, below: Option<&str>| Query {
        ids: (from.map(str::to_owned), below.map(str::to_owned)),
        ..Query::all(tenant.scope("things"), 100)
    };
    assert_eq!(ids_of(store, &range(Some("b"), Some("c"))).await, ["b", "b-1", "b1"]);
    assert_eq!(ids_of(store, &range(Some("b0"), None)).await, ["b1", "c", "d"]);
    assert_eq!(ids_of(store, &range(None, Some("b"))).await, ["a"]);
    assert_eq!(ids_of(store, &range(Some("c"), Some("b"))).await, Vec::<String>::new());
    assert_eq!(ids_of(store, &range(Some("b"), Some("b"))).await, Vec::<String>::new());
    let even = range(Some("b"), None).filter("even", Comparison::Equal, true);
    assert_eq!(ids_of(store, &even).await, ["b1"]);
    let mut page = Query { limit: 2, ..range(Some("b"), Some("d")) };
    assert_eq!(ids_of(store, &page).await, ["b", "b-1"]);
    page.after = store.query(&page).await.unwrap().next;
    assert_eq!(ids_of(store, &page).await, ["b1", "c"]);
}

/// A cursor goes on behind its document, even when that is gone and others came.
pub async fn cursors(store: Arc<dyn Store>) {
    let (store, tenant) = (&*store, Tenant::new());
    let path = |id: &str| tenant.path("things", id);
    for (id, n) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
        put(store, &path(id), &json!({ "n": n })).await;
    }
    let query = Query::all(tenant.scope("things"), 2).order("n", false);
    let page = store.query(&query).await.unwrap();
    let text = serde_json::to_string(&page.next).unwrap();
    let next = Query { after: serde_json::from_str(&text).unwrap(), ..query };
    assert_eq!(ids_of(store, &next).await, ["c", "d"], "a cursor survives as text");
    super::delete(store, &path("b")).await;
    put(store, &path("bb"), &json!({"n": 2})).await;
    put(store, &path("aa"), &json!({"n": 2})).await;
    assert_eq!(ids_of(store, &next).await, ["bb", "c"]);
}

/// Every collection of a name, under whatever document; order by whole path, segment by segment.
pub async fn groups(store: Arc<dyn Store>) {
    let store = &*store;
    let (number, name) = (unique(), format!("group{:x}", unique()));
    let tenants = ["a", "a-b", "a.c", "ab"].map(|suffix| Tenant(format!("t{number:x}{suffix}")));
    let mut documents = vec![];
    for (index, tenant) in tenants.iter().enumerate() {
        documents.extend(fill(store, tenant, &name, &mixed()[index..index + 6]).await);
        put(store, &tenant.path("others", "x"), &json!({"v": 1})).await;
        let nested = Path::new(format!("{}/{name}/nested", tenant.path("things", "parent")));
        put(store, &nested, &json!({"v": 0, "k": "x"})).await;
        documents.push((nested, json!({"v": 0, "k": "x"})));
    }
    let all = || Query::all(Scope::Group(name.clone()), 1000);
    agrees(store, &documents, &all()).await;
    for descending in [false, true] {
        agrees(store, &documents, &all().order("v", descending)).await;
        agrees(store, &documents, &all().filter("k", Comparison::Equal, "x").order("v", descending)).await;
    }
    agrees(store, &documents, &all().filter("k", Comparison::Equal, "x")).await;
}

/// The product's own shapes, which have an index, while documents change and go.
pub async fn indexed(store: Arc<dyn Store>) {
    let store = &*store;
    let (tenant, shard) = (Tenant::new(), unique());
    let body = |number: usize, round: usize| {
        let status = if (number + round).is_multiple_of(2) { "DEPLOYED" } else { "FAILED" };
        let mut body = json!({"shard": shard, "service": format!("s{}", number % 3), "status": status});
        if !(number + round).is_multiple_of(4) {
            body["created_at"] = json!(1000 + (number * 37 + round) % 20);
        }
        body["next_due"] =
            if number.is_multiple_of(5) { json!(null) } else { json!((number * 13 + round) % 11) };
        body
    };
    for round in 0..3 {
        let mut documents =
            fill(store, &tenant, "deployments", &(0..24).map(|n| body(n, round)).collect::<Vec<_>>()).await;
        let (gone, _) = documents.remove(round * 5);
        super::delete(store, &gone).await;
        let all = || Query::all(tenant.scope("deployments"), 1000);
        let due =
            Query::all(Scope::Group("deployments".into()), 1000).filter("shard", Comparison::Equal, shard);
        agrees(store, &documents, &due.clone().order("next_due", false)).await;
        agrees(
            store,
            &documents,
            &due.order("next_due", false).filter("next_due", Comparison::LessOrEqual, 6),
        )
        .await;
        for descending in [true, false] {
            let by_service = all().filter("service", Comparison::Equal, "s1").order("created_at", descending);
            let by_status =
                all().filter("status", Comparison::Equal, "FAILED").order("created_at", descending);
            let both = by_service.clone().filter("status", Comparison::Equal, "FAILED");
            let since = both.clone().filter("created_at", Comparison::Greater, 1007);
            for query in [all().order("created_at", descending), by_service, by_status, both, since] {
                agrees(store, &documents, &query).await;
            }
        }
    }
}
