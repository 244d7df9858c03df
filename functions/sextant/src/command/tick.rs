//! `sextant tick --by 7d`: moves the clock of timers forward, to see what they will do.

use super::{client::Api, output::Output, span};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// How far the clock of timers moves.
#[derive(Args)]
pub struct Tick {
    /// How far: 7d, 36h, 90m, 10s.
    #[arg(long, value_parser = span::parse_ms)]
    pub by: i64,
}

impl Tick {
    /// Moves the server's clock forward and says what it shows then.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let value: Value = api.post("/local/v1/tick", &json!({ "by_ms": self.by })).await?;
        output.data(&value, || {
            let ahead = value["offset_ms"].as_i64().map(span::words).unwrap_or_default();
            format!(
                "Timers now go by {}, {ahead} ahead of real time.",
                value["now"].as_str().unwrap_or_default()
            )
        });
        Ok(Ended::Done)
    }
}
