//! What `POST /api/v1/deployments` is sent and what it answers.

use super::source::naming_source;
use crate::secret::{Secret, Secrets};
use model::{
    document::{Allowance, CanaryPolicy, Limits, RunOptions, ScanPolicy, Status, Strategy},
    port::source::SourceRef,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

naming_source! {
    /// What to deploy, and how. Exactly one of `source`, `path` and `url` says what.
    pub struct StartBody {
        /// The service; derived from the path or URL if absent.
        #[serde(default)]
        #[schema(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length = 34)]
        pub service: Option<String>,
        /// Token for a private repository; stored encrypted.
        #[serde(default)]
        #[schema(value_type = Option<String>, format = "password")]
        pub source_token: Option<Secret>,
        /// `production` if absent; any other becomes part of the service's name.
        #[serde(default)]
        #[schema(pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length = 20)]
        pub environment: Option<String>,
        /// `canary` if absent.
        #[serde(default)]
        pub strategy: Strategy,
        /// How evidence is gathered; what is absent has its default.
        #[serde(default, deserialize_with = "host::request::object")]
        pub canary: CanaryPolicy,
        /// How long things may take; what is absent has its default.
        #[serde(default, deserialize_with = "host::request::object")]
        pub limits: Limits,
        /// Findings of the scan that are let through, each with its reason; both are kept with the deployment.
        #[serde(default)]
        #[schema(max_items = 20)]
        pub allow: Vec<Allowance>,
        /// What beside live keys stops it; nothing if absent.
        #[serde(default, deserialize_with = "host::request::object")]
        pub scan: ScanPolicy,
        /// Plain variables, added to those that the service has; one that isn't named stays as it is.
        #[serde(default)]
        pub env: BTreeMap<String, String>,
        /// Secret variables, likewise; stored encrypted.
        #[serde(default)]
        #[schema(value_type = BTreeMap<String, String>)]
        pub secrets: Secrets,
        /// Names of variables, plain or secret, that the service is to have no longer.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        pub unset: BTreeSet<String>,
        /// Whether it may run without variables that the deployment that serves has; refused otherwise, naming them.
        #[serde(default)]
        pub may_drop: bool,
        /// Whether it may run without variables that its code certainly needs; it fails before the build otherwise, naming
        /// them.
        #[serde(default)]
        pub may_lack: bool,
        /// How it is to run: above what its own `sextant.toml` says and what inspection finds.
        #[serde(default, deserialize_with = "host::request::object")]
        pub run: RunOptions,
    }
}

/// An accepted deployment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Started {
    /// The deployment's id, `dep_…`.
    pub deployment_id: String,
    /// The service; the environment is part of the name.
    pub service: String,
    /// `PENDING`.
    pub status: Status,
    /// Whether it waits for another deployment of the service.
    pub queued: bool,
    /// How long it is expected to take, one sentence.
    pub expected: String,
    /// What is to be known of it before it begins: variables that are kept or dropped, a service that was stopped.
    pub notes: Vec<String>,
    /// Its events as they happen.
    pub events_url: String,
    /// Its build log.
    pub logs_url: String,
}
