//! The answer to a request that came with an idempotency key, kept so that a repeat gets the same one.

use super::path;
use crate::{TenantId, Timestamp, port::store::Path};
use serde::{Deserialize, Serialize};

/// What is kept under `tenants/{tenant}/idempotency/{hash}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Version of this document's shape.
    pub schema: u32,
    /// Hash of method, path and body of the first request.
    pub request: String,
    /// Its answer's status.
    pub status: u16,
    /// Its answer's headers.
    pub headers: Vec<AnswerHeader>,
    /// Its answer's body, encrypted, as base64 of nonce and ciphertext.
    pub body: String,
    /// From then on the key may be used anew.
    pub expires_at: Timestamp,
}

/// One header; an object, since no store takes an array in an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerHeader {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, as it was sent.
    pub value: String,
}

/// Where the answer to the key with this hash is kept.
pub fn idempotency_path(tenant: &TenantId, hash: &str) -> Path {
    path(tenant, "idempotency", hash)
}
