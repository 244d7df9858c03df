//! A commit of the Store port as Firestore writes: preconditions, masks, transforms, and a nonce in each.

use super::{Connection, pb, tonic::Status, value};
use model::port::store::{Change, Field, Path, Precondition, StoreError, Version, Write};
use pb::{
    document_transform::{FieldTransform, field_transform::TransformType},
    precondition::ConditionType,
    value::ValueType,
    write::Operation,
};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Values of which no two are the same: a keyed hash of a counter, the key drawn at random for each process.
#[derive(Default)]
pub(super) struct Nonces {
    key: RandomState,
    count: AtomicU64,
}

impl Nonces {
    fn next(&self) -> i64 {
        self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed)).cast_signed()
    }

    /// A wait between nothing and `most`: full jitter.
    pub(super) fn below(&self, most: Duration) -> Duration {
        most.mul_f64(f64::from(self.next() as u32) / f64::from(u32::MAX))
    }
}

/// Refuses what the port forbids and Firestore would let through.
pub(super) fn check(writes: &[Write]) -> Result<(), StoreError> {
    let mut seen = HashSet::new();
    match writes.iter().find(|write| !seen.insert(&write.path)) {
        Some(twice) => Err(StoreError::Invalid(format!(
            "`{}` is written twice in one commit; merge the two writes",
            twice.path
        ))),
        None => Ok(()),
    }
}

impl Connection {
    /// One write as Firestore takes it.
    pub(super) fn write(&self, write: &Write) -> Result<pb::Write, StoreError> {
        let name = self.name(&write.path);
        let condition = match write.precondition {
            Precondition::None => None,
            Precondition::Absent => Some(ConditionType::Exists(false)),
            Precondition::Present => Some(ConditionType::Exists(true)),
            Precondition::At(version) => Some(ConditionType::UpdateTime(timestamp(version))),
        };
        let current_document =
            condition.map(|condition| pb::Precondition { condition_type: Some(condition) });
        let mut result = pb::Write { current_document, ..Default::default() };
        match &write.change {
            Change::Delete => result.operation = Some(Operation::Delete(name)),
            Change::Put(body) => {
                let mut fields = value::fields(body)?;
                reserved(&write.path, fields.contains_key(value::NONCE))?;
                fields.insert(value::NONCE.to_owned(), self.nonce());
                result.operation =
                    Some(Operation::Update(pb::Document { name, fields, ..Default::default() }));
            }
            Change::Patch { set, increment } => self.patch(&write.path, set, increment, &mut result)?,
        }
        Ok(result)
    }

    /// A field that is in the mask and not in the document is removed; the rest of the document stays.
    fn patch(
        &self,
        path: &Path,
        set: &[(Field, Option<serde_json::Value>)],
        increment: &[(Field, i64)],
        result: &mut pb::Write,
    ) -> Result<(), StoreError> {
        distinct(path, set, increment)?;
        let mut fields = HashMap::from([(value::NONCE.to_owned(), self.nonce())]);
        let mut mask = vec![value::field_path(&[value::NONCE])];
        for (field, new) in set {
            mask.push(value::field_path(field));
            if let Some(new) = new {
                nest(&mut fields, field, value::value(new)?);
            }
        }
        result.update_mask = Some(pb::DocumentMask { field_paths: mask });
        result.update_transforms = increment.iter().map(|(field, by)| add(field, *by)).collect();
        let name = self.name(path);
        result.operation = Some(Operation::Update(pb::Document { name, fields, ..Default::default() }));
        Ok(())
    }

    fn nonce(&self) -> pb::Value {
        value::wrap(ValueType::IntegerValue(self.nonces.next()))
    }

    /// One commit without a transaction id: atomic over all writes.
    pub(super) async fn send(&self, writes: Vec<pb::Write>) -> Result<Vec<Version>, Status> {
        let request = pb::CommitRequest { database: self.database(), writes, ..Default::default() };
        let response = self.client().commit(super::within(request)).await?.into_inner();
        Ok(response
            .write_results
            .iter()
            .map(|result| result.update_time.as_ref().map_or(Version(0), version))
            .collect())
    }
}

/// Every field has a name that isn't ours, and none is touched twice, neither whole nor in part.
fn distinct(
    path: &Path,
    set: &[(Field, Option<serde_json::Value>)],
    increment: &[(Field, i64)],
) -> Result<(), StoreError> {
    let touched = set.iter().map(|(field, _)| field).chain(increment.iter().map(|(field, _)| field));
    let touched: Vec<&Field> = touched.collect();
    for (index, field) in touched.iter().enumerate() {
        reserved(
            path,
            field.iter().any(String::is_empty) || field.first().is_none_or(|first| first == value::NONCE),
        )?;
        if touched[..index].iter().any(|other| field.starts_with(other) || other.starts_with(field)) {
            let field = field.join(".");
            return Err(StoreError::Invalid(format!(
                "`{path}`: a patch touches `{field}` twice; merge the two"
            )));
        }
    }
    Ok(())
}

fn reserved(path: &Path, broken: bool) -> Result<(), StoreError> {
    if broken {
        let nonce = value::NONCE;
        return Err(StoreError::Invalid(format!(
            "`{path}`: a field needs a name, and `{nonce}` is the store's own; rename it"
        )));
    }
    Ok(())
}

fn add(field: &Field, by: i64) -> FieldTransform {
    let by = value::wrap(ValueType::IntegerValue(by));
    FieldTransform {
        field_path: value::field_path(field),
        transform_type: Some(TransformType::Increment(by)),
    }
}

fn nest(fields: &mut HashMap<String, pb::Value>, field: &[String], new: pb::Value) {
    let [first, rest @ ..] = field else { return };
    if rest.is_empty() {
        fields.insert(first.clone(), new);
        return;
    }
    let inner = fields
        .entry(first.clone())
        .or_insert_with(|| value::wrap(ValueType::MapValue(pb::MapValue::default())));
    if let Some(ValueType::MapValue(map)) = &mut inner.value_type {
        nest(&mut map.fields, rest, new);
    }
}

/// A version is the update time in microseconds, Firestore's own resolution.
pub(super) fn version(time: &super::Time) -> Version {
    Version(time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000)
}

fn timestamp(version: Version) -> super::Time {
    let micros = version.0.rem_euclid(1_000_000);
    super::Time { seconds: version.0.div_euclid(1_000_000), nanos: (micros * 1_000) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_survive_the_way_there_and_back() {
        for micros in [0, 1, 999_999, 1_763_617_260_123_456, -1] {
            assert_eq!(version(&timestamp(Version(micros))), Version(micros));
        }
    }

    #[test]
    fn no_two_nonces_are_equal() {
        let nonces = Nonces::default();
        let drawn: HashSet<i64> = (0..10_000).map(|_| nonces.next()).collect();
        assert_eq!(drawn.len(), 10_000);
    }

    #[test]
    fn a_document_is_written_once_in_a_commit() {
        let delete = || Write::delete(Path::new("a/b"), Precondition::None);
        assert!(check(&[delete()]).is_ok());
        assert!(matches!(check(&[delete(), delete()]), Err(StoreError::Invalid(_))));
    }
}
