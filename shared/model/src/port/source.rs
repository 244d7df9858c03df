//! Fetches a repository at a commit into a folder of this machine.

use crate::port::PortError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the source of a deployment is. A token for it is never part of this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SourceRef {
    /// A folder of this machine; copied when it is fetched, so that later edits don't change the deployment.
    Folder {
        /// Absolute path.
        path: String,
    },
    /// A Git repository over https, or a local repository by path.
    Git {
        /// `https://…` or an absolute path; no user info, no leading `-`, no `ext::`.
        url: String,
        /// Branch or tag; the default branch if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// Full commit id; the branch's head if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
}

/// A fetched tree.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The folder it is in; read it, don't change it.
    pub folder: PathBuf,
    /// The commit, where the source has commits; for a plain folder a hash of the tree.
    pub commit: String,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Fetches source trees.
#[async_trait]
pub trait Source: Send + Sync {
    /// Fetches `source` once per `key`: a repeat finds the first tree. Bounded in size and time; runs nothing
    /// of the repository. `token` is for private repositories over https.
    async fn checkout(
        &self,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Checkout, PortError>;

    /// Removes what was fetched under `key`; removing what isn't there is fine.
    async fn remove(&self, key: &str) -> Result<(), PortError>;
}
