//! Objects in a folder pass the objects' suite.

#![expect(clippy::unwrap_used, reason = "test code")]

use machine::objects::Objects;
use model::port;
use std::sync::Arc;
use tempfile::TempDir;

async fn machine() -> (Arc<dyn port::Objects>, String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path()).unwrap();
    (Arc::new(objects), "run".to_owned(), folder)
}

tests::objects_suite!(machine());
