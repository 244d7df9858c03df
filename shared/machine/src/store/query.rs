//! Answers queries: from an index where one fits, by walking ids, or else by looking at every document.
//!
//! Invariant: the three ways give the same answer, because they go by the same encoded keys; and each answer is of one
//! moment.

use super::Shared;
use super::body;
use super::check::{self, Wanted};
use super::encode;
use super::index;
use super::key::{self, Record};
use crate::engine::Snapshot;
use model::index::{Index, Reach};
use model::port::store::{Comparison, Cursor, Page, Path, Query, Scope, StoreError};
use serde_json::Value;
use std::sync::Arc;

/// What a query found, and whether it had to look at every document of its scope.
pub(super) struct Found {
    pub(super) records: Vec<Arc<Record>>,
    pub(super) scanned: bool,
}

/// Refuses a query that makes no sense.
pub(super) fn check(query: &Query) -> Result<(), StoreError> {
    let refused = |why: String| Err(StoreError::Invalid(format!("query of {:?}: {why}", query.scope)));
    match &query.scope {
        Scope::Collection(path) => check::path(path, false)?,
        Scope::Group(name) if name.is_empty() || name.contains('/') => {
            return refused("a group is one name".into());
        }
        Scope::Group(_) => {}
    }
    if query.limit == 0 {
        return refused("the limit must be at least 1".into());
    }
    let first = query.order.first().map(|(field, _)| field);
    for (field, comparison, _) in &query.filters {
        if *comparison != Comparison::Equal && first != Some(field) {
            return refused(format!(
                "`{field}` is compared by range, so it must be the first field of the order"
            ));
        }
    }
    let by_id = query.ids.0.is_some() || query.ids.1.is_some();
    if by_id && (!query.order.is_empty() || matches!(query.scope, Scope::Group(_))) {
        return refused("a range of ids needs one collection and no other order".into());
    }
    match &query.after {
        Some(cursor) if cursor.values.len() != query.order.len() || !within(&query.scope, &cursor.path) => {
            refused("the cursor is another query's".into())
        }
        Some(cursor) => check::path(cursor.path.as_str(), true),
        None => Ok(()),
    }
}

fn within(scope: &Scope, path: &Path) -> bool {
    match scope {
        Scope::Collection(collection) => path.collection() == collection,
        Scope::Group(name) => path.group() == name,
    }
}

/// Answers a checked query, all of it as of one moment.
pub(super) fn run(query: &Query, shared: &Shared) -> Result<Found, StoreError> {
    let snapshot = shared.core.snapshot();
    if let Some(records) = by_index(query, shared, &snapshot)? {
        return Ok(Found { records, scanned: false });
    }
    if let Scope::Collection(name) = &query.scope
        && query.order.is_empty()
    {
        let (from, below) = ids(query, name);
        let mut walk = snapshot.range(&from, Some(&below)).map(record);
        if query.filters.is_empty() {
            let records = walk.take(query.limit).collect::<Result<_, _>>()?;
            return Ok(Found { records, scanned: false });
        }
        return Ok(Found { records: scan(query, &mut walk)?, scanned: true });
    }
    let prefix = match &query.scope {
        Scope::Collection(name) => key::collection_prefix(name),
        Scope::Group(name) => key::group_prefix(name),
    };
    let below = encode::successor(prefix.clone());
    let mut everything = snapshot.range(&prefix, below.as_deref()).map(record);
    Ok(Found { records: scan(query, &mut everything)?, scanned: true })
}

type Read = Result<Arc<Record>, StoreError>;

/// What lies at a document's key.
fn record(entry: Result<(lsm_tree::Slice, lsm_tree::Slice), StoreError>) -> Read {
    let (key, value) = entry?;
    let path = key::path(&key).unwrap_or_default();
    key::record(&path, &key, &value).map(Arc::new)
}

/// The page that the port answers.
pub(super) fn page(query: &Query, records: &[Arc<Record>]) -> Result<Page, StoreError> {
    let next = match records.last() {
        Some(last) if records.len() == query.limit => {
            let values = order_values(query, last)?.into_iter().flatten().collect();
            Some(Cursor { values, path: Path::new(&*last.path) })
        }
        _ => None,
    };
    Ok(Page { documents: records.iter().map(|record| record.document()).collect(), next })
}

fn order_values(query: &Query, record: &Record) -> Result<Vec<Option<Value>>, StoreError> {
    let mut slots = vec![];
    let mut wanted = Wanted::default();
    let fields: Vec<&String> = query.order.iter().map(|(field, _)| field).collect();
    for field in &fields {
        let slot = fields.iter().position(|other| other == field).unwrap_or_default();
        wanted.add(field, slot);
        slots.push(slot);
    }
    let found = body::read(&record.path, &record.body, &wanted, fields.len())?;
    Ok(slots.into_iter().map(|slot| found[slot].clone()).collect())
}

/// The keys of a collection's documents between the ids asked for, behind the cursor.
fn ids(query: &Query, collection: &str) -> (Vec<u8>, Vec<u8>) {
    let prefix = key::collection_prefix(collection);
    let at = |id: &str| [&prefix[..], id.as_bytes()].concat();
    let mut from = query.ids.0.as_deref().map_or_else(|| prefix.clone(), at);
    if let Some(cursor) = &query.after {
        // Nothing lies between a key and this.
        from = from.max([at(cursor.path.id()), vec![0]].concat());
    }
    let end = || encode::successor(prefix.clone()).unwrap_or_default();
    let below = query.ids.1.as_deref().map_or_else(end, at);
    (from, below)
}

/// Looks at each candidate, sorts those that match, and keeps a page of them: never many more than that.
fn scan(query: &Query, candidates: &mut dyn Iterator<Item = Read>) -> Result<Vec<Arc<Record>>, StoreError> {
    let span = Span::of(query, vec![], false, false);
    let matcher = Matcher::new(query);
    let mut found: Vec<(Vec<u8>, Arc<Record>)> = vec![];
    for record in candidates {
        let record = record?;
        let Some(key) = matcher.key(query, &record).filter(|key| span.holds(key)) else { continue };
        found.push((key, record));
        if found.len() >= query.limit.saturating_mul(2).max(1024) {
            found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            found.truncate(query.limit);
        }
    }
    found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().take(query.limit).map(|(_, record)| record).collect())
}

/// Reads the fields of a query out of documents.
struct Matcher {
    wanted: Wanted,
    slots: usize,
    equal: Vec<(usize, Vec<u8>)>,
    order: Vec<(usize, bool)>,
}

impl Matcher {
    fn new(query: &Query) -> Self {
        let mut fields: Vec<&str> = vec![];
        let mut wanted = Wanted::default();
        let mut slot = |field| {
            fields.iter().position(|known| *known == field).unwrap_or_else(|| {
                fields.push(field);
                wanted.add(field, fields.len() - 1);
                fields.len() - 1
            })
        };
        let equals = query.filters.iter().filter(|(_, comparison, _)| *comparison == Comparison::Equal);
        let equal = equals.map(|(field, _, value)| (slot(field), encoded(value))).collect();
        let order = query.order.iter().map(|(field, descending)| (slot(field), *descending)).collect();
        Self { slots: fields.len(), wanted, equal, order }
    }

    /// The place of a document in the answer, if its fields are there and equal what they should.
    fn key(&self, query: &Query, record: &Record) -> Option<Vec<u8>> {
        let found = body::read(&record.path, &record.body, &self.wanted, self.slots).ok()?;
        for (slot, value) in &self.equal {
            if encoded(found[*slot].as_ref()?) != *value {
                return None;
            }
        }
        let mut key = vec![];
        for (slot, descending) in &self.order {
            encode::value(&mut key, found[*slot].as_ref()?, *descending);
        }
        encode::path(&mut key, &record.path, last_descends(query));
        Some(key)
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = vec![];
    encode::value(&mut out, value, false);
    out
}

fn last_descends(query: &Query) -> bool {
    query.order.last().is_some_and(|(_, descending)| *descending)
}

/// Keys from (inclusive) and below (exclusive; `None` for no bound).
struct Span {
    from: Vec<u8>,
    below: Option<Vec<u8>>,
}

impl Span {
    /// The keys that a query means: behind `prefix`, in the query's directions or (`flipped`) in the opposite
    /// ones, the path given whole or (`short`) by its id.
    fn of(query: &Query, prefix: Vec<u8>, flipped: bool, short: bool) -> Self {
        let mut span = Self { below: encode::successor(prefix.clone()), from: prefix.clone() };
        if let Some((_, descending)) = query.order.first() {
            for (_, comparison, value) in query.filters.iter().filter(|(_, c, _)| *c != Comparison::Equal) {
                span.narrow(&prefix, *comparison, value, *descending != flipped);
            }
        }
        if let Some(cursor) = &query.after {
            let mut key = prefix;
            for (value, (_, descending)) in cursor.values.iter().zip(&query.order) {
                encode::value(&mut key, value, *descending != flipped);
            }
            let path = if short { cursor.path.id() } else { cursor.path.as_str() };
            encode::path(&mut key, path, last_descends(query) != flipped);
            if flipped {
                span.end(Some(key));
            } else {
                key.push(0); // nothing lies between a key and this
                span.start(Some(key));
            }
        }
        span
    }

    /// Only what compares so, and only values of the same type.
    fn narrow(&mut self, prefix: &[u8], comparison: Comparison, value: &Value, descending: bool) {
        let mut kind = prefix.to_vec();
        kind.push(encode::tag(value, descending));
        self.end(encode::successor(kind.clone()));
        self.start(Some(kind));
        let mut key = prefix.to_vec();
        encode::value(&mut key, value, descending);
        match (comparison, descending) {
            (Comparison::Equal, _) => {}
            (Comparison::GreaterOrEqual, false) | (Comparison::LessOrEqual, true) => self.start(Some(key)),
            (Comparison::Greater, false) | (Comparison::Less, true) => self.start(encode::successor(key)),
            (Comparison::LessOrEqual, false) | (Comparison::GreaterOrEqual, true) => {
                self.end(encode::successor(key));
            }
            (Comparison::Less, false) | (Comparison::Greater, true) => self.end(Some(key)),
        }
    }

    fn start(&mut self, from: Option<Vec<u8>>) {
        match from {
            Some(from) if from > self.from => self.from = from,
            Some(_) => {}
            None => self.below = Some(vec![]),
        }
    }

    fn end(&mut self, below: Option<Vec<u8>>) {
        if let Some(below) = below
            && self.below.as_ref().is_none_or(|known| below < *known)
        {
            self.below = Some(below);
        }
    }

    fn holds(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.below.as_ref().is_none_or(|below| key < below.as_slice())
    }

    /// The same, no longer than keys are; and whether that made it wider.
    fn cut(&self) -> (Vec<u8>, Option<Vec<u8>>, bool) {
        let longest = self.from.len().max(self.below.as_ref().map_or(0, Vec::len));
        if longest <= index::KEY_BYTES {
            return (self.from.clone(), self.below.clone(), false);
        }
        let cut = |key: &Vec<u8>| key[..key.len().min(index::KEY_BYTES)].to_vec();
        let below = self.below.as_ref().and_then(|key| encode::successor(cut(key)));
        (cut(&self.from), below, true)
    }

    fn is_empty(&self) -> bool {
        self.below.as_ref().is_some_and(|below| *below <= self.from)
    }
}

/// Answers from an index; `None` if none fits.
fn by_index(
    query: &Query,
    shared: &Shared,
    snapshot: &Snapshot,
) -> Result<Option<Vec<Arc<Record>>>, StoreError> {
    if query.ids != (None, None) {
        return Ok(None);
    }
    let (reach, name, collection) = match &query.scope {
        Scope::Collection(path) => (Reach::Collection, key::group(path), path.as_str()),
        Scope::Group(name) => (Reach::Group, name.as_str(), ""),
    };
    let indexes = shared.catalog.of(name).indexes.iter().enumerate();
    let fitting = indexes
        .filter(|(_, index)| index.reach == reach)
        .find_map(|(number, index)| fits(query, index).map(|flipped| (number, *index, flipped)));
    let Some((number, index, flipped)) = fitting else { return Ok(None) };
    let mut from = index::prefix(index, number, collection);
    prefix(query, index, &mut from);
    let span = Span::of(query, from, flipped, reach == Reach::Collection);
    walk(query, snapshot, index, &span, flipped).map(Some)
}

/// Whether an index answers a query: read forwards (`false`), backwards (`true`), or not at all.
fn fits(query: &Query, index: &Index) -> Option<bool> {
    let equal: Vec<&str> = query
        .filters
        .iter()
        .filter(|(_, c, _)| *c == Comparison::Equal)
        .map(|(field, _, _)| field.as_str())
        .collect();
    if index.fields.len() != equal.len() + query.order.len() {
        return None;
    }
    let (front, back) = index.fields.split_at(equal.len());
    let once = front.iter().all(|(field, _)| equal.iter().filter(|known| *known == field).count() == 1);
    if !once || !query.order.iter().zip(back).all(|((field, _), (indexed, _))| field == indexed) {
        return None;
    }
    if query.order.is_empty() {
        return front.last().map(|(_, descending)| *descending);
    }
    let mut turns = query.order.iter().zip(back).map(|((_, asked), (_, kept))| asked != kept);
    let flipped = turns.next()?;
    turns.all(|turn| turn == flipped).then_some(flipped)
}

fn prefix(query: &Query, index: &Index, prefix: &mut Vec<u8>) {
    for (field, descending) in index.fields {
        let equal = |(name, comparison, _): &&(String, Comparison, Value)| {
            name == field && *comparison == Comparison::Equal
        };
        if let Some((_, _, value)) = query.filters.iter().find(equal) {
            encode::value(prefix, value, *descending);
        }
    }
}

/// Follows the entries of a span to their documents. Where bounds are longer than keys may be, each document is looked
/// at again, and sorted.
fn walk(
    query: &Query,
    snapshot: &Snapshot,
    index: &Index,
    span: &Span,
    backwards: bool,
) -> Result<Vec<Arc<Record>>, StoreError> {
    if span.is_empty() {
        return Ok(vec![]);
    }
    let collection = match &query.scope {
        Scope::Collection(path) => path.as_str(),
        Scope::Group(_) => "",
    };
    let (from, below, long) = span.cut();
    let range = snapshot.range(&from, below.as_deref());
    let read = |entry: Result<(lsm_tree::Slice, lsm_tree::Slice), StoreError>| {
        let (entry, value) = entry?;
        let path = index::path(index, collection, &entry, &value).map(Path::new);
        let found = path.map(|path| super::read(&path, snapshot)).transpose()?.flatten();
        found.map(Arc::new).ok_or_else(|| lost(&entry))
    };
    if long {
        return scan(query, &mut range.map(read));
    }
    if backwards {
        range.rev().take(query.limit).map(read).collect()
    } else {
        range.take(query.limit).map(read).collect()
    }
}

/// An entry and its document are written together.
fn lost(entry: &[u8]) -> StoreError {
    StoreError::Corrupt(format!(
        "An index leads to a document that isn't there (`{}`). Nothing was changed. Restore the data folder with \
         `sextant restore` from a backup.",
        String::from_utf8_lossy(&entry[..entry.len().min(200)]).escape_debug()
    ))
}
