//! What a customer entrusts to us for one decision.

use super::{Sealed, path};
use crate::{DecisionId, TenantId, Timestamp, port::store::Path};
use serde::{Deserialize, Serialize};

/// The customer's credentials, at `tenants/{tenant}/secrets/{decision}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Version of this form.
    pub schema: u32,
    /// The tenant who sent them; part of what their encryption is bound to.
    pub tenant: TenantId,
    /// The decision that they were registered with.
    pub decision: DecisionId,
    /// When they last came, by the clock of schedules.
    pub updated_at: Timestamp,
    /// The key of a service account, or what federates to one; bound to the field's name.
    pub gcp_credentials: Sealed,
}

/// Where the credentials for a decision are kept.
pub fn credentials_path(tenant: &TenantId, decision: &DecisionId) -> Path {
    path(tenant, "secrets", decision.as_str())
}
