//! `sextant settings`: every setting with its variable, what it takes, and who reads it.

use super::output::{Output, pairs, table};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use host::setting::{TABLE, show};
use serde_json::json;

/// In which form the settings are printed.
#[derive(Args)]
pub struct Settings {
    /// Print the page `functions/console/docs/settings.md`.
    #[arg(long, conflicts_with = "name")]
    pub markdown: bool,
    /// Show all that is known of one: its name, its variable, or its flag without dashes.
    pub name: Option<String>,
}

impl Settings {
    /// Prints every setting with its type, default, place and readers.
    pub fn run(self, output: Output) -> Result<Ended> {
        if self.markdown {
            output.data(&json!({ "markdown": show::markdown() }), || show::markdown().trim_end().to_owned());
            return Ok(Ended::Done);
        }
        if let Some(name) = self.name {
            return one(&name, output);
        }
        output.data(&show::json(), all);
        Ok(Ended::Done)
    }
}

fn all() -> String {
    let mut table = table(&["VARIABLE", "FLAG", "DEFAULT", "PLACE", "READ BY"]);
    for setting in TABLE {
        let flag = if setting.flag.is_empty() { String::new() } else { format!("--{}", setting.flag) };
        table.add_row([
            setting.variable,
            &flag,
            setting.default,
            setting.place.as_str(),
            &setting.readers.join(", "),
        ]);
    }
    table.trim_fmt()
}

fn one(wanted: &str, output: Output) -> Result<Ended> {
    let found = TABLE.iter().position(|setting| {
        [setting.name, setting.variable].contains(&wanted) || (!wanted.is_empty() && setting.flag == wanted)
    });
    let Some(index) = found else {
        let text = format!("there is no setting `{wanted}`; `sextant settings` lists them");
        return Err(crate::failure::Stop::Usage(text).into());
    };
    let setting = &TABLE[index];
    output.data(&show::json()[index], || {
        let rows = [
            ("Variable", setting.variable.to_owned()),
            ("Takes", (setting.takes)()),
            ("Default", setting.default.to_owned()),
            ("Place", setting.place.as_str().to_owned()),
            ("Read by", setting.readers.join(", ")),
        ];
        format!("{}\n\n{}", setting.sentence(), pairs(&rows).trim_end())
    });
    Ok(Ended::Done)
}
