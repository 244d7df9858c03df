//! The key file passes the keys' suite, and is refused when others can read it.

#![expect(clippy::unwrap_used, reason = "test code")]

use machine::keys::{Error, Keys};
use model::port;
use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};
use tempfile::TempDir;

async fn machine() -> (Arc<dyn port::Keys>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Arc::new(Keys::open(folder.path()).unwrap()), folder)
}

tests::keys_suite!(machine());

#[test]
fn a_key_file_that_others_can_read_is_refused_until_that_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    Keys::open(folder.path()).unwrap();
    let path = folder.path().join("wrapping.key");
    let before = fs::read(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Keys::open(folder.path()).err().unwrap();
    assert!(matches!(error, Error::Open { mode: 0o644, .. }), "{error}");
    assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Keys::open(folder.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}
