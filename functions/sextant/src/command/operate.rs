//! What is done to a service as a whole: asked for, and waited for until it is known what became of it.

use super::{
    client::{Api, encoded},
    output::Output,
    view::Service,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// How long one look may wait for the end.
const WAIT_MS: u32 = 8_000;
/// So many looks, ten minutes, are waited for.
const LOOKS: u32 = 75;

/// Of which service, and whether its end is waited for.
#[derive(Args)]
pub struct Operate {
    /// The service's name.
    pub service: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only ask for it; don't wait until it is done.
    #[arg(long)]
    pub no_wait: bool,
}

impl Operate {
    /// Asks for an action, in view of what serves now, and waits until it is over.
    pub async fn run(self, api: &Api, action: &str, output: Output) -> Result<Ended> {
        let service = look(api, &self.service).await?;
        self.carry_out(api, action, &service, output).await
    }

    /// The same, of a service that was looked at before.
    pub async fn carry_out(
        self,
        api: &Api,
        action: &str,
        service: &Service,
        output: Output,
    ) -> Result<Ended> {
        let path = format!("/api/v1/services/{}/actions", encoded(&self.service));
        let serving = service.serving.as_ref().map(|kept| kept.deployment_id.clone());
        let body = json!({ "action": action, "reason": self.reason, "serving": serving });
        let asked: Value = api.post(&path, &body).await?;
        if self.no_wait {
            output.data(&asked, || asked["message"].as_str().unwrap_or_default().to_owned());
            return Ok(Ended::Done);
        }
        let id = asked["action_id"].as_str().unwrap_or_default();
        for _ in 0..LOOKS {
            let look: Value = api.get(&format!("{path}/{}?wait_ms={WAIT_MS}", encoded(id))).await?;
            if look["ended"] == true {
                output.data(&look, || look["message"].as_str().unwrap_or_default().to_owned());
                return Ok(if look["done"] == true { Ended::Done } else { Ended::Failed });
            }
            output.note("Still under way …");
        }
        output.note(&format!(
            "`{id}` is still under way after ten minutes. Its message may have been given up on: `sextant dead-letters` \
             shows that; ask again, or look at the server's log."
        ));
        Ok(Ended::Failed)
    }
}

/// The service as it is now.
pub async fn look(api: &Api, name: &str) -> Result<Service> {
    api.get(&format!("/api/v1/services/{}", encoded(name))).await
}
