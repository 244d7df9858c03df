//! `sextant redeploy ID|SERVICE`: puts an earlier deployment to work again, without a build; undoes a rollback.

use super::{
    client::Api,
    consent::unless_dropping,
    deploy::{accepted, strategy},
    output::Output,
    status::resolve,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use model::document::Strategy;
use serde_json::json;

/// Which one, and how.
#[derive(Args)]
pub struct Redeploy {
    /// A deployment's id, or a service's name for the one that serves.
    pub what: String,
    /// How traffic gets there; as it did then if absent.
    #[arg(long, value_parser = strategy, value_name = "instant|quick|canary")]
    pub strategy: Option<Strategy>,
    /// Build it again from the same source, also where what it built is kept.
    #[arg(long)]
    pub build: bool,
    /// Go on without asking, also without variables that the deployment that serves has, or that the code needs.
    #[arg(long)]
    pub yes: bool,
    /// Only ask for it; print the new id and go.
    #[arg(long)]
    pub no_wait: bool,
}

impl Redeploy {
    /// Asks for it and, unless told otherwise, follows it.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let id = resolve(api, &self.what).await?;
        let path = format!("/api/v1/deployments/{id}/redeploy");
        let send = |may_drop: bool| {
            let mut body = json!({ "strategy": self.strategy, "build": self.build, "may_drop": may_drop });
            if self.yes {
                body["may_lack"] = true.into();
            }
            let path = &path;
            async move { api.post(path, &body).await }
        };
        let started = unless_dropping(self.yes, send).await?;
        accepted(api, started, self.no_wait, output).await
    }
}
