//! Values as bytes whose order is the order of the values: what indexes, ranges, sorting and cursors all go by.
//!
//! Invariant: no encoding is a prefix of another one, so they may be joined, and complemented to descend.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Ends an object, an array and a string; smaller than any tag.
const END: u8 = 0;
const NULL: u8 = 1;
const BOOLEAN: u8 = 2;
const NUMBER: u8 = 3;
const STRING: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;

/// Appends a value, complemented where it descends.
pub(super) fn value(out: &mut Vec<u8>, value: &Value, descending: bool) {
    let start = out.len();
    ascending(out, value);
    if descending {
        complement(&mut out[start..]);
    }
}

/// The first byte of every value of this one's type.
pub(super) fn tag(value: &Value, descending: bool) -> u8 {
    let tag = match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Number(_) => NUMBER,
        Value::String(_) => STRING,
        Value::Array(_) => ARRAY,
        Value::Object(_) => OBJECT,
    };
    if descending { !tag } else { tag }
}

/// Appends a path or an id, so that paths order segment by segment.
pub(super) fn path(out: &mut Vec<u8>, path: &str, descending: bool) {
    let start = out.len();
    out.extend(path.bytes().map(|byte| if byte == b'/' { END } else { byte }));
    out.extend([END, END]);
    if descending {
        complement(&mut out[start..]);
    }
}

/// The smallest key above every key that begins with this one; `None` if there is none.
pub(super) fn successor(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}

fn complement(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}

fn ascending(out: &mut Vec<u8>, value: &Value) {
    out.push(tag(value, false));
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push(u8::from(*flag)),
        Value::Number(number) => self::number(out, number),
        Value::String(text) => string(out, text),
        Value::Array(items) => {
            for item in items {
                ascending(out, item);
            }
            out.push(END);
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            for (name, item) in sorted {
                out.push(STRING);
                string(out, name);
                ascending(out, item);
            }
            out.push(END);
        }
    }
}

/// Zero bytes become `00 FF`, and `00 00` ends it.
fn string(out: &mut Vec<u8>, text: &str) {
    for (place, part) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
        if place > 0 {
            out.extend([0, u8::MAX]);
        }
        out.extend_from_slice(part);
    }
    out.extend([END, END]);
}

/// Integers and floats on one line, exactly: the greatest float that is not above the number, then what is left.
fn number(out: &mut Vec<u8>, number: &Number) {
    let (float, rest) = match number.as_i64() {
        Some(integer) => split(integer),
        None => (number.as_f64().unwrap_or(f64::INFINITY), 0),
    };
    let bits = (float + 0.0).to_bits(); // -0.0 becomes 0.0
    let sortable = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    out.extend(sortable.to_be_bytes());
    out.extend(rest.to_be_bytes());
}

fn split(integer: i64) -> (f64, u16) {
    let near = integer as f64;
    let below = match (near as i128).cmp(&i128::from(integer)) {
        Ordering::Greater => near.next_down(),
        Ordering::Less | Ordering::Equal => near,
    };
    (below, (i128::from(integer) - below as i128) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(item: &Value, descending: bool) -> Vec<u8> {
        let mut out = vec![];
        value(&mut out, item, descending);
        out
    }

    #[test]
    fn encodings_order_as_values_do() {
        let ordered = [
            json!(null),
            json!(false),
            json!(true),
            json!(-1e300),
            json!(i64::MIN),
            json!(i64::MIN + 1),
            json!(-1.5),
            json!(-1),
            json!(0),
            json!(1e-300),
            json!(1),
            json!(1.5),
            json!(2),
            json!((1_i64 << 53)),
            json!((1_i64 << 53) + 1),
            json!((1_i64 << 53) + 2),
            json!(i64::MAX - 1),
            json!(i64::MAX),
            json!(9_223_372_036_854_775_808.0_f64),
            json!(""),
            json!("\u{0}"),
            json!("\u{0}a"),
            json!("\u{1}"),
            json!("a"),
            json!("a\u{0}"),
            json!("a\u{0}b"),
            json!("a\u{1}"),
            json!("aa"),
            json!("é"),
            json!("\u{10ffff}"),
            json!([]),
            json!([1]),
            json!([1, 2]),
            json!([2]),
            json!({}),
            json!({"a": 1}),
            json!({"a": 1, "b": 0}),
            json!({"a": 2}),
        ];
        for pair in ordered.windows(2) {
            assert!(key(&pair[0], false) < key(&pair[1], false), "{} < {}", pair[0], pair[1]);
            assert!(key(&pair[0], true) > key(&pair[1], true), "{} > {} descending", pair[0], pair[1]);
        }
    }

    #[test]
    fn equal_numbers_are_equal_whatever_they_are_written_as() {
        assert_eq!(key(&json!(3), false), key(&json!(3.0), false));
        assert_eq!(key(&json!(0), false), key(&json!(-0.0), false));
        assert_ne!(
            key(&json!(9_007_199_254_740_993_i64), false),
            key(&json!(9_007_199_254_740_992.0), false)
        );
    }

    #[test]
    fn paths_order_by_segment() {
        let key = |text: &str, descending| {
            let mut out = vec![];
            path(&mut out, text, descending);
            out
        };
        let ordered = ["t/a/x/1", "t/a/x/1/y/2", "t/a/x/10", "t/a-b/x/0", "t/ab/x/0"];
        for pair in ordered.windows(2) {
            assert!(key(pair[0], false) < key(pair[1], false), "{pair:?}");
            assert!(key(pair[0], true) > key(pair[1], true), "{pair:?} descending");
        }
    }

    #[test]
    fn a_successor_is_above_everything_with_the_prefix() {
        assert_eq!(successor(vec![1, 2]), Some(vec![1, 3]));
        assert_eq!(successor(vec![1, 255]), Some(vec![2]));
        assert_eq!(successor(vec![255]), None);
    }
}
