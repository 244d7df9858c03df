//! What a document and a path must look like, and the indexed fields of a document, all in one pass over its bytes.
//!
//! Invariant: what passes here is also accepted by Firestore, so that a program behaves the same on both engines.

use model::port::store::{Path, StoreError};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// Firestore's limits: bytes of a document as Firestore counts them, levels, bytes of a name.
const DOCUMENT_BYTES: usize = 1_048_576;
const LEVELS: usize = 20;
const NAME_BYTES: usize = 1_500;

/// Fields to read out of a document, as a tree by name.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    slot: Option<usize>,
    below: Vec<(String, Wanted)>,
}

impl Wanted {
    /// Asks for a dotted field; several may be asked for under one number.
    pub(super) fn add(&mut self, field: &str, slot: usize) {
        let mut at = self;
        for segment in field.split('.') {
            let index = at.below.iter().position(|(name, _)| name == segment).unwrap_or_else(|| {
                at.below.push((segment.to_owned(), Self::default()));
                at.below.len() - 1
            });
            at = &mut at.below[index].1;
        }
        at.slot = Some(slot);
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.below.iter().find(|(known, _)| known == name).map(|(_, wanted)| wanted)
    }
}

/// Checks a body and reads the wanted fields; what the document lacks stays `None`.
pub(super) fn body(
    path: &str,
    bytes: &[u8],
    wanted: &Wanted,
    slots: usize,
) -> Result<Vec<Option<Value>>, StoreError> {
    let mut found = vec![None; slots];
    let name: usize = path.split('/').map(|segment| segment.len() + 1).sum();
    let mut size = name + 48;
    let seed = Object { wanted: Some(wanted), found: &mut found, size: &mut size, level: 1 };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let refused = |why: String| StoreError::Invalid(format!("document `{path}`: {why}"));
    seed.deserialize(&mut json).and_then(|()| json.end()).map_err(|e| refused(e.to_string()))?;
    if size > DOCUMENT_BYTES {
        return Err(refused(format!(
            "{size} bytes are more than the {DOCUMENT_BYTES} a document may have; split it"
        )));
    }
    Ok(found)
}

/// Checks that a path names a document, or a collection.
pub(super) fn path(text: &str, document: bool) -> Result<(), StoreError> {
    let refused = |why: &str| Err(StoreError::Invalid(format!("path `{text}`: {why}")));
    if text.split('/').count() % 2 != usize::from(!document) {
        return refused("a document has an even number of segments, a collection an odd one");
    }
    for segment in text.split('/') {
        let reserved = segment.len() >= 4 && segment.starts_with("__") && segment.ends_with("__");
        if segment.is_empty() || segment == "." || segment == ".." || reserved || segment.contains('\0') {
            return refused("a segment must not be empty, `.`, `..`, `__…__` or hold a NUL");
        }
        if segment.len() > NAME_BYTES {
            return refused("a segment has at most 1,500 bytes");
        }
    }
    Ok(())
}

/// Checks where a commit writes.
pub(super) fn document_path(document: &Path) -> Result<(), StoreError> {
    path(document.as_str(), true)
}

/// Checks the name of a field.
pub(super) fn field_name(name: &str) -> Result<(), String> {
    let reserved = name.len() >= 4 && name.starts_with("__") && name.ends_with("__");
    if name.is_empty() || name.len() > NAME_BYTES || reserved {
        return Err(format!("`{name}` can't be a field's name: it is empty, `__…__` or over 1,500 bytes"));
    }
    Ok(())
}

struct Object<'a> {
    wanted: Option<&'a Wanted>,
    found: &'a mut [Option<Value>],
    size: &'a mut usize,
    level: usize,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        too_deep(self.level)?;
        while let Some(name) = map.next_key::<Name>()? {
            let wanted = self.wanted.and_then(|wanted| wanted.child(&name.0));
            *self.size += name.0.len() + 1;
            if let Some(slot) = wanted.and_then(|wanted| wanted.slot) {
                let value: Value = map.next_value()?;
                Any { wanted: None, found: &mut [], size: self.size, level: self.level, in_array: false }
                    .deserialize(&value)
                    .map_err(Error::custom)?;
                if let Some(wanted) = wanted {
                    fill(wanted, &value, self.found);
                }
                self.found[slot] = Some(value);
                continue;
            }
            map.next_value_seed(Any {
                wanted,
                found: self.found,
                size: self.size,
                level: self.level,
                in_array: false,
            })?;
        }
        Ok(())
    }
}

/// Reads what is wanted below a field that is itself wanted.
fn fill(wanted: &Wanted, value: &Value, found: &mut [Option<Value>]) {
    for (name, below) in &wanted.below {
        if let Some(value) = value.get(name) {
            if let Some(slot) = below.slot {
                found[slot] = Some(value.clone());
            }
            fill(below, value, found);
        }
    }
}

fn too_deep<E: Error>(level: usize) -> Result<(), E> {
    if level > LEVELS { Err(E::custom(format!("more than {LEVELS} levels deep"))) } else { Ok(()) }
}

struct Name<'a>(std::borrow::Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = std::borrow::Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        field_name(name).map_err(E::custom)?;
        Ok(name.into())
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        field_name(name).map_err(E::custom)?;
        Ok(name.to_owned().into())
    }
}

struct Any<'a> {
    wanted: Option<&'a Wanted>,
    found: &'a mut [Option<Value>],
    size: &'a mut usize,
    level: usize,
    in_array: bool,
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        *self.size += 1;
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        *self.size += 1;
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        *self.size += 8;
        Ok(())
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<(), E> {
        *self.size += 8;
        if i64::try_from(integer).is_err() {
            return Err(E::custom(format!(
                "{integer} is above {}, the greatest integer a document may hold",
                i64::MAX
            )));
        }
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        *self.size += 8;
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.size += text.len() + 1;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        too_deep(self.level + 1)?;
        if self.in_array {
            return Err(A::Error::custom("an array holds an array; put an object in between"));
        }
        loop {
            let size = &mut *self.size;
            let item = Any { wanted: None, found: &mut [], size, level: self.level + 1, in_array: true };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Object { wanted: self.wanted, found: self.found, size: self.size, level: self.level + 1 }
            .visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(document: &Value) -> Result<Vec<Option<Value>>, StoreError> {
        let mut wanted = Wanted::default();
        wanted.add("a", 0);
        wanted.add("b.c", 1);
        body("x/y", &serde_json::to_vec(document).unwrap(), &wanted, 2)
    }

    #[test]
    fn reads_the_wanted_fields() {
        let found = check(&json!({"z": [1, {"a": 3}], "a": [1], "b": {"a": 0, "c": "x", "d": {}}})).unwrap();
        assert_eq!(found, [Some(json!([1])), Some(json!("x"))]);
        assert_eq!(check(&json!({"b": 1})).unwrap(), [None, None]);
    }

    #[test]
    fn refuses_what_firestore_refuses() {
        let deep = (0..20).fold(json!(1), |inner, _| json!({ "x": inner }));
        assert!(check(&deep).is_ok());
        let huge = "x".repeat(DOCUMENT_BYTES);
        for bad in [
            json!({"x": [[1]]}),
            json!({"a": [[1]]}),
            json!({"x": [{"y": [[]]}]}),
            json!({"x": u64::MAX}),
            json!({"a": u64::MAX}),
            json!({"": 1}),
            json!({"__x__": 1}),
            json!({"y": deep}),
            json!({"x": huge}),
            json!([1]),
            json!(1),
        ] {
            assert!(matches!(check(&bad), Err(StoreError::Invalid(_))), "{bad}");
        }
        assert!(body("x/y", b"{} {}", &Wanted::default(), 0).is_err());
        for bad in ["", "a", "a/b/c", "a//b/c", "a/.", "a/..", "a/__b__", "/a"] {
            assert!(path(bad, true).is_err(), "{bad}");
        }
        assert!(path("a/b/c", false).is_ok() && path("a/b", true).is_ok());
    }
}
