//! What a patch makes of a document.
//!
//! Invariant: the same as Firestore does: sets first, then increments; a parent that is missing or is no object
//! becomes one; removing what isn't there does nothing; a missing or non-numeric field counts as 0.

use super::check;
use model::port::store::{Field, StoreError};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Checks a patch on its own: names are legal, and no field is touched twice, neither whole nor in part.
pub(super) fn check(set: &[(Field, Option<Value>)], increment: &[(Field, i64)]) -> Result<(), StoreError> {
    let fields: Vec<&Field> =
        set.iter().map(|(field, _)| field).chain(increment.iter().map(|(field, _)| field)).collect();
    for (index, field) in fields.iter().enumerate() {
        if field.is_empty() {
            return Err(StoreError::Invalid("a patch names a field by at least one segment".into()));
        }
        for segment in *field {
            check::field_name(segment).map_err(StoreError::Invalid)?;
        }
        if fields[..index].iter().any(|other| field.starts_with(other) || other.starts_with(field)) {
            return Err(StoreError::Invalid(format!(
                "a patch touches `{}` twice; merge the two",
                field.join(".")
            )));
        }
    }
    Ok(())
}

/// The document after the patch.
pub(super) fn apply(
    body: Option<&[u8]>,
    set: &[(Field, Option<Value>)],
    increment: &[(Field, i64)],
) -> Result<Vec<u8>, StoreError> {
    let invalid = |e: serde_json::Error| StoreError::Invalid(e.to_string());
    let mut document: Object =
        body.map_or_else(|| Ok(Object::new()), |body| serde_json::from_slice(body).map_err(invalid))?;
    for (field, value) in set {
        match value {
            Some(value) => *place(&mut document, field) = value.clone(),
            None => remove(&mut document, field),
        }
    }
    for (field, by) in increment {
        let value = place(&mut document, field);
        *value = match (value.as_i64(), value.as_f64()) {
            (Some(integer), _) => integer.saturating_add(*by).into(),
            (None, Some(float)) => (float + *by as f64).into(),
            (None, None) => (*by).into(),
        };
    }
    serde_json::to_vec(&document).map_err(invalid)
}

/// The field, with whatever is missing above it.
fn place<'a>(document: &'a mut Object, field: &[String]) -> &'a mut Value {
    let (first, rest) = field.split_first().expect("checked: a field has a segment");
    let value = document.entry(first.clone()).or_insert(Value::Null);
    rest.iter().fold(value, |value, segment| {
        if !value.is_object() {
            *value = Value::Object(Object::new());
        }
        match value {
            Value::Object(object) => object.entry(segment.clone()).or_insert(Value::Null),
            other => other,
        }
    })
}

fn remove(document: &mut Object, field: &[String]) {
    let Some((last, above)) = field.split_last() else { return };
    let mut at = document;
    for segment in above {
        let Some(Value::Object(object)) = at.get_mut(segment) else { return };
        at = object;
    }
    at.remove(last);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(text: &str) -> Field {
        text.split('/').map(str::to_owned).collect()
    }

    fn patched(body: Option<Value>, set: &[(&str, Option<Value>)], increment: &[(&str, i64)]) -> Value {
        let set: Vec<_> = set.iter().map(|(name, value)| (field(name), value.clone())).collect();
        let increment: Vec<_> = increment.iter().map(|(name, by)| (field(name), *by)).collect();
        check(&set, &increment).unwrap();
        let body = body.map(|body| serde_json::to_vec(&body).unwrap());
        serde_json::from_slice(&apply(body.as_deref(), &set, &increment).unwrap()).unwrap()
    }

    #[test]
    fn sets_removes_and_adds() {
        let body = json!({"a": {"b": 1, "c": 2}, "d": "text", "n": i64::MAX, "f": 0.5});
        let set =
            [("a/b", None), ("a/x.y/z", Some(json!([1]))), ("d/e", Some(json!(null))), ("no/such", None)];
        let increment = [("n", 1), ("f", 2), ("a/new", -3), ("a/x.y/w", 0)];
        assert_eq!(
            patched(Some(body), &set, &increment),
            json!({"a": {"c": 2, "x.y": {"z": [1], "w": 0}, "new": -3}, "d": {"e": null}, "n": i64::MAX, "f": 2.5})
        );
        assert_eq!(patched(None, &[], &[]), json!({}));
    }

    #[test]
    fn refuses_overlaps_and_empty_names() {
        let set = |names: &[&str]| names.iter().map(|name| (field(name), Some(json!(1)))).collect::<Vec<_>>();
        for bad in [&["a", "a"][..], &["a", "a/b"], &["a/b", "a"], &[""], &["a//b"]] {
            assert!(check(&set(bad), &[]).is_err(), "{bad:?}");
        }
        assert!(check(&set(&["a"]), &[(field("a"), 1)]).is_err());
        assert!(check(&set(&["a/b", "a/c", "ab"]), &[]).is_ok());
    }
}
