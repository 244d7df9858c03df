//! `sextant let-go ID|SERVICE`: gives up a way back that keeps failing.

use super::{
    cancel::{command, look},
    client::Api,
    output::Output,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Which deployment's way back is given up.
#[derive(Args)]
pub struct LetGo {
    /// A deployment's id, or a service's name.
    pub what: String,
}

impl LetGo {
    /// Whatever serves goes on serving.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        command(api, &deployment, "let-go", &json!({ "seq": deployment.seq }), "", true, output).await
    }
}
