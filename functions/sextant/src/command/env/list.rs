//! `sextant env list`: names, values where they may be shown, and versions.

use super::{Shown, Whose};
use crate::{
    command::{
        client::Api,
        list::moment,
        output::{Output, table},
    },
    failure::Ended,
};
use anyhow::Result;
use clap::Args;
use model::text::visible;

/// Of which service.
#[derive(Args)]
pub struct List {
    /// The service.
    #[command(flatten)]
    pub whose: Whose,
}

impl List {
    /// Lists them.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let (shown, value) = self.whose.read(api).await?;
        output.data(&value, || text(&shown));
        Ok(Ended::Done)
    }
}

fn text(shown: &Shown) -> String {
    if shown.variables.is_empty() {
        return format!("`{}` has no variables. Set some with `sextant env set NAME=VALUE`.", shown.service);
    }
    let mut table = table(&["NAME", "VALUE", "VERSION"]);
    for one in &shown.variables {
        let value = one.value.as_deref().map_or_else(|| "(secret)".into(), visible);
        table.add_row([one.name.clone(), value.into_owned(), one.version.to_string()]);
    }
    let who = shown.updated_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let when = shown.updated_at.as_deref().map(|at| format!(", {}{who}", moment(at))).unwrap_or_default();
    let behind = match shown.serving_version {
        Some(serving) if serving != shown.version => format!("; what serves runs with version {serving}"),
        _ => String::new(),
    };
    format!("{}\nVersion {}{when}{behind}.", table.trim_fmt(), shown.version)
}
