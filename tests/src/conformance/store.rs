//! What every Store must do. Each group of assertions takes a store, which may hold other documents already; it
//! works under a tenant of its own.
//!
//! [`store_conformance!`](crate::store_conformance) makes one test of each group for an engine.

mod commits;
mod contention;
mod limits;
mod order;
mod patches;
mod queries;
mod values;
mod watches;

pub use commits::{atomicity, preconditions, reads, versions};
pub use contention::{many_documents, one_document};
pub use limits::{commits_refused, documents_refused, large_documents, queries_refused};
pub use patches::{field_names, increments, nested_patches, patches};
pub use queries::{cursors, equality, groups, ids, indexed, ordering, ranges};
pub use values::{bodies, unicode};
pub use watches::{watch_coalesces, watch_document, watch_query, watch_query_limit};

use model::port::store::{Document, Path, Precondition, Query, Scope, Store, StoreError, Version, Write};
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// One test for each group. Takes an expression that makes an `Option` of an `Arc<dyn Store>` and of whatever must
/// live as long (a folder, or nothing); `None` skips.
#[macro_export]
macro_rules! store_conformance {
    ($make:expr) => {
        $crate::store_conformance!(@ $make;
            preconditions atomicity versions reads patches nested_patches increments field_names bodies unicode
            equality ranges ordering ids cursors groups indexed large_documents documents_refused commits_refused
            queries_refused watch_document watch_query watch_query_limit watch_coalesces one_document many_documents);
    };
    (@ $make:expr; $($group:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $group() {
                if let Some((store, _kept)) = $make.await {
                    $crate::conformance::store::$group(store).await;
                }
            }
        )*
    };
}

/// A number that no other run and no other group uses.
fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed)) >> 12
}

/// A tenant of a group's own.
struct Tenant(String);

impl Tenant {
    fn new() -> Self {
        Self(format!("t{:x}", unique()))
    }

    fn collection(&self, name: &str) -> String {
        format!("tenants/{}/{name}", self.0)
    }

    fn scope(&self, name: &str) -> Scope {
        Scope::Collection(self.collection(name))
    }

    fn path(&self, name: &str, id: &str) -> Path {
        Path::new(format!("tenants/{}/{name}/{id}", self.0))
    }
}

async fn put(store: &dyn Store, path: &Path, body: &Value) -> Version {
    store.commit(vec![Write::put(path.clone(), Precondition::None, body).unwrap()]).await.unwrap()[0]
}

async fn delete(store: &dyn Store, path: &Path) {
    store.commit(vec![Write::delete(path.clone(), Precondition::None)]).await.unwrap();
}

async fn body(store: &dyn Store, path: &Path) -> Option<Value> {
    store.get(path).await.unwrap().map(|document| document.body.parse().unwrap())
}

fn conflict(result: Result<Vec<Version>, StoreError>, what: &str) {
    assert!(matches!(result, Err(StoreError::Conflict { .. })), "{what}: {result:?}");
}

fn invalid<T: std::fmt::Debug>(result: Result<T, StoreError>, what: &str) {
    assert!(matches!(result, Err(StoreError::Invalid(_))), "{what}: {result:?}");
}

async fn ask(store: &dyn Store, query: &Query) -> Vec<Document> {
    store.query(query).await.unwrap().documents
}

async fn ids_of(store: &dyn Store, query: &Query) -> Vec<String> {
    ask(store, query).await.iter().map(|document| document.path.id().to_owned()).collect()
}
