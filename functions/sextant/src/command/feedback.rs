//! `sextant feedback ID|SERVICE`: says how a deployment's configuration fits.

use super::{cancel::look, client::Api, output::Output};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// What somebody says.
#[derive(Args)]
pub struct Feedback {
    /// A decision's or a deployment's id, or a service's name.
    pub what: String,
    /// How the size fits.
    #[arg(long = "type", value_enum)]
    pub kind: Fit,
    /// 1 (no use) to 10 (perfect).
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub satisfaction: u8,
    /// In your words.
    #[arg(long, default_value = "")]
    pub comments: String,
    /// What a month really cost.
    #[arg(long)]
    pub cost: Option<f64>,
    /// In which currency.
    #[arg(long, default_value = "USD")]
    pub currency: String,
}

/// How the size fits.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Fit {
    /// As it should be.
    #[value(name = "perfect-fit", alias = "perfect_fit")]
    Perfect,
    /// Too much of it.
    #[value(name = "over-provisioned", alias = "over_provisioned")]
    Over,
    /// Too little of it.
    #[value(name = "under-provisioned", alias = "under_provisioned")]
    Under,
}

impl Fit {
    fn name(self) -> &'static str {
        match self {
            Self::Perfect => "perfect_fit",
            Self::Over => "over_provisioned",
            Self::Under => "under_provisioned",
        }
    }
}

impl Feedback {
    /// Sends the feedback; the same one sent again replaces the first.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let decision = if self.what.starts_with("dec_") {
            self.what.clone()
        } else {
            let deployment = look(api, &self.what).await?;
            deployment.decision_id.ok_or_else(|| {
                Stop::Usage(format!(
                    "`{}` has no decision yet to say anything about",
                    deployment.deployment_id
                ))
            })?
        };
        let mut body = json!({
            "deployment_metrics": {},
            "user_feedback": { "type": self.kind.name(), "satisfaction": self.satisfaction, "comments": self.comments },
        });
        if let Some(cost) = self.cost {
            body["cost_data"] = json!({ "actual_monthly_cost": cost, "currency": self.currency });
        }
        let value: Value = api.post(&format!("/api/v1/feedback/{decision}"), &body).await?;
        output.data(&value, || {
            format!("Thank you: recorded for {decision}. `sextant status` shows what is learned from it.")
        });
        Ok(Ended::Done)
    }
}
