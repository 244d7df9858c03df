//! `sextant catalog`: every function with what starts it and what it needs.

use super::output::{Output, table};
use crate::{failure::Ended, functions};
use anyhow::Result;

/// Shows it; `--json` is what `infra/catalog.json` holds.
#[expect(clippy::unnecessary_wraps, reason = "commands are alike")]
pub fn run(output: Output) -> Result<Ended> {
    let all = functions::all();
    output.data(&host::catalog::json(&all), || {
        let mut table = table(&["FUNCTION", "STARTED BY", "DOES"]);
        for function in &all {
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
    });
    Ok(Ended::Done)
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
