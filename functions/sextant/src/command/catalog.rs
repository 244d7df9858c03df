//! `sextant catalog`: every function with what starts it and what it needs, and the pages that follow from that.

use super::output::{Output, table};
use crate::{failure::Ended, functions};
use anyhow::Result;
use clap::Args;
use host::{Function, derived};
use serde_json::json;

/// In which form the catalog is printed.
#[derive(Args)]
pub struct Catalog {
    /// Print the page `functions/console/docs/routes.md`.
    #[arg(long)]
    pub markdown: bool,
    /// Print the page `functions/console/docs/errors.md`.
    #[arg(long, conflicts_with = "markdown")]
    pub errors: bool,
}

impl Catalog {
    /// Shows it; `--json` is what `infra/catalog.json` holds.
    #[expect(clippy::unnecessary_wraps, reason = "commands are alike")]
    pub fn run(self, output: Output) -> Result<Ended> {
        let all = functions::all();
        let page = match self {
            Self { markdown: true, .. } => derived::routes(&all),
            Self { errors: true, .. } => derived::errors(&all),
            _ => {
                output.data(&host::catalog::json(&all), || functions_and_triggers(&all));
                return Ok(Ended::Done);
            }
        };
        output.data(&json!({ "markdown": page }), || page.trim_end().to_owned());
        Ok(Ended::Done)
    }
}

fn functions_and_triggers(all: &[Function]) -> String {
    let mut table = table(&["FUNCTION", "STARTED BY", "DOES"]);
    for function in all {
        let routes = function.routes.iter().map(|r| format!("{} {}", r.method.as_str(), r.path));
        let topics = function.topics.iter().map(|t| match t.kinds {
            [] => format!("topic {}", t.topic),
            kinds => format!("topic {}: {}", t.topic, kinds.join(", ")),
        });
        let schedules = function.schedules.iter().map(|s| format!("schedule {} ({})", s.cron, s.name));
        let starts: Vec<String> = routes.chain(topics).chain(schedules).collect();
        table.add_row([function.name.to_owned(), starts.join("\n"), function.summary.to_owned()]);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_declared_twice() {
        assert_eq!(host::catalog::defects(&functions::all()), Vec::<String>::new());
        assert_eq!(host::openapi::collisions(&functions::all()), Vec::<String>::new());
    }
}
