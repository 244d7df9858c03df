//! The embedded store passes the suite of its port.

#![expect(clippy::unwrap_used, reason = "test code")]

use machine::store::{Options, Store};
use model::index::{INDEXES, Reach};
use model::port::Store as _;
use model::port::store::{Comparison, Path, Precondition, Query, Scope, Write};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;

async fn store() -> Option<(Arc<dyn model::port::Store>, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    Some((Arc::new(store), folder))
}

tests::store_conformance!(store());

/// Each declared index answers the queries it was declared for, in both directions and by range; what has no
/// index is counted.
#[tokio::test]
async fn declared_indexes_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    for index in INDEXES {
        let put = |n| {
            let path = Path::new(format!("tenants/t/{}/d{n}", index.group));
            Write::put(path, Precondition::None, &with_every_field(n)).unwrap()
        };
        store.commit((0..9).map(put).collect()).await.unwrap();
    }
    for index in INDEXES {
        let scope = match index.reach {
            Reach::Collection => Scope::Collection(format!("tenants/t/{}", index.group)),
            Reach::Group => Scope::Group(index.group.to_owned()),
        };
        let ((last, descending), equal) = index.fields.split_last().unwrap();
        let query = equal
            .iter()
            .fold(Query::all(scope, 100), |query, (field, _)| query.filter(field, Comparison::Equal, 4));
        let found = if equal.is_empty() { 9 } else { 1 };
        let all_equal = query.clone().filter(last, Comparison::Equal, 4);
        assert_eq!(store.query(&all_equal).await.unwrap().documents.len(), 1, "{index:?}");
        for turned in [false, true] {
            let query = query.clone().order(last, *descending != turned);
            assert_eq!(store.query(&query).await.unwrap().documents.len(), found, "{index:?}");
            let range = query.filter(last, Comparison::GreaterOrEqual, 4).filter(last, Comparison::Less, 5);
            assert_eq!(store.query(&range).await.unwrap().documents.len(), 1, "{index:?}");
        }
    }
    let by_path = Query::all(Scope::Collection("tenants/t/deployments".into()), 100);
    store.query(&by_path).await.unwrap();
    assert_eq!(store.stats().scans, 0);
    store.query(&by_path.order("no_such_index", false)).await.unwrap();
    assert_eq!(store.stats().scans, 1);
}

/// A document that is in every index.
fn with_every_field(n: i64) -> Value {
    let mut document = json!({});
    for (field, _) in INDEXES.iter().flat_map(|index| index.fields) {
        let place = field.split('.').fold(&mut document, |place, segment| &mut place[segment]);
        *place = json!(n);
    }
    document
}
