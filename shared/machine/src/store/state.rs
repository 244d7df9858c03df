//! The documents in memory, and the declared indexes over them.
//!
//! Invariant: holds only what is durable; only the writer changes it; an index agrees with its documents.

use super::body;
use super::check::Wanted;
use super::encode;
use bytes::Bytes;
use model::index::{Index, Reach};
use model::port::store::{Document, Path, StoreError, Version};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A document with its place in each index of its group.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) path: Arc<str>,
    pub(super) version: i64,
    pub(super) body: Bytes,
    keys: Keys,
}

/// One key for each index of the group; `None` where the document lacks a field.
pub(super) type Keys = Box<[Option<Arc<[u8]>>]>;

/// Keys in order, with the path of the document they belong to.
pub(super) type Tree = BTreeMap<Arc<[u8]>, Arc<str>>;

impl Record {
    pub(super) fn new(path: Arc<str>, version: i64, body: Bytes, keys: Keys) -> Self {
        Self { path, version, body, keys }
    }

    /// As the port hands it out.
    pub(super) fn document(&self) -> Document {
        Document {
            path: Path::new(&*self.path),
            version: Version(self.version),
            body: model::port::store::Body(self.body.clone()),
        }
    }

    fn weight(&self) -> u64 {
        (self.path.len() + self.body.len()) as u64
    }
}

/// The collection's path and the document's id.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The collection's own name.
pub(super) fn group(collection: &str) -> &str {
    collection.rsplit_once('/').map_or(collection, |(_, name)| name)
}

/// The declared indexes of one group, and the fields they need.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    pub(super) indexes: Vec<&'static Index>,
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
}

impl Catalog {
    pub(super) fn new(indexes: &'static [Index]) -> Self {
        let mut groups = HashMap::<_, Indexed>::new();
        for index in indexes {
            groups.entry(index.group).or_default().declare(index);
        }
        Self { groups, none: Indexed::default() }
    }

    pub(super) fn of(&self, group: &str) -> &Indexed {
        self.groups.get(group).unwrap_or(&self.none)
    }

    /// Checks a body and finds its place in each index, in one pass.
    pub(super) fn keys(&self, path: &str, body: &[u8]) -> Result<Keys, StoreError> {
        let (collection, id) = split(path);
        let indexed = self.of(group(collection));
        let found = body::read(path, body, &indexed.wanted, indexed.fields.len())?;
        let key = |(index, slots): (&&Index, &Vec<usize>)| {
            let mut key = Vec::with_capacity(64);
            for ((_, descending), &slot) in index.fields.iter().zip(slots) {
                encode::value(&mut key, found[slot].as_ref()?, *descending);
            }
            let tail = if index.reach == Reach::Group { path } else { id };
            encode::path(&mut key, tail, index.fields.last().is_some_and(|(_, descending)| *descending));
            Some(key.into())
        };
        Ok(indexed.indexes.iter().zip(&indexed.slots).map(key).collect())
    }
}

/// One collection: its documents by id, and its own indexes.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub(super) documents: BTreeMap<Box<str>, Arc<Record>>,
    pub(super) trees: Vec<Tree>,
}

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) catalog: Arc<Catalog>,
    pub(super) collections: HashMap<Box<str>, Collection>,
    pub(super) across: HashMap<Box<str>, Vec<Tree>>,
    pub(super) documents: u64,
    pub(super) bytes: u64,
}

impl State {
    pub(super) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, collections: HashMap::new(), across: HashMap::new(), documents: 0, bytes: 0 }
    }

    pub(super) fn get(&self, path: &str) -> Option<&Arc<Record>> {
        let (collection, id) = split(path);
        self.collections.get(collection)?.documents.get(id)
    }

    /// Puts a record in the place of what was there.
    pub(super) fn put(&mut self, record: Arc<Record>) {
        let (name, id) = split(&record.path);
        self.bytes += record.weight();
        if !self.collections.contains_key(name) {
            self.collections.insert(name.into(), Collection::default());
        }
        let Some(collection) = self.collections.get_mut(name) else { return };
        let old = match collection.documents.get_mut(id) {
            Some(there) => Some(std::mem::replace(there, Arc::clone(&record))),
            None => collection.documents.insert(id.into(), Arc::clone(&record)),
        };
        match &old {
            Some(old) => self.bytes -= old.weight(),
            None => self.documents += 1,
        }
        self.place(name, old.as_deref(), Some(&record));
    }

    /// Removes a document, if there is one.
    pub(super) fn remove(&mut self, path: &str) {
        let (name, id) = split(path);
        let Some(old) = self.collections.get_mut(name).and_then(|collection| collection.documents.remove(id))
        else {
            return;
        };
        self.bytes -= old.weight();
        self.documents -= 1;
        self.place(name, Some(&old), None);
        if self.collections.get(name).is_some_and(|collection| collection.documents.is_empty()) {
            self.collections.remove(name);
        }
    }

    /// Moves a document to its new place in each index.
    fn place(&mut self, name: &str, old: Option<&Record>, new: Option<&Record>) {
        let group = group(name);
        let catalog = Arc::clone(&self.catalog);
        for (number, index) in catalog.of(group).indexes.iter().enumerate() {
            let key = |record: Option<&Record>| record.and_then(|record| record.keys[number].clone());
            let (before, after) = (key(old), key(new));
            if before == after {
                continue;
            }
            let trees = match index.reach {
                Reach::Collection => self.collections.get_mut(name).map(|collection| &mut collection.trees),
                Reach::Group => {
                    if !self.across.contains_key(group) {
                        self.across.insert(group.into(), vec![]);
                    }
                    self.across.get_mut(group)
                }
            };
            let Some(trees) = trees else { continue };
            if trees.len() <= number {
                trees.resize_with(number + 1, Tree::new);
            }
            if let Some(before) = before {
                trees[number].remove(&before);
            }
            if let (Some(after), Some(new)) = (after, new) {
                trees[number].insert(after, Arc::clone(&new.path));
            }
        }
    }
}
