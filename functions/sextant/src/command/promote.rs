//! `sextant promote ID|SERVICE`: a person vouches for the present weight of a canary.

use super::{
    cancel::{command, look},
    client::Api,
    output::Output,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Which deployment goes to its next weight.
#[derive(Args)]
pub struct Promote {
    /// A deployment's id, or a service's name.
    pub what: String,
    /// Index of the weight that is vouched for, from 0; the present one if absent.
    #[arg(long)]
    pub index: Option<usize>,
}

impl Promote {
    /// Goes on to the next weight.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        let present = deployment.canary.as_ref().map_or(0, |canary| canary.index);
        let body = json!({ "index": self.index.unwrap_or(present), "seq": deployment.seq });
        command(api, &deployment, "promote", &body, "", true, output).await
    }
}
