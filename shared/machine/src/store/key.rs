//! Where documents lie among the engine's keys, and what is stored there.
//!
//! Invariant: a collection's documents lie together in the order of their ids, and all collections of one name lie
//! together. Each document carries a checksum of its own, which is checked whenever it is read.
//!
//! ```text
//! key    d | collection's own name | 0 | path of what it is in | 0 | id
//! value  version i64 | crc32 u32 of key, version and body | body
//! ```

use bytes::Bytes;
use lsm_tree::Slice;
use model::port::store::{Body, Document, Path, StoreError, Version};
use std::sync::Arc;

/// Bytes of a value before the body.
const HEAD: usize = 12;
/// Documents begin with this.
pub(super) const DOCUMENT: u8 = b'd';

/// A document as it was read or is about to be written.
#[derive(Debug)]
pub(super) struct Record {
    pub path: Arc<str>,
    pub version: i64,
    pub body: Bytes,
}

impl Record {
    /// As the port hands it out.
    pub fn document(&self) -> Document {
        Document {
            path: Path::new(&*self.path),
            version: Version(self.version),
            body: Body(self.body.clone()),
        }
    }
}

/// The collection's path and the document's id.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The collection's own name.
pub(super) fn group(collection: &str) -> &str {
    split(collection).1
}

/// What the keys of a collection of that name begin with.
pub(super) fn group_prefix(group: &str) -> Vec<u8> {
    [&[DOCUMENT], group.as_bytes(), &[0]].concat()
}

/// What the keys of a collection's documents begin with.
pub(super) fn collection_prefix(collection: &str) -> Vec<u8> {
    let (parent, group) = split(collection);
    [&[DOCUMENT], group.as_bytes(), &[0], parent.as_bytes(), &[0]].concat()
}

/// Where a document is.
pub(super) fn document(path: &str) -> Slice {
    let (collection, id) = split(path);
    let mut key = collection_prefix(collection);
    key.extend_from_slice(id.as_bytes());
    key.into()
}

/// Which document it is that lies there.
pub(super) fn path(key: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(key.strip_prefix(&[DOCUMENT])?).ok()?;
    let (group, rest) = text.split_once('\0')?;
    let (parent, id) = rest.split_once('\0')?;
    Some(if parent.is_empty() { format!("{group}/{id}") } else { format!("{parent}/{group}/{id}") })
}

/// What is stored of a document.
pub(super) fn value(key: &[u8], version: i64, body: &[u8]) -> Slice {
    let mut value = Vec::with_capacity(HEAD + body.len());
    value.extend(version.to_le_bytes());
    value.extend(checksum(key, version, body).to_le_bytes());
    value.extend_from_slice(body);
    value.into()
}

fn checksum(key: &[u8], version: i64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&version.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// The version of what is stored.
pub(super) fn version(value: &[u8]) -> i64 {
    value.get(..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_le_bytes)
}

/// The body of what is stored; refused if it isn't what was written.
pub(super) fn body<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let whole = value
        .split_at_checked(HEAD)
        .filter(|(head, body)| head[8..] == checksum(key, version(value), body).to_le_bytes());
    whole.map(|(_, body)| body).ok_or_else(|| {
        let path = path(key).unwrap_or_else(|| String::from_utf8_lossy(key).into_owned());
        StoreError::Corrupt(format!(
            "The document `{path}` isn't what was written: its checksum doesn't match. Nothing was changed. Restore the \
             data folder with `sextant restore` from a backup."
        ))
    })
}

/// A document, checked.
pub(super) fn record(path: &str, key: &[u8], value: &[u8]) -> Result<Record, StoreError> {
    let body = Bytes::copy_from_slice(body(key, value)?);
    Ok(Record { path: path.into(), version: version(value), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_back_from_its_key() {
        for text in ["a/b", "tenants/t/deployments/dep_1", "a/b/c/d/e/f"] {
            assert_eq!(path(&document(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn each_changed_bit_is_noticed() {
        let key = document("a/b");
        let good = value(&key, 7, b"{\"n\":1}");
        assert_eq!(body(&key, &good).unwrap(), b"{\"n\":1}");
        for bit in 0..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(body(&key, &bad), Err(StoreError::Corrupt(_))), "bit {bit}");
        }
        assert!(body(&document("a/c"), &good).is_err(), "another document's");
        assert!(body(&key, &good[..5]).is_err());
    }
}
