//! Names that come from people and end as the name of a field or a document: types that every store can hold.
//!
//! Firestore's rules are the narrowest (<https://firebase.google.com/docs/firestore/quotas>, read 2026-11): a name
//! has 1 to 1,500 bytes and is neither `.` nor `..` nor `__…__`. Invariant: what one of these holds can be stored
//! anywhere; whatever doesn't fit is refused where it comes in, with the reason.

use crate::id::{Malformed, text_type};
use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr};

/// Bytes that a name may have.
pub const NAME_BYTES: usize = 1_500;
/// Characters of a customer's own id.
pub const CUSTOMER_ID_CHARS: usize = 200;

text_type!(
    /// The name of a variable that an app is given: letters, digits and `_`, first no digit.
    VariableName, "^[A-Za-z_][A-Za-z0-9_]*$", NAME_BYTES, variable
);
text_type!(
    /// The name of a member of something that is kept as it was sent, such as a label or a measurement.
    FieldName, r"^[^/\x00-\x1f\x7f]+$", NAME_BYTES, |text| storable(text, "a field's name")
);
text_type!(
    /// What a customer calls their user or session: 1–200 characters, none of them a control character.
    CustomerId, r"^[^\x00-\x1f\x7f-\x9f]+$", CUSTOMER_ID_CHARS, customer
);

fn variable(text: &str) -> Result<(), Malformed> {
    const WHAT: &str = "a variable's name";
    storable(text, WHAT)?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if text.bytes().all(legal) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(Malformed::new(WHAT, text, "it has letters, digits and `_`, and begins with no digit"))
}

fn customer(text: &str) -> Result<(), Malformed> {
    let count = text.chars().count();
    if !text.trim().is_empty() && count <= CUSTOMER_ID_CHARS && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let why = format!("it has 1 to {CUSTOMER_ID_CHARS} characters, and no control characters");
    Err(Malformed::new("a customer's id", text, why))
}

/// What no store takes as the name of a field or of a document.
fn storable(text: &str, what: &'static str) -> Result<(), Malformed> {
    let reserved = text.len() >= 4 && text.starts_with("__") && text.ends_with("__");
    let why = match text {
        "" => "it is empty",
        "." | ".." => "`.` and `..` mean a place, not a name",
        _ if reserved => "names of the form `__…__` are reserved; leave the underscores at one end out",
        _ if text.len() > NAME_BYTES => "it has more than 1,500 bytes",
        _ if text.chars().any(char::is_control) => "it has a control character in it",
        _ if text.contains('/') => "it has a `/` in it",
        _ => return Ok(()),
    };
    Err(Malformed::new(what, text, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_refuses_is_no_name() {
        let long = "x".repeat(NAME_BYTES + 1);
        for bad in ["", ".", "..", "__x__", "____", "a/b", "a\0", "a\nb", &long] {
            assert!(FieldName::new(bad).is_err(), "{bad:?}");
            assert!(VariableName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "__", "__x", "x__", "_", "größe", "a.b", &long[1..]] {
            assert!(FieldName::new(good).is_ok(), "{good:?}");
        }
        assert!(VariableName::new("_A1").is_ok() && VariableName::new("1A").is_err());
        assert!(VariableName::new("a-b").is_err() && VariableName::new("größe").is_err());
    }

    #[test]
    fn customers_call_their_users_as_they_like() {
        for good in ["u", "ann@example.com", "Ann Ö", &"ü".repeat(200)] {
            assert!(CustomerId::new(good).is_ok(), "{good:?}");
        }
        for bad in ["", " ", "a\nb", &"x".repeat(201)] {
            assert!(CustomerId::new(bad).is_err(), "{bad:?}");
        }
    }
}
