//! What a deployment takes over from an earlier one of its service, so that it can be tried again without a build.

use crate::{
    DeploymentId,
    port::{source::Archived, target::Plan},
};
use serde::{Deserialize, Serialize};

/// An earlier deployment that is put to work again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The earlier one.
    pub of: DeploymentId,
    /// Its source, as it was packed then: it is scanned and analyzed anew.
    pub archive: Archived,
    /// What was built from that; none where it is to be built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<Built>,
}

/// What a build came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// What a revision is made from.
    pub artifact: String,
    /// How it was built, and so how it is started.
    pub plan: Plan,
}
