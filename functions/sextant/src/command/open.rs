//! `sextant open [ID]`: a fresh link that signs a browser in, any time, and the browser with it.

use super::{client::Api, output::Output};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// What to open.
#[derive(Args)]
pub struct Open {
    /// A deployment or a service; the overview unless given.
    pub what: Option<String>,
    /// Print the link only; it works once, within five minutes.
    #[arg(long)]
    pub print: bool,
}

impl Open {
    /// Asks the server for a link, and opens it.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let to = page(self.what.as_deref())?;
        let answer: Value = api.post("/local/v1/sign-in-link", &json!({ "to": to })).await?;
        let link = answer["link"].as_str().unwrap_or_default();
        output.data(&answer, || link.to_owned());
        if !self.print && !output.is_json() {
            browser(link, output);
        }
        Ok(Ended::Done)
    }
}

/// The page of a deployment or a service.
fn page(what: Option<&str>) -> Result<String, Stop> {
    let Some(what) = what else { return Ok("/".to_owned()) };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if what.is_empty() || !what.chars().all(plain) {
        return Err(Stop::Usage(format!(
            "`{what}` is neither a deployment's id nor a service's name; `sextant list` shows both."
        )));
    }
    let kind = if what.starts_with("dep_") { "deployments" } else { "services" };
    Ok(format!("/{kind}/{what}"))
}

/// Opens the link in the browser of this desktop, if there is one. What the browser writes is nobody's concern.
pub fn browser(link: &str, output: Output) {
    let opened = Command::new("xdg-open").arg(link).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if opened.is_err() {
        output.note(
            "No browser could be opened here; follow the link above. It works once, within five minutes.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_has_a_page() {
        assert_eq!(page(None).unwrap(), "/");
        assert_eq!(page(Some("dep_1")).unwrap(), "/deployments/dep_1");
        assert_eq!(page(Some("shop")).unwrap(), "/services/shop");
        assert!(page(Some("../x")).is_err());
    }
}
