//! Source trees: fetched once, packed into one archive, and read from that archive by every later step.
//!
//! Invariant: an archive is named by the digest of its content, so what was scanned is what is analyzed and built,
//! wherever that happens; a tenant can name its own archives only.

use crate::{
    TenantId, Timestamp,
    port::{PortError, objects::Stream},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{any::Any, fmt, path::PathBuf, str::FromStr, sync::Arc};

/// Where the source of a deployment is. A token for it is never part of this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SourceRef {
    /// A folder of the server's own disk, where the server is somebody's own machine; packed when it is fetched, so
    /// that later edits don't change the deployment.
    Folder {
        /// An absolute path on the server's own disk; refused outside of place `machine`.
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
    /// An archive that was uploaded before.
    Archive {
        /// What the upload was answered with.
        digest: Digest,
        /// What Git says of the folder that it was packed from.
        #[serde(default, skip_serializing_if = "Origin::is_unknown")]
        origin: Origin,
        /// The folder's name, from which a service's name is derived.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// SHA-256 of an archive's content (of the tar stream, not of how it was compressed): 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
pub struct Digest(String);

impl Digest {
    /// The digest as 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 40 of them: what stands where a commit would, for a tree that has none.
    pub fn short(&self) -> &str {
        &self.0[..40]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(digit) {
            return Ok(Self(text.to_owned()));
        }
        Err("a digest has 64 hexadecimal digits in lower case".to_owned())
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// What Git says of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Origin {
    /// The commit that is checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// A tag of exactly that commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The branch, where one is checked out or was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit's author, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The first line of the commit's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether the tree differs from that commit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
}

impl Origin {
    /// Whether Git says nothing of it.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Manifest {
    /// Names the archive.
    pub digest: Digest,
    /// Bytes of the archive.
    pub packed_bytes: u64,
    /// Bytes of all files in it.
    pub bytes: u64,
    /// Files and links in it.
    pub files: u64,
    /// What Git says of it.
    #[serde(default, skip_serializing_if = "Origin::is_unknown")]
    pub origin: Origin,
}

impl Manifest {
    /// What stands for this revision of the source: the commit it is, or digits of its content where it is none.
    pub fn revision(&self) -> &str {
        match &self.origin.commit {
            Some(commit) if !self.origin.dirty => commit,
            _ => self.digest.short(),
        }
    }
}

/// A packed tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Its key in the objects.
    pub key: String,
    /// What is in it.
    pub manifest: Manifest,
}

/// How fetching stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is packed.
    Archived(Archived),
    /// Under way, or waiting for its turn; ask again with the same key.
    Waits {
        /// What it waits for, such as `Waits for one of 4 fetches; 2 are ahead`.
        reason: String,
    },
}

/// How unpacking stands.
#[derive(Clone, Debug)]
pub enum Opened {
    /// It is here, to read.
    Tree(Checkout),
    /// Under way, or waiting for its turn; ask again for the same archive.
    Waits {
        /// What it waits for, such as `Waits for one of 4 unpackings; 2 are ahead`.
        reason: String,
    },
    /// The archive is gone.
    Gone,
}

/// A tree to read. It stays as long as this value does.
#[derive(Clone)]
pub struct Checkout {
    /// The folder it is in; read it, don't change it.
    pub folder: PathBuf,
    /// What keeps it there.
    pub held: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Checkout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checkout({})", self.folder.display())
    }
}

/// Somebody wants an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose it is.
    pub tenant: TenantId,
    /// The key it was fetched under: a deployment's or decision's id, or an [`upload_key`].
    pub key: String,
    /// The archive, by the digest of its content.
    pub digest: Digest,
    /// Since when, by the clock of timers.
    pub since: Timestamp,
}

/// What keys of uploads begin with.
const UPLOADED: &str = "uploaded";

/// The key under which a user's uploads are claimed until they are deployed, or for a day. Two users whose names come
/// out alike share one, which harms neither.
pub fn upload_key(user: &str) -> String {
    let hash = user.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{UPLOADED}-{hash:016x}")
}

/// Whether a key is one of uploads.
pub fn is_upload(key: &str) -> bool {
    key.strip_prefix(UPLOADED).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Archives of one user that are kept although nobody deploys them; the oldest make room.
pub const MOST_UPLOADS: usize = 50;

/// An archive from outside.
pub struct Upload {
    /// Who keeps it: an [`upload_key`].
    pub key: String,
    /// What it must be.
    pub digest: Digest,
    /// Whether Git tracks what is in it: else `.env` files and what tools fetch are refused.
    pub tracked: bool,
    /// The packed archive, as it comes.
    pub data: Stream,
}

/// Fetches source trees and keeps them as archives.
#[async_trait]
pub trait Source: Send + Sync {
    /// Whether `source` may be fetched here, as far as can be told without fetching it; the error is for whoever
    /// named it.
    async fn check(&self, source: &SourceRef) -> Result<(), PortError>;

    /// Fetches and packs `source` once per `key`: a repeat finds the first archive, as long as that is there. Bounded
    /// in size and time; runs nothing of the tree. `token` is for private repositories over https. Answers within
    /// 20 s, whether it is done or not; what is under way goes on.
    async fn fetch(
        &self,
        tenant: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Fetched, PortError>;

    /// Unpacks an archive for reading, once however many ask. Answers within 20 s, whether it is done or not; what is
    /// under way goes on.
    async fn open(&self, archived: &Archived) -> Result<Opened, PortError>;

    /// Takes an archive from outside: checked like any other, and refused unless its digest is that one. One that is
    /// cut short leaves nothing.
    async fn receive(&self, tenant: &TenantId, upload: Upload) -> Result<Manifest, PortError>;

    /// Claims an archive of this tenant for `key`, from now on, whoever brought it here: it can be named as a source
    /// until that claim ends. `None` if there is none. Of an [`upload_key`] the newest [`MOST_UPLOADS`] claims are kept.
    async fn keep(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &Digest,
    ) -> Result<Option<Manifest>, PortError>;

    /// Whoever used `key` doesn't want its archive any more; one that nobody wants is removed. Repeating it is fine.
    async fn release(&self, tenant: &TenantId, key: &str) -> Result<(), PortError>;

    /// Ends this one claim.
    async fn forget(&self, claim: &Claim) -> Result<(), PortError>;

    /// Who wants what, page by page: claims after that one, at most `limit`.
    async fn claims(&self, after: Option<&Claim>, limit: usize) -> Result<Vec<Claim>, PortError>;
}
