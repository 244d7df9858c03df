//! Answers queries: from an index where one fits, by walking ids, or else by looking at every document.
//!
//! Invariant: the three ways give the same answer, because they go by the same encoded keys.

use super::body;
use super::check::{self, Wanted};
use super::encode;
use super::state::{Collection, Record, State, Tree, group};
use model::index::{Index, Reach};
use model::port::store::{Comparison, Cursor, Page, Path, Query, Scope, StoreError};
use serde_json::Value;
use std::ops::Bound;
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

/// Answers a checked query. What has to be sorted is sorted after `lock` was let go.
pub(super) fn run(query: &Query, lock: &parking_lot::RwLock<State>) -> Found {
    let state = lock.read();
    if let Some(records) = by_index(query, &state) {
        return Found { records, scanned: false };
    }
    if let Scope::Collection(name) = &query.scope
        && query.order.is_empty()
    {
        let walk = state.collections.get(name.as_str()).map(|collection| by_id(query, collection));
        if query.filters.is_empty() {
            let records = walk.map(|walk| walk.take(query.limit).cloned().collect()).unwrap_or_default();
            return Found { records, scanned: false };
        }
        let candidates = walk.map(|walk| walk.cloned().collect()).unwrap_or_default();
        drop(state);
        return Found { records: scan(query, candidates), scanned: true };
    }
    let candidates = everything(query, &state);
    drop(state);
    Found { records: scan(query, candidates), scanned: true }
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

/// The documents of a collection between the ids asked for, after the cursor.
fn by_id<'a>(query: &Query, collection: &'a Collection) -> Box<dyn Iterator<Item = &'a Arc<Record>> + 'a> {
    let from = match (&query.ids.0, query.after.as_ref().map(|cursor| cursor.path.id())) {
        (Some(from), Some(after)) if from.as_str() > after => Bound::Included(from.as_str()),
        (_, Some(after)) => Bound::Excluded(after),
        (Some(from), None) => Bound::Included(from.as_str()),
        (None, None) => Bound::Unbounded,
    };
    let to = query.ids.1.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let empty = match (from, to) {
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
        _ => false,
    };
    if empty {
        return Box::new(std::iter::empty());
    }
    Box::new(collection.documents.range::<str, _>((from, to)).map(|(_, record)| record))
}

fn everything(query: &Query, state: &State) -> Vec<Arc<Record>> {
    match &query.scope {
        Scope::Collection(name) => state
            .collections
            .get(name.as_str())
            .map(|c| c.documents.values().cloned().collect())
            .unwrap_or_default(),
        Scope::Group(name) => {
            let of_group = state.collections.iter().filter(|(path, _)| group(path) == name);
            of_group.flat_map(|(_, collection)| collection.documents.values().cloned()).collect()
        }
    }
}

/// Looks at each candidate, sorts those that match, and keeps a page of them.
fn scan(query: &Query, candidates: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
    let span = Span::of(query, vec![], false, false);
    let matcher = Matcher::new(query);
    let mut found: Vec<(Vec<u8>, Arc<Record>)> = candidates
        .into_iter()
        .filter_map(|record| matcher.key(query, &record).map(|key| (key, record)))
        .filter(|(key, _)| span.holds(key))
        .collect();
    found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().take(query.limit).map(|(_, record)| record).collect()
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

    fn is_empty(&self) -> bool {
        self.below.as_ref().is_some_and(|below| *below <= self.from)
    }
}

/// Answers from an index; `None` if none fits.
fn by_index(query: &Query, state: &State) -> Option<Vec<Arc<Record>>> {
    if query.ids != (None, None) {
        return None;
    }
    let (reach, name) = match &query.scope {
        Scope::Collection(path) => (Reach::Collection, group(path)),
        Scope::Group(name) => (Reach::Group, name.as_str()),
    };
    let indexes = state.catalog.of(name).indexes.iter().enumerate();
    let (number, index, flipped) = indexes
        .filter(|(_, index)| index.reach == reach)
        .find_map(|(number, index)| fits(query, index).map(|flipped| (number, index, flipped)))?;
    let trees = match &query.scope {
        Scope::Collection(path) => state.collections.get(path.as_str()).map(|collection| &collection.trees),
        Scope::Group(name) => state.across.get(name.as_str()),
    };
    let Some(tree) = trees.and_then(|trees| trees.get(number)) else { return Some(vec![]) };
    let span = Span::of(query, prefix(query, index), flipped, reach == Reach::Collection);
    Some(walk(query, state, tree, &span, flipped))
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

fn prefix(query: &Query, index: &Index) -> Vec<u8> {
    let mut prefix = vec![];
    for (field, descending) in index.fields {
        let equal = |(name, comparison, _): &&(String, Comparison, Value)| {
            name == field && *comparison == Comparison::Equal
        };
        if let Some((_, _, value)) = query.filters.iter().find(equal) {
            encode::value(&mut prefix, value, *descending);
        }
    }
    prefix
}

fn walk(query: &Query, state: &State, tree: &Tree, span: &Span, backwards: bool) -> Vec<Arc<Record>> {
    if span.is_empty() {
        return vec![];
    }
    let below = span.below.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let range = tree.range::<[u8], _>((Bound::Included(span.from.as_slice()), below)).map(|(_, path)| path);
    let read = |path: &Arc<str>| state.get(path).cloned();
    if backwards {
        range.rev().take(query.limit).filter_map(read).collect()
    } else {
        range.take(query.limit).filter_map(read).collect()
    }
}
