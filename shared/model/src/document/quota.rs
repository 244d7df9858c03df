//! What a tenant has used up of a limit that all instances keep together.

use crate::{TenantId, port::store::Path};
use serde::{Deserialize, Serialize};

/// Tokens of a limit that were given out to instances, at `tenants/{tenant}/limits/{class}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Version of this form.
    pub schema: u32,
    /// The minute that `taken` is about, counted from 1970.
    pub minute: i64,
    /// Tokens that were given out in it.
    pub taken: u32,
}

/// Where the count of a class is.
pub fn quota_path(tenant: &TenantId, class: &str) -> Path {
    Path::new(format!("tenants/{tenant}/limits/{class}"))
}
