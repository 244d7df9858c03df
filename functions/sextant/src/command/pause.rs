//! `sextant pause ID|SERVICE`: holds a canary where it is.

use super::{
    cancel::{command, look},
    client::Api,
    output::Output,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Which deployment stays at its weight.
#[derive(Args)]
pub struct Pause {
    /// A deployment's id, or a service's name.
    pub what: String,
}

impl Pause {
    /// Holds it; `sextant promote` lets it go on.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        command(api, &deployment, "pause", &json!({ "seq": deployment.seq }), "", true, output).await
    }
}
