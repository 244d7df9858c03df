//! `sextant cancel ID|SERVICE`: ends a deployment.

use super::{
    client::Api,
    follow::follow,
    output::Output,
    report::report,
    status::resolve,
    view::{Commanded, Deployment},
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// Which deployment is ended, and whether that is waited for.
#[derive(Args)]
pub struct Cancel {
    /// A deployment's id, or a service's name.
    pub what: String,
    /// Only ask for it; don't wait until traffic is back.
    #[arg(long)]
    pub no_wait: bool,
}

impl Cancel {
    /// Asks for it, and waits until the deployment is at rest.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        let body = json!({ "seq": deployment.seq });
        command(api, &deployment, "cancel", &body, "CANCELLED", self.no_wait, output).await
    }
}

/// The deployment as it is now: commands name the version they saw, so that a double click does nothing.
pub async fn look(api: &Api, what: &str) -> Result<Deployment> {
    let id = resolve(api, what).await?;
    api.get(&format!("/api/v1/deployments/{id}")).await
}

/// Gives a command and, unless told otherwise, waits until the deployment is at rest in `wanted`.
pub async fn command(
    api: &Api,
    deployment: &Deployment,
    name: &str,
    body: &Value,
    wanted: &str,
    no_wait: bool,
    output: Output,
) -> Result<Ended> {
    let id = &deployment.deployment_id;
    let value: Value = api.post(&format!("/api/v1/deployments/{id}/{name}"), body).await?;
    let answer: Commanded = serde_json::from_value(value.clone()).unwrap_or_default();
    if no_wait || wanted.is_empty() || !answer.changed {
        output.data(&value, || answer.message.clone());
        return Ok(Ended::Done);
    }
    output.note(&answer.message);
    let (ended, value) = follow(api, id, output).await?;
    let reached = ended.pipeline_status.as_deref() == Some(wanted);
    output.data(&value, || if reached { last_line(&ended) } else { report(&ended) });
    Ok(if reached { Ended::Done } else { Ended::Failed })
}

fn last_line(deployment: &Deployment) -> String {
    let text = deployment.timeline.last().map(|entry| entry.text.clone()).unwrap_or_default();
    format!("{}: {text}", deployment.pipeline_status.clone().unwrap_or_default())
}
