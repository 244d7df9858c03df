//! Archives and who wants them, as objects: `sources/TENANT/DIGEST` is an archive, and
//! `sources/TENANT/by/KEY.DIGEST` says that KEY wants it and what is in it.
//!
//! Invariant: a claim is written before its archive, so no archive is there that nobody claims; an archive goes with
//! its last claim, and only that.

use crate::target::files;
use bytes::Bytes;
use model::{
    TenantId, Timestamp,
    port::{
        Objects, PortError,
        objects::Stream,
        source::{Archived, Claim, Digest, Manifest},
    },
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

/// Claims are listed in pages of this size.
const PAGE: usize = 1_000;

/// What a claim says.
#[derive(Serialize, Deserialize)]
struct Note {
    since: Timestamp,
    manifest: Manifest,
}

/// The archives and the claims on them, in the objects.
pub(super) struct Keep {
    objects: Arc<dyn Objects>,
    /// One change at a time of what a digest's claims and archive are.
    busy: Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl Keep {
    pub(super) fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects, busy: Mutex::default() }
    }

    fn turn(&self, archive: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock();
        busy.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = busy.get(archive).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        busy.insert(archive.to_owned(), Arc::downgrade(&turn));
        turn
    }

    /// What `key` has claimed, if its archive is there.
    pub(super) async fn claimed(&self, tenant: &TenantId, key: &str) -> Result<Option<Archived>, PortError> {
        for digest in self.digests_of(tenant, key).await? {
            if let Some(archived) = self.find(tenant, key, &digest).await? {
                return Ok(Some(archived));
            }
        }
        Ok(None)
    }

    /// What is known of an archive by this claim, if both are there.
    pub(super) async fn find(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &Digest,
    ) -> Result<Option<Archived>, PortError> {
        let Some(note) = self.objects.get(&claim_key(tenant, key, digest)).await? else { return Ok(None) };
        let archive = archive_key(tenant, digest);
        if !self.is_there(&archive).await? {
            return Ok(None);
        }
        let note: Note = serde_json::from_slice(&note).map_err(|error| {
            PortError::Permanent(format!(
                "what is known of the archive {digest} is damaged ({error}); deploy again"
            ))
        })?;
        Ok(Some(Archived { key: archive, manifest: note.manifest }))
    }

    /// Any claim's manifest of an archive that is there.
    pub(super) async fn known(
        &self,
        tenant: &TenantId,
        digest: &Digest,
    ) -> Result<Option<Manifest>, PortError> {
        for key in self.keys_of(tenant, digest).await? {
            if let Some(archived) = self.find(tenant, &key, digest).await? {
                return Ok(Some(archived.manifest));
            }
        }
        Ok(None)
    }

    async fn is_there(&self, archive: &str) -> Result<bool, PortError> {
        Ok(self.objects.list(archive, None, 1).await?.first().is_some_and(|key| key == archive))
    }

    /// Claims an archive for `key`, and stores it unless it is there.
    pub(super) async fn put(
        &self,
        tenant: &TenantId,
        key: &str,
        manifest: &Manifest,
        since: Timestamp,
        data: Stream,
    ) -> Result<Archived, PortError> {
        let archive = archive_key(tenant, &manifest.digest);
        let turn = self.turn(&archive);
        let _one = turn.lock().await;
        self.claim(tenant, key, manifest, since).await?;
        self.objects.create_from(&archive, data).await?;
        Ok(Archived { key: archive, manifest: manifest.clone() })
    }

    /// One more claim on an archive, from now on; `None` if it isn't there.
    pub(super) async fn again(
        &self,
        tenant: &TenantId,
        key: &str,
        manifest: &Manifest,
        since: Timestamp,
    ) -> Result<Option<Archived>, PortError> {
        let archive = archive_key(tenant, &manifest.digest);
        let turn = self.turn(&archive);
        let _one = turn.lock().await;
        if !self.is_there(&archive).await? {
            return Ok(None);
        }
        self.claim(tenant, key, manifest, since).await?;
        Ok(Some(Archived { key: archive, manifest: manifest.clone() }))
    }

    async fn claim(
        &self,
        tenant: &TenantId,
        key: &str,
        manifest: &Manifest,
        since: Timestamp,
    ) -> Result<(), PortError> {
        let note = Note { since, manifest: manifest.clone() };
        let note = serde_json::to_vec(&note).map_err(|error| PortError::Permanent(error.to_string()))?;
        self.objects.put(&claim_key(tenant, key, &manifest.digest), Bytes::from(note)).await
    }

    /// What `key` has claimed beyond its newest `most`, of which `newest` is one.
    pub(super) async fn surplus(
        &self,
        tenant: &TenantId,
        key: &str,
        most: usize,
        newest: &Digest,
    ) -> Result<Vec<Claim>, PortError> {
        let digests = self.digests_of(tenant, key).await?;
        if digests.len() <= most {
            return Ok(vec![]);
        }
        let mut claims = vec![];
        for digest in digests {
            let Some(note) = self.objects.get(&claim_key(tenant, key, &digest)).await? else { continue };
            let since = since(&note);
            claims.push(Claim { tenant: tenant.clone(), key: key.to_owned(), digest, since });
        }
        claims.sort_by_key(|claim| std::cmp::Reverse((claim.digest == *newest, claim.since)));
        Ok(claims.split_off(most.min(claims.len())))
    }

    /// An archive's bytes.
    pub(super) async fn read(&self, archived: &Archived) -> Result<Option<Stream>, PortError> {
        self.objects.read(&archived.key).await
    }

    /// Ends a claim, unless it was renewed after what is known of it; answers the archive's digest if it went with it.
    pub(super) async fn release(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &Digest,
        known: Timestamp,
    ) -> Result<Option<Digest>, PortError> {
        let archive = archive_key(tenant, digest);
        let turn = self.turn(&archive);
        let _one = turn.lock().await;
        let note = self.objects.get(&claim_key(tenant, key, digest)).await?;
        if note.is_some_and(|note| since(&note) > known) {
            return Ok(None);
        }
        let others = self.keys_of(tenant, digest).await?;
        let last = others.iter().all(|other| other == key);
        if last {
            // First the archive: a claim without one is found and ended again, an archive without one is not.
            self.objects.delete(&archive).await?;
        }
        self.objects.delete(&claim_key(tenant, key, digest)).await?;
        Ok(last.then(|| digest.clone()))
    }

    /// Which archives a key has claimed: one, or several where a source changed between two tries.
    pub(super) async fn digests_of(&self, tenant: &TenantId, key: &str) -> Result<Vec<Digest>, PortError> {
        let found = self.objects.list(&format!("{}{key}.", folder(tenant)), None, PAGE).await?;
        Ok(found.iter().filter_map(|key| parse(key)).map(|(_, _, digest)| digest).collect())
    }

    async fn keys_of(&self, tenant: &TenantId, wanted: &Digest) -> Result<Vec<String>, PortError> {
        let (mut keys, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.objects.list(&folder(tenant), after.as_deref(), PAGE).await?;
            let claims = page.iter().filter_map(|key| parse(key));
            keys.extend(claims.filter(|(_, _, digest)| digest == wanted).map(|(_, key, _)| key));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(keys),
            }
        }
    }

    /// Claims after that one, of every tenant.
    pub(super) async fn claims(&self, after: Option<&Claim>, limit: usize) -> Result<Vec<Claim>, PortError> {
        let mut after = after.map(|claim| claim_key(&claim.tenant, &claim.key, &claim.digest));
        let mut claims = Vec::new();
        while claims.len() < limit {
            let page = self.objects.list("sources/", after.as_deref(), PAGE).await?;
            for object in &page {
                let Some((tenant, key, digest)) = parse(object).filter(|_| claims.len() < limit) else {
                    continue;
                };
                let Some(note) = self.objects.get(object).await? else { continue };
                claims.push(Claim { tenant, key, digest, since: since(&note) });
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => break,
            }
        }
        Ok(claims)
    }
}

/// Since when a claim holds; one that can't be read is as old as can be.
fn since(note: &[u8]) -> Timestamp {
    serde_json::from_slice::<Note>(note).map_or(Timestamp(0), |note| note.since)
}

/// What it means that an archive that was named is not there.
pub(super) fn gone(digest: &Digest) -> PortError {
    PortError::Permanent(format!(
        "there is no archive {digest} (any more): archives that nobody deploys are kept for a day; upload it again"
    ))
}

fn folder(tenant: &TenantId) -> String {
    format!("sources/{tenant}/by/")
}

fn archive_key(tenant: &TenantId, digest: &Digest) -> String {
    format!("sources/{tenant}/{digest}")
}

fn claim_key(tenant: &TenantId, key: &str, digest: &Digest) -> String {
    format!("{}{key}.{digest}", folder(tenant))
}

/// The parts of a claim's key.
fn parse(object: &str) -> Option<(TenantId, String, Digest)> {
    let mut parts = object.strip_prefix("sources/")?.split('/');
    let (tenant, by, name) = (parts.next()?, parts.next()?, parts.next()?);
    let (key, digest) = name.rsplit_once('.')?;
    (by == "by").then(|| Some((TenantId::new(tenant).ok()?, key.to_owned(), digest.parse().ok()?)))?
}

/// Keys name objects and folders.
pub(super) fn check_key(key: &str) -> Result<(), PortError> {
    files::check_name("fetch", key)?;
    if key.contains('.') {
        return Err(PortError::Permanent(format!(
            "`{key}` can't be the name of a fetch: it has a dot in it"
        )));
    }
    Ok(())
}
