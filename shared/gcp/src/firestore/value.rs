//! JSON to Firestore values and back, exactly: an integer stays an integer, null stays null.
//!
//! By hand, because the crate's serde drops nulls and mangles large integers. Invariant: what [`fields`] accepts,
//! [`body`] gives back as equal JSON; what Firestore couldn't hold is refused here, before anything is sent.

use super::pb;
use bytes::Bytes;
use model::port::store::{Body, StoreError};
use pb::value::ValueType;
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Present in every document and hidden from readers: a value that no two writes share, so that every write
/// changes something. Firestore leaves the version alone when nothing changes, and a version that stays can't guard.
pub(super) const NONCE: &str = "_nonce";

/// Firestore takes about 20 levels of maps and arrays.
const DEEPEST: usize = 20;

/// The fields of a whole document.
pub(super) fn fields(body: &Body) -> Result<HashMap<String, pb::Value>, StoreError> {
    map(&body.parse::<Map<String, Value>>()?, DEEPEST)
}

/// One value inside a document.
pub(super) fn value(json: &Value) -> Result<pb::Value, StoreError> {
    convert(json, DEEPEST)
}

fn convert(json: &Value, depth: usize) -> Result<pb::Value, StoreError> {
    if depth == 0 {
        return Err(StoreError::Invalid(format!("a document is at most {DEEPEST} levels deep; flatten it")));
    }
    Ok(wrap(match json {
        Value::Null => ValueType::NullValue(0),
        Value::Bool(yes) => ValueType::BooleanValue(*yes),
        Value::Number(number) => self::number(number)?,
        Value::String(text) => ValueType::StringValue(text.clone()),
        Value::Array(items) => ValueType::ArrayValue(array(items, depth)?),
        Value::Object(object) => ValueType::MapValue(pb::MapValue { fields: map(object, depth - 1)? }),
    }))
}

fn array(items: &[Value], depth: usize) -> Result<pb::ArrayValue, StoreError> {
    if items.iter().any(Value::is_array) {
        return Err(StoreError::Invalid("an array can't hold arrays; put objects between them".into()));
    }
    Ok(pb::ArrayValue {
        values: items.iter().map(|item| convert(item, depth - 1)).collect::<Result<_, _>>()?,
    })
}

fn map(object: &Map<String, Value>, depth: usize) -> Result<HashMap<String, pb::Value>, StoreError> {
    object.iter().map(|(name, json)| Ok((name.clone(), convert(json, depth)?))).collect()
}

fn number(number: &Number) -> Result<ValueType, StoreError> {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => Ok(ValueType::IntegerValue(integer)),
        (None, Some(float)) if !number.is_u64() => Ok(ValueType::DoubleValue(float)),
        _ => Err(StoreError::Invalid(format!(
            "the integer {number} doesn't fit 64 bits with a sign; store it as text"
        ))),
    }
}

/// A Firestore value from one of its kinds.
pub(super) fn wrap(kind: ValueType) -> pb::Value {
    pb::Value { value_type: Some(kind) }
}

/// A document's fields as it was put, without the nonce.
pub(super) fn body(mut fields: HashMap<String, pb::Value>) -> Body {
    fields.remove(NONCE);
    Body(Bytes::from(object(fields).to_string()))
}

fn object(fields: HashMap<String, pb::Value>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name, json(value))).collect())
}

fn json(value: pb::Value) -> Value {
    match value.value_type {
        Some(ValueType::BooleanValue(yes)) => yes.into(),
        Some(ValueType::IntegerValue(integer)) => integer.into(),
        Some(ValueType::StringValue(text)) => text.into(),
        Some(ValueType::DoubleValue(float)) => Number::from_f64(float).map_or(Value::Null, Value::Number),
        Some(ValueType::ArrayValue(array)) => array.values.into_iter().map(json).collect(),
        Some(ValueType::MapValue(map)) => object(map.fields),
        // Kinds that we never write: a console may have put a timestamp or a reference there.
        _ => Value::Null,
    }
}

/// `` `a`.`b.c` ``: every segment quoted, so that dots and backticks in a name mean themselves.
pub(super) fn field_path<S: AsRef<str>>(segments: &[S]) -> String {
    let quote = |segment: &S| format!("`{}`", segment.as_ref().replace('\\', "\\\\").replace('`', "\\`"));
    segments.iter().map(quote).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_goes_in_comes_out() {
        let document = json!({"n": null, "i": i64::MIN, "f": 1.0, "s": "ä`.\\", "a": [1, {"b": [true]}], "o": {"x.y": {}}});
        let stored = fields(&Body::of(&document).unwrap()).unwrap();
        assert_eq!(body(stored).parse::<Value>().unwrap(), document);
    }

    #[test]
    fn what_firestore_cannot_hold_is_refused_before_it_is_sent() {
        let deep = (0..21).fold(json!(1), |inner, _| json!({ "a": inner }));
        for document in [json!({"a": [[1]]}), json!({"u": u64::MAX}), deep] {
            assert!(
                matches!(fields(&Body::of(&document).unwrap()), Err(StoreError::Invalid(_))),
                "{document}"
            );
        }
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(field_path(&["a.b", "c`d\\"]), "`a.b`.`c\\`d\\\\`");
    }
}
