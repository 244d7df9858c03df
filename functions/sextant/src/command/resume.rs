//! `sextant resume ID|SERVICE`: lets a canary that is held go on by the evidence.

use super::{
    cancel::{command, look},
    client::Api,
    output::Output,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Which one.
#[derive(Args)]
pub struct Resume {
    /// A deployment's id, or a service's name.
    pub what: String,
}

impl Resume {
    /// Lets it go on, with the whole time at its weight.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        command(api, &deployment, "resume", &json!({ "seq": deployment.seq }), "", true, output).await
    }
}
