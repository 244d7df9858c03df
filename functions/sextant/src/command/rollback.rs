//! `sextant rollback ID|SERVICE`: traffic back to an earlier revision, without a gate.

use super::{
    cancel::{command, look},
    client::Api,
    output::Output,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// From what, and to where.
#[derive(Args)]
pub struct Rollback {
    /// A deployment's id, or a service's name.
    pub what: String,
    /// A kept revision (`sextant status` lists them); the newest one of another deployment if absent.
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Only ask for it; don't wait until traffic is back.
    #[arg(long)]
    pub no_wait: bool,
}

impl Rollback {
    /// Asks for it, and waits until traffic is back.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        let body = json!({ "seq": deployment.seq, "to": self.to });
        command(api, &deployment, "rollback", &body, "ROLLED_BACK", self.no_wait, output).await
    }
}
