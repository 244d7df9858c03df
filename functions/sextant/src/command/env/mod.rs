//! `sextant env …`: the variables of a service, shown and changed; each change makes a new revision.

mod change;
mod export;
mod import;
mod kind;
mod list;

use super::{client::Api, client::encoded, output::Output};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;

/// The variables of a service.
#[derive(Args)]
pub struct Env {
    /// What to do with them.
    #[command(subcommand)]
    pub what: What,
}

/// What to do with them.
#[derive(Subcommand)]
pub enum What {
    /// List them; values of secrets are never shown.
    List(list::List),
    /// Set some: NAME=VALUE. What looks like a secret is sealed.
    Set(change::Set),
    /// Remove some by name.
    Unset(change::Unset),
    /// Take them from a file such as .env.
    Import(import::Import),
    /// Write them as such a file, without the values of secrets.
    Export(export::Export),
}

impl Env {
    /// Does it.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        match self.what {
            What::List(list) => list.run(api, output).await,
            What::Set(set) => set.run(api, output).await,
            What::Unset(unset) => unset.run(api, output).await,
            What::Import(import) => import.run(api, output).await,
            What::Export(export) => export.run(api, output).await,
        }
    }
}

/// Of which service.
#[derive(Args)]
pub struct Whose {
    /// The service; derived from this folder's name if absent, as `sextant deploy` does.
    #[arg(long)]
    pub service: Option<String>,
}

impl Whose {
    /// The service's name.
    fn name(&self) -> Result<String> {
        if let Some(name) = &self.service {
            return Ok(name.clone());
        }
        let here = std::env::current_dir().ok();
        let folder = here.as_deref().and_then(|here| here.file_name()).map(|name| name.to_string_lossy());
        folder.and_then(|folder| ::inspect::names::suggested_service_name(&folder)).ok_or_else(|| {
            Stop::Usage("no name of a service can be derived from this folder; name it with --service".into())
                .into()
        })
    }

    /// Where its variables are.
    fn path(&self) -> Result<String> {
        Ok(format!("/api/v1/services/{}/variables", encoded(&self.name()?)))
    }

    /// Its variables, and as JSON.
    async fn read(&self, api: &Api) -> Result<(Shown, Value)> {
        let value: Value = api.get(&self.path()?).await?;
        Ok((serde_json::from_value(value.clone()).unwrap_or_default(), value))
    }
}

/// The variables of a service, as the API shows them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    service: String,
    version: u64,
    serving_version: Option<u64>,
    updated_at: Option<String>,
    updated_by: Option<String>,
    variables: Vec<Variable>,
}

/// One of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    secret: bool,
    value: Option<String>,
    version: u64,
}
