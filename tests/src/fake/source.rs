//! A source that is fetched already: one small Node app.

use async_trait::async_trait;
use model::{
    TenantId,
    port::{
        PortError, Source,
        source::{Archived, Checkout, Claim, Digest, Fetched, Manifest, Opened, Origin, SourceRef, Upload},
    },
};
use std::{fs, path::PathBuf, sync::Arc};

/// Answers every fetch with the same folder.
pub struct ReadySource(PathBuf);

impl ReadySource {
    /// Writes the app into `folder`.
    pub fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let manifest =
            r#"{"name":"app","scripts":{"start":"node server.js"},"dependencies":{"express":"4"}}"#;
        fs::write(folder.join("package.json"), manifest).unwrap();
        fs::write(folder.join("server.js"), "require('express')().listen(process.env.PORT)\n").unwrap();
        Self(folder)
    }
}

#[async_trait]
impl Source for ReadySource {
    async fn check(&self, _: &SourceRef) -> Result<(), PortError> {
        Ok(())
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        _: &SourceRef,
        _: &str,
        _: Option<&str>,
    ) -> Result<Fetched, PortError> {
        let digest: Digest = "0123456789abcdef".repeat(4).parse().unwrap();
        let key = format!("sources/{tenant}/{digest}");
        let manifest =
            Manifest { digest, packed_bytes: 100, bytes: 200, files: 2, origin: Origin::default() };
        Ok(Fetched::Archived(Archived { key, manifest }))
    }

    async fn open(&self, _: &Archived) -> Result<Opened, PortError> {
        Ok(Opened::Tree(Checkout { folder: self.0.clone(), held: Arc::new(()) }))
    }

    async fn receive(&self, _: &TenantId, _: Upload) -> Result<Manifest, PortError> {
        Err(PortError::Permanent("this source takes no uploads".to_owned()))
    }

    async fn keep(&self, _: &TenantId, _: &str, _: &Digest) -> Result<Option<Manifest>, PortError> {
        Ok(None)
    }

    async fn release(&self, _: &TenantId, _: &str) -> Result<(), PortError> {
        Ok(())
    }

    async fn forget(&self, _: &Claim) -> Result<(), PortError> {
        Ok(())
    }

    async fn claims(&self, _: Option<&Claim>, _: usize) -> Result<Vec<Claim>, PortError> {
        Ok(vec![])
    }
}
