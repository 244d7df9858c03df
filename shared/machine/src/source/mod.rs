//! Source trees: fetched from a folder or from Git by its own command, or taken from an upload, and kept as archives
//! in the objects; unpacked into a cache on this machine for whoever reads one.
//!
//! Invariant: nothing of a repository is run, no link leads out of a tree, and a token is in no argument, file or
//! message. What is fetched half is nowhere to be found, and goes with the next start at the latest.

pub mod address;
mod cache;
mod explain;
mod folder;
mod git;
mod job;
mod keep;
mod wanted;

pub(crate) use cache::{unpack, write};

use crate::{clock::OsRandom, target::files};
use address::Reach;
use archive::Limits;
use async_trait::async_trait;
use cache::{Cache, Staged};
use futures::{StreamExt as _, stream};
use job::{Jobs, Stand, Words};
use keep::{Keep, check_key, gone};
use model::{
    TenantId,
    port::{
        Clock, Objects, PortError, Random as _, Source,
        objects::Stream,
        source::{
            Archived, Checkout, Claim, Digest, Fetched, MOST_UPLOADS, Manifest, Opened, Origin, SourceRef,
            Upload, is_upload,
        },
    },
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;

const FETCHING: Words =
    Words { several: "fetches", doing: "fetching", goes_on: "The source is still being fetched" };
const UNPACKING: Words =
    Words { several: "unpackings", doing: "unpacking", goes_on: "The source is still being unpacked" };

/// What sources are made of, and their bounds.
pub struct Options {
    /// The data folder; this uses `sources` in it.
    pub data: PathBuf,
    /// Where programs are: `git` among them.
    pub path: String,
    /// Where archives are kept.
    pub objects: Arc<dyn Objects>,
    /// The time that claims are dated by.
    pub clock: Arc<dyn Clock>,
    /// Whether folders and repositories of this machine's own disk are sources: whoever may deploy can then read
    /// whatever this process can.
    pub folders: bool,
    /// How large trees and archives may be.
    pub limits: Limits,
    /// How long fetching may take.
    pub patience: Duration,
    /// Fetches at once.
    pub fetches: usize,
    /// Uploads at once.
    pub uploads: usize,
    /// Bytes of unpacked trees that are kept for whoever reads them next.
    pub cache_bytes: u64,
    /// How long a caller waits for a fetch before it is told to ask again.
    pub answer_within: Duration,
    /// Where addresses of repositories may lead.
    pub reach: Reach,
    /// A file of certificates of authorities that repositories' servers are trusted by, beside the system's.
    pub authorities: Option<PathBuf>,
}

impl Options {
    /// As on a developer's machine.
    pub fn new(data: &Path, path: &str, objects: Arc<dyn Objects>, clock: Arc<dyn Clock>) -> Self {
        Self {
            data: data.to_owned(),
            path: path.to_owned(),
            objects,
            clock,
            folders: true,
            limits: Limits::default(),
            patience: Duration::from_mins(5),
            fetches: 4,
            uploads: 8,
            cache_bytes: 4 << 30,
            answer_within: Duration::from_secs(15),
            reach: Reach::default(),
            authorities: None,
        }
    }
}

/// Sources on one machine.
#[derive(Clone)]
pub struct MachineSource {
    inner: Arc<Inner>,
}

struct Inner {
    data: PathBuf,
    /// Where fetches are under way.
    work: PathBuf,
    path: String,
    folders: bool,
    limits: Limits,
    patience: Duration,
    reach: Reach,
    authorities: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    keep: Keep,
    cache: Cache,
    fetches: Jobs<(TenantId, String), Archived>,
    unpacking: Jobs<Digest, Option<Checkout>>,
    uploads: Semaphore,
}

impl MachineSource {
    /// Opens the folder and removes what a predecessor left half done in it.
    pub fn open(options: Options) -> Result<Self, PortError> {
        let sources = options.data.join("sources");
        files::folder(&sources)?;
        let data = options.data.canonicalize().map_err(|e| files::failed("look at", &options.data, &e))?;
        let sources = data.join("sources");
        // Trees of an earlier layout, too.
        for (_, old) in files::subfolders(&sources) {
            files::remove_folder(&old)?;
        }
        let work = sources.join("work");
        files::folder(&work)?;
        let inner = Inner {
            cache: Cache::open(sources.join("trees"), options.limits, options.cache_bytes)?,
            data,
            work,
            path: options.path,
            folders: options.folders,
            limits: options.limits,
            patience: options.patience,
            reach: options.reach,
            authorities: options.authorities,
            clock: options.clock,
            keep: Keep::new(options.objects),
            fetches: Jobs::new(options.fetches, options.answer_within, FETCHING),
            unpacking: Jobs::new(options.fetches, options.answer_within, UNPACKING),
            uploads: Semaphore::new(options.uploads.max(1)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// A folder of work; it goes with whoever gives up.
struct Work(PathBuf);

impl Work {
    async fn end(self) {
        let path = self.0.clone();
        files::blocking(move || files::remove_folder(&path)).await.unwrap_or_else(not_removed);
    }
}

fn not_removed(error: PortError) {
    tracing::warn!(%error, "what was fetched half could not be removed; it goes with the next start");
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.0.exists() {
            return;
        }
        let path = self.0.clone();
        let remove = move || files::remove_folder(&path).unwrap_or_else(not_removed);
        // It may be a large tree, and this may be an async thread.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl Inner {
    fn work(&self) -> Result<Work, PortError> {
        let work = Work(self.work.join(format!("{:032x}", OsRandom.bits())));
        files::folder(&work.0)?;
        Ok(work)
    }

    /// Folders, and repositories given by a path.
    fn local(&self, path: &str) -> Result<PathBuf, PortError> {
        if !self.folders {
            return Err(PortError::Permanent(format!(
                "`{path}` is a path of the server's own disk, which is no source here; run `sextant deploy` where \
                 the folder is, or give the repository's https address"
            )));
        }
        folder::checked(path, &self.data)
    }

    /// Fetches, packs and keeps.
    async fn fetch(
        &self,
        tenant: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Archived, PortError> {
        let work = self.work()?;
        let result = self.fetch_in(&work, tenant, source, key, token).await;
        work.end().await;
        result
    }

    async fn fetch_in(
        &self,
        work: &Work,
        tenant: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Archived, PortError> {
        let packed = work.0.join("archive");
        let (manifest, staged) = match source {
            SourceRef::Folder { path } => {
                let from = self.local(path)?;
                folder::pack(from, packed, self.limits, self.path.clone(), None).await?
            }
            SourceRef::Git { url, branch, commit } => {
                let wanted = wanted::Wanted::parse(url, branch.as_deref(), commit.as_deref(), token)?;
                if wanted.local {
                    self.local(url)?;
                }
                let repository = work.0.join("repository");
                let git = git::Git {
                    path: &self.path,
                    patience: self.patience,
                    limits: self.limits,
                    reach: &self.reach,
                    authorities: self.authorities.as_deref(),
                };
                let origin = git.fetch(&wanted, &repository).await?;
                folder::pack(repository, packed, self.limits, self.path.clone(), Some(origin)).await?
            }
            SourceRef::Archive { digest, origin, .. } => {
                return self.claim(tenant, key, digest, origin).await;
            }
        };
        let (since, data) = (self.clock.now(), file(&staged.0).await?);
        self.keep.put(tenant, key, &manifest, since, data).await
    }

    /// Writes it down, checks it whole, and keeps it.
    async fn receive(&self, work: &Work, tenant: &TenantId, upload: Upload) -> Result<Manifest, PortError> {
        let Upload { key, digest, tracked, data } = upload;
        let staged = Staged(work.0.join("archive"));
        write(&staged.0, data, self.limits.packed_bytes).await?;
        let (path, limits) = (staged.0.clone(), self.limits);
        let contents = files::blocking(move || {
            let file = std::fs::File::open(&path).map_err(|e| files::failed("read", &path, &e))?;
            Ok(archive::check(file, limits, tracked)?)
        })
        .await?;
        if contents.digest != digest {
            let (wanted, found) = (digest.to_string(), contents.digest.to_string());
            return Err(archive::Error::OtherDigest { wanted, found }.into());
        }
        let manifest = contents.manifest(Origin::default());
        let data = file(&staged.0).await?;
        self.keep.put(tenant, &key, &manifest, self.clock.now(), data).await?;
        Ok(manifest)
    }

    /// One more claim on what was uploaded.
    async fn claim(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &Digest,
        origin: &Origin,
    ) -> Result<Archived, PortError> {
        let known = self.keep.known(tenant, digest).await?.ok_or_else(|| gone(digest))?;
        let manifest = Manifest { origin: origin.clone(), ..known };
        let claimed = self.keep.again(tenant, key, &manifest, self.clock.now()).await?;
        claimed.ok_or_else(|| gone(digest))
    }
}

/// A file as a stream.
async fn file(path: &Path) -> Result<Stream, PortError> {
    use tokio::io::AsyncReadExt as _;
    let broken = {
        let path = path.to_owned();
        move |error: std::io::Error| files::failed("read", &path, &error)
    };
    let file = tokio::fs::File::open(path).await.map_err(&broken)?;
    let pieces = stream::try_unfold(file, move |mut file| {
        let broken = broken.clone();
        async move {
            let mut piece = Vec::with_capacity(256 * 1024);
            let read = file.read_buf(&mut piece).await.map_err(broken)?;
            Ok((read > 0).then(|| (piece.into(), file)))
        }
    });
    Ok(pieces.boxed())
}

impl MachineSource {
    /// The oldest of too many uploads go.
    async fn make_room(&self, tenant: &TenantId, key: &str, newest: &Digest) -> Result<(), PortError> {
        if is_upload(key) {
            for claim in self.inner.keep.surplus(tenant, key, MOST_UPLOADS, newest).await? {
                self.forget(&claim).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for MachineSource {
    async fn check(&self, source: &SourceRef) -> Result<(), PortError> {
        match source {
            SourceRef::Folder { path } => self.inner.local(path).map(drop),
            SourceRef::Git { url, .. } if url.starts_with('/') => self.inner.local(url).map(drop),
            SourceRef::Git { .. } | SourceRef::Archive { .. } => Ok(()),
        }
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Fetched, PortError> {
        check_key(key)?;
        let job = (tenant.clone(), key.to_owned());
        if !self.inner.fetches.knows(&job)
            && let Some(archived) = self.inner.keep.claimed(tenant, key).await?
        {
            return Ok(Fetched::Archived(archived));
        }
        if let SourceRef::Archive { digest, origin, .. } = source {
            return Ok(Fetched::Archived(self.inner.claim(tenant, key, digest, origin).await?));
        }
        // It goes on when its caller's time is up, for as long as its own bounds allow: the repeat finds the archive
        // instead of beginning anew, each time.
        let (inner, source) = (Arc::clone(&self.inner), source.clone());
        let (of, under, token) = (tenant.clone(), key.to_owned(), token.map(str::to_owned));
        let work = async move { inner.fetch(&of, &source, &under, token.as_deref()).await };
        Ok(match self.inner.fetches.run(job, work).await? {
            Stand::Ended(archived) => Fetched::Archived(archived),
            Stand::Waits { reason } => Fetched::Waits { reason },
        })
    }

    async fn open(&self, archived: &Archived) -> Result<Opened, PortError> {
        let digest = archived.manifest.digest.clone();
        if let Some(tree) = self.inner.cache.hold(&digest) {
            return Ok(Opened::Tree(tree));
        }
        let (inner, wanted) = (Arc::clone(&self.inner), archived.clone());
        let work = async move { inner.cache.tree(&wanted.manifest.digest, inner.keep.read(&wanted)).await };
        Ok(match self.inner.unpacking.run(digest, work).await? {
            Stand::Ended(Some(tree)) => Opened::Tree(tree),
            Stand::Ended(None) => Opened::Gone,
            Stand::Waits { reason } => Opened::Waits { reason },
        })
    }

    async fn receive(&self, tenant: &TenantId, upload: Upload) -> Result<Manifest, PortError> {
        let inner = &self.inner;
        check_key(&upload.key)?;
        let _one = inner.uploads.try_acquire().map_err(|_| {
            PortError::Transient(
                "as many archives as at once are being uploaded; repeat this in a minute".to_owned(),
            )
        })?;
        let (work, key, digest) = (inner.work()?, upload.key.clone(), upload.digest.clone());
        let result = inner.receive(&work, tenant, upload).await;
        work.end().await;
        self.make_room(tenant, &key, &digest).await?;
        result
    }

    async fn keep(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &Digest,
    ) -> Result<Option<Manifest>, PortError> {
        check_key(key)?;
        let (keep, now) = (&self.inner.keep, self.inner.clock.now());
        let Some(known) = keep.known(tenant, digest).await? else { return Ok(None) };
        // What was said of it by whoever deployed it is theirs.
        let manifest = Manifest { origin: Origin::default(), ..known };
        let kept = keep.again(tenant, key, &manifest, now).await?;
        self.make_room(tenant, key, digest).await?;
        Ok(kept.map(|archived| archived.manifest))
    }

    async fn release(&self, tenant: &TenantId, key: &str) -> Result<(), PortError> {
        check_key(key)?;
        self.inner.fetches.end(&(tenant.clone(), key.to_owned()));
        for digest in self.inner.keep.digests_of(tenant, key).await? {
            self.forget(&Claim {
                tenant: tenant.clone(),
                key: key.to_owned(),
                digest,
                since: self.inner.clock.now(),
            })
            .await?;
        }
        Ok(())
    }

    async fn forget(&self, claim: &Claim) -> Result<(), PortError> {
        match self.inner.keep.release(&claim.tenant, &claim.key, &claim.digest, claim.since).await? {
            Some(digest) => self.inner.cache.remove(&digest).await,
            None => Ok(()),
        }
    }

    async fn claims(&self, after: Option<&Claim>, limit: usize) -> Result<Vec<Claim>, PortError> {
        self.inner.keep.claims(after, limit).await
    }
}

#[cfg(test)]
mod tests;
