//! `sextant list`: deployments, newest first.

use super::{
    client::{Api, encoded},
    output::{Output, table},
    span,
    view::Deployment,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

/// Which deployments are shown.
#[derive(Args)]
pub struct List {
    /// Of this service only.
    #[arg(long)]
    pub service: Option<String>,
    /// In this status only, such as DEPLOYED or failed.
    #[arg(long)]
    pub status: Option<String>,
    /// How many, at most 100.
    #[arg(long, default_value_t = 20)]
    pub limit: u32,
    /// Where the page before this one ended.
    #[arg(long)]
    pub cursor: Option<String>,
}

/// One page of the API's answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    deployments: Vec<Deployment>,
    next_cursor: Option<String>,
}

impl List {
    /// Asks for a page and shows it.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let mut path = format!("/api/v1/deployments?limit={}", self.limit);
        for (name, value) in [("service", &self.service), ("status", &self.status), ("cursor", &self.cursor)]
        {
            if let Some(value) = value {
                path.extend(["&", name, "=", &encoded(value)]);
            }
        }
        let value: Value = api.get(&path).await?;
        let page: Page = serde_json::from_value(value.clone()).unwrap_or_default();
        output.data(&value, || text(&page.deployments));
        if let Some(cursor) = page.next_cursor.filter(|_| !output.is_json()) {
            output.note(&format!("There are more: `sextant list --cursor {cursor}`"));
        }
        Ok(Ended::Done)
    }
}

fn text(deployments: &[Deployment]) -> String {
    if deployments.is_empty() {
        return "No deployments. Deploy something with `sextant deploy PATH`.".to_owned();
    }
    let mut table = table(&["DEPLOYMENT", "SERVICE", "STATUS", "CREATED", "TOOK", "URL"]);
    for deployment in deployments {
        let status = deployment
            .pipeline_status
            .clone()
            .unwrap_or_else(|| format!("by the customer, {}", deployment.status));
        table.add_row([
            deployment.deployment_id.clone(),
            deployment.service.clone(),
            status,
            moment(&deployment.created_at),
            deployment.duration_ms.map(span::words).unwrap_or_default(),
            deployment.url.clone().unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}

/// A time without its fraction of a second.
pub fn moment(text: &str) -> String {
    let (day, rest) = text.split_once('T').unwrap_or((text, ""));
    format!("{day} {}", rest.get(..8).unwrap_or(rest)).trim_end().to_owned()
}
