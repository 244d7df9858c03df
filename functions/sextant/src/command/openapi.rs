//! `sextant openapi`: the API's document, as the server answers it at `/openapi.json`.

use super::output::Output;
use crate::{failure::Ended, local};
use anyhow::Result;

/// Prints the API's document as JSON.
#[expect(clippy::unnecessary_wraps, reason = "commands are alike")]
pub fn run(output: Output) -> Result<Ended> {
    output.json(&local::openapi());
    Ok(Ended::Done)
}
