//! `sextant restore FILE`: makes an empty data folder what was backed up, all of it or nothing.

use super::{backup::Passphrase, output::Output};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The backup that a data folder is made from.
#[derive(Args)]
pub struct Restore {
    /// What `sextant backup` wrote.
    pub file: PathBuf,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

impl Restore {
    /// Restores into the data folder.
    pub fn run(self, data: &Path, output: Output) -> Result<Ended> {
        let passphrase = self.passphrase.read()?;
        let contents = machine::backup::restore(&self.file, &passphrase, data)?;
        let value = json!({ "data": data, "contents": contents });
        output.data(&value, || {
            format!(
                "Restored {} documents, {} messages and {} files into {}. Start it with `sextant up`.",
                contents.documents,
                contents.messages,
                contents.files,
                data.display()
            )
        });
        Ok(Ended::Done)
    }
}
