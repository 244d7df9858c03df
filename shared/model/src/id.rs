//! Ids and names, parsed once at the edge: whoever holds one knows that it is legal in a path, a tag and a URL.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr};

/// Why a text is not the id or name it was given as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {why}")]
pub struct Malformed {
    /// What was expected, with its article: "a deployment id".
    pub what: &'static str,
    /// The text as it came, cut at 80 characters.
    pub text: String,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl Malformed {
    pub(crate) fn new(what: &'static str, text: &str, why: impl Into<String>) -> Self {
        Self { what, text: text.chars().take(80).collect(), why: why.into() }
    }
}

/// A text that is parsed once; `$pattern` and `$most` say the same to readers of the API's document, but for what only
/// looking ahead could say (`__…__`): generators of test data take minutes for that.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $pattern:expr, $most:expr, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the text; [`Malformed`] says what is wrong with it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, Malformed> {
                let check: fn(&str) -> Result<(), Malformed> = $parse;
                check(text.as_ref()).map(|()| Self(text.as_ref().to_owned()))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($pattern))
                    .min_length(Some(1))
                    .max_length(Some($most))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use text_type;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        text_type!(
            $(#[$doc])* $name,
            concat!("^", $prefix, "[A-Za-z0-9_-]{1,60}$"),
            60 + $prefix.len(),
            |text| prefixed(text, $prefix, $what)
        );

        impl $name {
            /// An id from 128 random bits, such as the `Random` port gives.
            pub fn from_random(bits: u128) -> Self {
                Self(format!(concat!($prefix, "{}"), encode(bits)))
            }
        }
    };
}

random_id!(
    /// `dep_…`: one deployment, the same id for everybody.
    DeploymentId, "dep_", "a deployment id"
);
text_type!(
    /// One decision. Ours are `dec_…`; clients that register decisions of their own may use any id of 1–64
    /// letters, digits, hyphens and underscores that neither looks like a deployment's nor is `__…__`.
    DecisionId, "^[A-Za-z0-9_-]+$", 64, decision
);

impl DecisionId {
    /// An id from 128 random bits, such as the `Random` port gives.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("dec_{}", encode(bits)))
    }
}

random_id!(
    /// `learn_…`: one learning.
    LearningId, "learn_", "a learning id"
);
random_id!(
    /// `obs_…`: one observation. Derived from (service, window), so that a repeat is the same document.
    ObservationId, "obs_", "an observation id"
);
text_type!(
    /// Who owns the data: 1–40 lower-case letters, digits and hyphens.
    TenantId, SLUG, 40, |text| slug(text, 40, "a tenant")
);
text_type!(
    /// The name of a service: at most 34 characters so that a revision tag still fits beside it.
    ServiceName, SLUG, 34, |text| slug(text, 34, "a service name")
);

/// What [`slug`] takes, but for the length.
const SLUG: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";

/// Crockford's base 32 in lower case: no i, l, o, u, so that it can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(bits: u128) -> String {
    (0..20).map(|place| ALPHABET[(bits >> (place * 5)) as usize & 31] as char).collect()
}

fn decision(text: &str) -> Result<(), Malformed> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    // No store takes `__…__` as a document's name.
    let reserved = text.len() >= 4 && text.starts_with("__") && text.ends_with("__");
    if !reserved && (1..=64).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with("dep_") {
        return Ok(());
    }
    Err(Malformed::new(
        "a decision id",
        text,
        "it has 1 to 64 letters, digits, hyphens or underscores, and is not `__…__`",
    ))
}

fn prefixed(text: &str, prefix: &'static str, what: &'static str) -> Result<(), Malformed> {
    let legal = |tail: &str| {
        (1..=60).contains(&tail.len())
            && tail.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match text.strip_prefix(prefix) {
        Some(tail) if legal(tail) => Ok(()),
        _ => Err(Malformed::new(what, text, format!("it looks like `{prefix}…`, letters and digits"))),
    }
}

fn slug(text: &str, most: usize, what: &'static str) -> Result<(), Malformed> {
    let fail = |why: String| Err(Malformed::new(what, text, why));
    if text.is_empty() || text.len() > most {
        return fail(format!("it must have 1 to {most} characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return fail("only lower-case letters, digits and hyphens are allowed".into());
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.ends_with('-') || text.contains("--") {
        return fail("it must start with a letter, not end with a hyphen, and have no double hyphen".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parsed_not_trusted() {
        assert_eq!(DeploymentId::from_random(31).as_str(), "dep_z0000000000000000000");
        assert!(DeploymentId::new("dep_../../etc").is_err());
        assert!(DeploymentId::new("dec_1").is_err());
        assert!(DecisionId::new("__x__").is_err() && DecisionId::new("x__").is_ok());
        assert!(serde_json::from_str::<TenantId>("\"a/b\"").is_err());
        assert_eq!(
            ServiceName::new("My App").unwrap_err().to_string(),
            "`My App` is not a service name: only lower-case letters, digits and hyphens are allowed"
        );
    }
}
