//! `sextant logs ID|SERVICE`: the build log, also as it grows, or what the app itself writes.

use super::{client::Api, output::Output, sse::Events, status::resolve, view::Line};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::Value;

/// Of what.
#[derive(Args)]
pub struct Logs {
    /// A deployment's id, or a service's name.
    pub what: String,
    /// Go on until the deployment is at rest.
    #[arg(long, short)]
    pub follow: bool,
    /// What the app writes, instead of the build.
    #[arg(long, conflicts_with = "follow")]
    pub runtime: bool,
    /// How many lines of what the app writes.
    #[arg(long, default_value_t = 200)]
    pub lines: u32,
}

impl Logs {
    /// Shows them.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let id = resolve(api, &self.what).await?;
        if self.follow {
            return follow(api, &id, output).await;
        }
        let path = if self.runtime {
            format!("/api/v1/deployments/{id}/runtime-logs?lines={}", self.lines)
        } else {
            format!("/api/v1/deployments/{id}/logs")
        };
        if self.runtime || output.is_json() {
            let value: Value = api.get(&path).await?;
            output.data(&value, || joined(&value["lines"]));
        } else {
            output.text(&api.text(&format!("{path}?format=text")).await?);
        }
        Ok(Ended::Done)
    }
}

async fn follow(api: &Api, id: &str, output: Output) -> Result<Ended> {
    let mut events = Events::new(api, format!("/api/v1/deployments/{id}/events"));
    loop {
        let event = events.next().await?;
        match event.kind.as_str() {
            "log" if output.is_json() => output.text(&event.data),
            "log" => {
                let line: Line = serde_json::from_str(&event.data).unwrap_or_default();
                if line.stream != "end" {
                    output.text(&line.text);
                }
            }
            "done" => return Ok(Ended::Done),
            _ => {}
        }
    }
}

/// Lines that are texts, or objects with a text.
fn joined(lines: &Value) -> String {
    let text = |line: &Value| line.as_str().or(line["text"].as_str()).unwrap_or_default().to_owned();
    lines.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join("\n")
}
