//! `sextant dead-letters [replay ID|all]`: messages that a function didn't take however often, and their second chance.

use super::{
    client::{Api, encoded},
    messages::{plain, short, time},
    output::{Output, table},
};
use crate::failure::Ended;
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What about them.
#[derive(Args)]
pub struct DeadLetters {
    /// Shows them if absent.
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do with them.
#[derive(Subcommand)]
pub enum Action {
    /// Deliver one again, or all.
    Replay {
        /// Its id, or `all`.
        id: String,
    },
}

impl DeadLetters {
    /// Shows or replays.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        if let Some(Action::Replay { id }) = self.action {
            let path = format!("/local/v1/dead-letters/{}/replay", encoded(&id));
            let value: Value = api.post(&path, &json!({})).await?;
            output.data(&value, || {
                format!(
                    "Delivering {} again; `sextant messages` shows what becomes of it.",
                    value["replayed"]
                )
            });
            return Ok(Ended::Done);
        }
        let value: Value = api.get("/local/v1/dead-letters?limit=1000").await?;
        output.data(&value, || text(&value["dead_letters"]));
        Ok(Ended::Done)
    }
}

fn text(letters: &Value) -> String {
    let letters = letters.as_array().map(Vec::as_slice).unwrap_or_default();
    if letters.is_empty() {
        return "No dead letters.".to_owned();
    }
    let mut table = table(&["ID", "GIVEN UP", "TYPE", "TRIES", "WHY", "DATA"]);
    for letter in letters {
        table.add_row([
            plain(&letter["id"]),
            time(&letter["given_up_at"]),
            plain(&letter["message"]["type"]),
            plain(&letter["attempts"]),
            short(&plain(&letter["reason"])),
            short(&plain(&letter["message"]["data"])),
        ]);
    }
    format!("{}\nDeliver one again with `sextant dead-letters replay ID`.", table.trim_fmt())
}
