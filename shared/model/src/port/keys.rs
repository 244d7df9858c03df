//! Wraps and unwraps data keys. The key that wraps never leaves the adapter.

use crate::{TenantId, port::PortError};
use async_trait::async_trait;

/// What a wrapped key belongs to; unwrapping with any other context fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyContext {
    /// Whose secret it is.
    pub tenant: TenantId,
    /// The record it is in: a document's path.
    pub record: String,
    /// The field it is in.
    pub field: String,
}

impl KeyContext {
    /// The bytes that are authenticated with the key: unambiguous, since no part can hold a newline.
    pub fn bytes(&self) -> Vec<u8> {
        let parts = [self.tenant.as_str(), &self.record, &self.field];
        let mut bytes = b"sextant/1".to_vec();
        for part in parts {
            bytes.push(b'\n');
            bytes.extend(part.bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
        }
        bytes
    }
}

/// Wraps data keys (32 bytes) under a key that only the adapter can use.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The wrapped key: opaque bytes that name the wrapping key's version.
    async fn wrap(&self, context: &KeyContext, data_key: &[u8]) -> Result<Vec<u8>, PortError>;

    /// The data key. Permanent error if the bytes were changed or the context is not the one it was wrapped in.
    async fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Vec<u8>, PortError>;
}
