//! One mail about one event: the intent before it is sent, and how that ended.

use super::path;
use crate::{TenantId, Timestamp, port::store::Path};
use serde::{Deserialize, Serialize};

/// A notice, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Version of this form.
    pub schema: u32,
    /// What it is about.
    pub event: String,
    /// When it was first tried.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// When it went out.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// Why it never will.
    #[serde(default)]
    pub given_up: Option<String>,
}

/// Where the notice with this key, a hash of its event, is kept.
pub fn notice_path(tenant: &TenantId, key: &str) -> Path {
    path(tenant, "notices", key)
}
