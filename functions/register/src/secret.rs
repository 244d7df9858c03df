//! Secrets as they arrive: read without ever being repeated in an error, kept in a type that can't be printed.

use host::{
    Context, Error,
    seal::{self, Sealed, SecretString},
};
use model::{TenantId, port::KeyContext, port::store::Path};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use std::collections::BTreeMap;

/// One secret text.
pub struct Secret(pub SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self(text.into())),
            other => Err(D::Error::custom(format!("expected a string, found {}", sort(&other)))),
        }
    }
}

/// Secrets by name.
#[derive(Default)]
pub struct Secrets(pub BTreeMap<String, SecretString>);

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Value::Object(map) = Value::deserialize(from)? else {
            return Err(D::Error::custom("expected an object of names and strings"));
        };
        let read = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text.into())),
            other => Err(D::Error::custom(format!("`{name}`: expected a string, found {}", sort(&other)))),
        };
        map.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// What sort of value it is, without the value.
pub fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Seals a secret for one field of the document at `record`.
pub async fn seal(
    ctx: &Context,
    tenant: &TenantId,
    record: &Path,
    field: &str,
    secret: &SecretString,
) -> Result<Sealed, Error> {
    let context =
        KeyContext { tenant: tenant.clone(), record: record.as_str().to_owned(), field: field.to_owned() };
    seal::seal(&ctx.ports, &context, secret).await
}
