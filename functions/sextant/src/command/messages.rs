//! `sextant messages`: the newest messages, and how far each got with each function.

use super::{
    client::Api,
    list::moment,
    output::{Output, table},
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use model::Timestamp;
use serde_json::Value;

/// How many messages are shown.
#[derive(Args)]
pub struct Messages {
    /// How many, at most 1000.
    #[arg(long, default_value_t = 30)]
    pub limit: u32,
}

impl Messages {
    /// Shows them, newest first.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let value: Value = api.get(&format!("/local/v1/messages?limit={}", self.limit)).await?;
        output.data(&value, || {
            let mut table = table(&["ID", "PUBLISHED", "TYPE", "DATA", "RECEIVERS"]);
            for seen in value["messages"].as_array().into_iter().flatten() {
                table.add_row([
                    plain(&seen["id"]),
                    time(&seen["published_at"]),
                    plain(&seen["message"]["type"]),
                    short(&plain(&seen["message"]["data"])),
                    receivers(&seen["receivers"]),
                ]);
            }
            let since = time(&value["handled_since"]);
            format!(
                "{}\n{} not yet handled; of those that were, the ones since the server's start ({since}) are shown",
                table.trim_fmt(),
                value["pending"]
            )
        });
        Ok(Ended::Done)
    }
}

/// A text without its quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Milliseconds as a time.
pub fn time(value: &Value) -> String {
    value.as_i64().map(|ms| moment(&Timestamp(ms).rfc3339())).unwrap_or_default()
}

/// At most 70 characters.
pub fn short(text: &str) -> String {
    if text.chars().count() <= 70 { text.to_owned() } else { text.chars().take(69).chain(['…']).collect() }
}

fn receivers(value: &Value) -> String {
    let line = |receiver: &Value| {
        let failed = receiver["failed_attempts"].as_u64().filter(|n| *n > 0);
        let failed = failed.map(|n| format!(", {n} tries failed")).unwrap_or_default();
        format!("{} {}{failed}", plain(&receiver["subscription"]), plain(&receiver["progress"]))
    };
    let lines: Vec<String> = value.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "nobody".to_owned() } else { lines.join("\n") }
}
