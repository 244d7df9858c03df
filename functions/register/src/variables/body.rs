//! What is asked and answered about the variables of a service.

use crate::{deploy::body::Started, secret::Secrets};
use model::document::Strategy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be changed; what isn't named stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariablesBody {
    /// Plain variables to set.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Secret variables to set; stored encrypted, and read back by nobody.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub secrets: Secrets,
    /// Names of variables, plain or secret, to remove.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub unset: BTreeSet<String>,
    /// The version that the caller saw; refused if it is another by now.
    #[serde(default)]
    pub version: Option<u64>,
    /// Whether they may be those of a service that was never deployed; refused otherwise, as a name may be mistyped.
    #[serde(default)]
    pub new: bool,
    /// Whether a new revision of what serves is made, with them; `true` if absent.
    #[serde(default = "yes")]
    pub deploy: bool,
    /// How traffic gets to that revision; as it did before if absent.
    #[serde(default)]
    pub strategy: Option<Strategy>,
    /// Whether that revision may run without variables that the one that serves has; refused otherwise, naming them.
    #[serde(default)]
    pub may_drop: bool,
}

fn yes() -> bool {
    true
}

/// One variable.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VariableShown {
    /// Its name.
    pub name: String,
    /// Whether nobody may read it back.
    pub secret: bool,
    /// Its value; `null` for a secret.
    pub value: Option<String>,
    /// The version of all that it last changed with.
    pub version: u64,
}

/// The variables of a service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VariablesShown {
    /// The service; the environment is part of the name.
    pub service: String,
    /// Counts up with each change; 0 before there was any.
    pub version: u64,
    /// The version that the deployment that serves runs with; `null` where none serves or it isn't known.
    pub serving_version: Option<u64>,
    /// When they last changed.
    pub updated_at: Option<String>,
    /// Who changed them last.
    pub updated_by: Option<String>,
    /// All of them, by name.
    pub variables: Vec<VariableShown>,
}

/// What became of a change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct VariablesChanged {
    /// The service; the environment is part of the name.
    pub service: String,
    /// Their version now.
    pub version: u64,
    /// Whether this request changed anything; a repeat doesn't.
    pub changed: bool,
    /// The deployment that makes a revision with them, if one was begun.
    pub deployment: Option<Started>,
    /// What happens now, one sentence.
    pub message: String,
}
