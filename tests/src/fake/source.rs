//! A source that is fetched already: one small Node app.

use async_trait::async_trait;
use model::port::{
    PortError, Source,
    source::{Checkout, SourceRef},
};
use std::{fs, path::PathBuf};

/// Answers every checkout with the same folder.
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
    async fn checkout(&self, _: &SourceRef, _: &str, _: Option<&str>) -> Result<Checkout, PortError> {
        Ok(Checkout { folder: self.0.clone(), commit: "0123456789abcdef".into(), bytes: 200 })
    }

    async fn remove(&self, _: &str) -> Result<(), PortError> {
        Ok(())
    }
}
