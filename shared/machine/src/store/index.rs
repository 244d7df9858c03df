//! The declared indexes: which entries a document has in them, and where those lie among the engine's keys.
//!
//! Invariant: an entry is written and removed in the same group as its document. What the entries mean is stored beside
//! them, so that a program that declares others builds them anew.
//!
//! ```text
//! key    i | group | 0 | number of the index u8 | collection, where it reaches no further | encoded fields, path or id
//! value  u32: where the path or id begins in the key; or, where a key would be too long, 0 and the path
//! ```

use super::body;
use super::check::Wanted;
use super::encode;
use super::key;
use lsm_tree::Slice;
use model::index::{Index, Reach};
use model::port::store::StoreError;
use std::collections::HashMap;

/// Entries begin with this.
pub(super) const ENTRY: u8 = b'i';
/// Keys are cut at this many bytes; what shares so many is told apart by its documents.
pub(super) const KEY_BYTES: usize = 16_384;

/// A document's entries: keys with their values.
pub(super) type Entries = Vec<(Slice, Slice)>;

/// The declared indexes of one group, and the fields they need.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    pub indexes: Vec<&'static Index>,
    slots: Vec<Vec<usize>>,
    wanted: Wanted,
    fields: Vec<&'static str>,
}

impl Indexed {
    fn declare(&mut self, index: &'static Index) {
        let slots = index.fields.iter().map(|(field, _)| {
            self.fields.iter().position(|known| known == field).unwrap_or_else(|| {
                self.fields.push(field);
                self.wanted.add(field, self.fields.len() - 1);
                self.fields.len() - 1
            })
        });
        self.slots.push(slots.collect());
        self.indexes.push(index);
    }
}

/// The declared indexes by group.
#[derive(Debug)]
pub(super) struct Catalog {
    groups: HashMap<&'static str, Indexed>,
    none: Indexed,
    declared: &'static [Index],
}

impl Catalog {
    pub fn new(declared: &'static [Index]) -> Self {
        let mut groups = HashMap::<_, Indexed>::new();
        for index in declared {
            groups.entry(index.group).or_default().declare(index);
        }
        Self { groups, none: Indexed::default(), declared }
    }

    /// What the entries mean, as it is stored beside them.
    pub fn description(&self) -> Vec<u8> {
        format!("{:?}", self.declared).into_bytes()
    }

    pub fn of(&self, group: &str) -> &Indexed {
        self.groups.get(group).unwrap_or(&self.none)
    }

    /// Checks a body and finds its entries, in one pass.
    pub fn entries(&self, path: &str, body: &[u8]) -> Result<Entries, StoreError> {
        let (collection, id) = key::split(path);
        let indexed = self.of(key::group(collection));
        let found = body::read(path, body, &indexed.wanted, indexed.fields.len())?;
        let entry = |(number, (index, slots)): (usize, (&&Index, &Vec<usize>))| {
            let mut key = prefix(index, number, collection);
            for ((_, descending), &slot) in index.fields.iter().zip(slots) {
                encode::value(&mut key, found[slot].as_ref()?, *descending);
            }
            let at = key.len() as u32;
            encode::path(&mut key, tail(index, path, id), descends(index));
            if key.len() > KEY_BYTES {
                return Some((cut(key, path), Slice::from([&[0; 4], path.as_bytes()].concat())));
            }
            Some((key.into(), at.to_le_bytes().into()))
        };
        Ok(indexed.indexes.iter().zip(&indexed.slots).enumerate().filter_map(entry).collect())
    }
}

fn tail<'a>(index: &Index, path: &'a str, id: &'a str) -> &'a str {
    if index.reach == Reach::Group { path } else { id }
}

/// Whether paths descend among equals.
pub(super) fn descends(index: &Index) -> bool {
    index.fields.last().is_some_and(|(_, descending)| *descending)
}

/// What the entries of an index begin with, as far as a collection is reached.
pub(super) fn prefix(index: &Index, number: usize, collection: &str) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(128);
    prefix.push(ENTRY);
    prefix.extend_from_slice(index.group.as_bytes());
    prefix.extend([0, number as u8]);
    if index.reach == Reach::Collection {
        encode::path(&mut prefix, collection, false);
    }
    prefix
}

/// A key that is too long, cut, and told apart by its path.
fn cut(mut key: Vec<u8>, path: &str) -> Slice {
    key.truncate(KEY_BYTES);
    key.extend_from_slice(path.as_bytes());
    key.into()
}

/// The path of the document that an entry leads to.
pub(super) fn path(index: &Index, collection: &str, key: &[u8], value: &[u8]) -> Option<String> {
    let (at, long) = value.split_at_checked(4)?;
    let at = u32::from_le_bytes(at.try_into().ok()?) as usize;
    if at == 0 {
        return String::from_utf8(long.to_vec()).ok();
    }
    let mut tail = key.get(at..key.len().checked_sub(2)?)?.to_vec();
    for byte in &mut tail {
        *byte = if descends(index) { !*byte } else { *byte };
        *byte = if *byte == 0 { b'/' } else { *byte };
    }
    let tail = String::from_utf8(tail).ok()?;
    Some(if index.reach == Reach::Group { tail } else { format!("{collection}/{tail}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::index::INDEXES;
    use serde_json::json;

    #[test]
    fn an_entry_leads_to_its_document() {
        let catalog = Catalog::new(INDEXES);
        let path_of = "tenants/t/deployments/dep_1";
        for service in ["shop".to_owned(), "x".repeat(KEY_BYTES)] {
            let body =
                json!({"shard": 1, "next_due": 2, "created_at": 3, "service": service, "status": "FAILED"});
            let body = serde_json::to_vec(&body).unwrap();
            let entries = catalog.entries(path_of, &body).unwrap();
            let indexed = catalog.of("deployments");
            assert_eq!(entries.len(), 5, "of every index but the one on `log_since`");
            for (entry, value) in &entries {
                let index = indexed.indexes[entry["ideployments".len() + 1] as usize];
                let found = path(index, "tenants/t/deployments", entry, value);
                assert_eq!(found.as_deref(), Some(path_of), "{index:?}");
            }
        }
    }
}
