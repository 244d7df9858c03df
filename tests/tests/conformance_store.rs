//! The embedded store passes the suite of its port.

#![expect(clippy::unwrap_used, reason = "test code")]

use machine::store::{Options, Store};
use std::sync::Arc;
use tempfile::TempDir;

async fn store() -> Option<(Arc<dyn model::port::Store>, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    Some((Arc::new(store), folder))
}

tests::store_conformance!(store());
