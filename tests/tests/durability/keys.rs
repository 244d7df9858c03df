//! A store without the keys it was written under is refused, and no new ones are made.

use super::random::files;
use machine::engine::{self, Engine};
use machine::keys::{self, Error, TOKEN, WRAPPING, check, secret_file, secret_file_beside};
use machine::store::Store;
use model::index::INDEXES;
use model::port::Store as _;
use model::port::store::{Path, Precondition, Write};
use serde_json::json;
use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;
use tempfile::TempDir;

async fn written() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    secret_file_beside(data.path(), TOKEN, &data.path().join("store")).unwrap();
    let engine = open(data.path());
    check(data.path(), &engine).await.unwrap();
    let store = Store::with(Arc::clone(&engine), INDEXES).unwrap();
    store.commit(vec![Write::put(Path::new("a/b"), Precondition::None, &json!({})).unwrap()]).await.unwrap();
    data
}

fn open(data: &FilePath) -> Arc<Engine> {
    Arc::new(Engine::open(&data.join("store"), engine::Options::default()).unwrap())
}

#[tokio::test]
async fn a_missing_key_is_refused_and_not_made_anew() {
    let data = written().await;
    check(data.path(), &open(data.path())).await.unwrap();
    for name in [WRAPPING, TOKEN] {
        let key = fs::read(data.path().join(name)).unwrap();
        fs::remove_file(data.path().join(name)).unwrap();
        let refused = check(data.path(), &open(data.path())).await.unwrap_err();
        assert!(matches!(&refused, Error::Missing { path } if path.ends_with(name)), "{refused}");
        assert!(refused.to_string().contains("sextant restore"), "{refused}");
        let refused = secret_file_beside(data.path(), name, &data.path().join("store")).unwrap_err();
        assert!(matches!(refused, Error::Missing { .. }), "{refused}");
        assert!(!data.path().join(name).exists());
        fs::write(data.path().join(name), key).unwrap();
        let only_ours = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(data.path().join(name), only_ours).unwrap();
    }
    check(data.path(), &open(data.path())).await.unwrap();
}

#[tokio::test]
async fn another_key_is_refused() {
    let (data, other) = (written().await, tempfile::tempdir().unwrap());
    for name in [WRAPPING, TOKEN] {
        secret_file(other.path(), name).unwrap();
        let (ours, theirs) = (data.path().join(name), other.path().join(name));
        let key = fs::read(&ours).unwrap();
        fs::write(&ours, fs::read(theirs).unwrap()).unwrap();
        let refused = check(data.path(), &open(data.path())).await.unwrap_err();
        assert!(matches!(&refused, Error::Another { path } if path.ends_with(name)), "{refused}");
        fs::write(&ours, key).unwrap();
    }
}

/// A store from before keys were remembered in it.
#[tokio::test]
async fn an_older_store_without_its_key_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::with(open(data.path()), INDEXES).unwrap();
    store.commit(vec![Write::put(Path::new("a/b"), Precondition::None, &json!({})).unwrap()]).await.unwrap();
    drop(store);
    let before = files(data.path()).len();
    let refused = check(data.path(), &open(data.path())).await.unwrap_err();
    assert!(matches!(refused, keys::Error::Missing { .. }), "{refused}");
    assert_eq!(files(data.path()).len(), before, "no key was made");
}
