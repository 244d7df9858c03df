//! What the store keeps: one type per document, each with a schema version, and the path it is kept at.
//!
//! Invariant: everything that counts or costs is an integer. A field may be added with a default; a field that
//! changes its meaning raises [`SCHEMA`], and the old form stays readable. What is absent or empty isn't written:
//! documents stay small, and no query asks for a null.

mod action;
mod again;
mod baseline;
pub mod calibration;
mod counters;
mod credentials;
mod decision;
mod deployment;
mod follow;
mod idempotency;
mod learning_run;
pub mod log;
mod notice;
mod owes;
mod policy;
mod quota;
mod run;
mod scan;
mod service;
mod status;
mod usual;
mod variables;
mod why;

pub use action::{ActionRecord, Begun, action_path};
pub use again::{Again, Built};
pub use baseline::{Baseline, Episode, Rolling, Series, Severity, Watched, baseline_path};
pub use counters::{Counters, Outcomes, StageCounters, counters_path};
pub use credentials::{Credentials, credentials_path};
pub use decision::{Configuration, Decision, Demand, Estimate, FormerSecret, Prediction, Registration};
pub use deployment::{
    CanaryRun, CarriedOutBy, Counts, Deployment, Diagnosis, Ending, Entry, Failure, FollowUp, Lease,
    StageTime, Synthetic,
};
pub use follow::{Feedback, FeedbackKind, Learning, Link, Member, Observation, Utilization};
pub use idempotency::{AnswerHeader, IdempotencyRecord, idempotency_path};
pub use learning_run::{LearningRun, learning_run_path};
pub use notice::{Notice, notice_path};
pub use owes::Owes;
pub use policy::{CanaryPolicy, Limits, Strategy, SyntheticPolicy, ThinEvidence, WithoutTraffic};
pub use quota::{Quota, quota_path};
pub use run::{BadRunOption, RunOptions, cpu_milli, memory_mib};
pub use scan::{Allowance, Scan, ScanFinding, ScanLine, ScanPolicy, ScanSeverity, Scanning};
pub use service::{Arrival, Asking, Kept, Measuring, Question, Service, Slot, Spent, Stopped};
pub use status::{Stage, Status, Step};
pub use usual::{Took, Usual};
pub use variables::{VariableChanges, VariableVersions, Variables, variable_context, variables_path};
pub use why::{Judged, NewLines, PathDifference, Why};

use owes::owes;

use crate::{DecisionId, DeploymentId, LearningId, ServiceName, TenantId, id::Malformed, port::store::Path};
use serde::{Deserialize, Serialize};

/// The schema version that is written today.
pub const SCHEMA: u32 = 1;

/// How many shards due documents are spread over, so that sweeping scales out.
pub const SHARDS: u32 = 8;

/// A secret as it is stored: encrypted under its own data key, which is wrapped by the Keys port. Base 64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The wrapped data key.
    pub wrapped: String,
    /// 96 bits, fresh for each secret.
    pub nonce: String,
    /// AES-256-GCM, tag at the end; the context is authenticated with it.
    pub ciphertext: String,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(***)")
    }
}

/// The shard of an id: stable, and even over random ids (FNV-1a).
pub fn shard(id: &str) -> u32 {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) as u32 % SHARDS
}

/// Whether a field says nothing, and so is left out of the stored form.
pub(crate) fn is_default<T: Default + PartialEq>(field: &T) -> bool {
    *field == T::default()
}

/// The collection of a tenant, such as `tenants/acme/deployments`.
pub fn collection(tenant: &TenantId, name: &str) -> String {
    format!("tenants/{tenant}/{name}")
}

fn path(tenant: &TenantId, collection: &str, id: &str) -> Path {
    Path::new(["tenants/", tenant.as_str(), "/", collection, "/", id].concat())
}

/// Where a deployment is kept.
pub fn deployment_path(tenant: &TenantId, id: &DeploymentId) -> Path {
    path(tenant, "deployments", id.as_str())
}

/// Where a service is kept. Environments other than production are part of the name.
pub fn service_path(tenant: &TenantId, name: &ServiceName) -> Path {
    path(tenant, "services", name.as_str())
}

/// Where a decision is kept.
pub fn decision_path(tenant: &TenantId, id: &DecisionId) -> Path {
    path(tenant, "decisions", id.as_str())
}

/// Where a learning is kept.
pub fn learning_path(tenant: &TenantId, id: &LearningId) -> Path {
    path(tenant, "learnings", id.as_str())
}

/// Where what was said about a decision is kept: one document per decision, last writer wins by (time, id).
pub fn feedback_path(tenant: &TenantId, id: &DecisionId) -> Path {
    path(tenant, "feedback", id.as_str())
}

/// Where an observation is kept.
pub fn observation_path(tenant: &TenantId, id: &crate::ObservationId) -> Path {
    path(tenant, "observations", id.as_str())
}

/// Where a member of a tenant is kept.
pub fn member_path(tenant: &TenantId, user: &str) -> Path {
    path(tenant, "members", &user.replace(['/', '.'], "-"))
}

/// Where the link is kept whose token has this SHA-256 (hex).
pub fn link_path(token_hash: &str) -> Path {
    Path::new(format!("links/{token_hash}"))
}

/// The service's name in an environment: production is the plain name.
pub fn in_environment(service: &str, environment: &str) -> Result<ServiceName, Malformed> {
    match environment {
        "" | "production" => ServiceName::new(service),
        other => ServiceName::new(format!("{service}-{other}")),
    }
}
