//! Whether a person agrees to what can't be undone: `--yes` says so in advance; where nobody can be asked, nothing is
//! done.

use crate::failure::Stop;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Whether somebody can be asked.
pub fn attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, unless `yes` has answered. A no is an error that says that nothing was done.
pub fn agreed(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !attended() {
        return Err(Stop::Usage(format!("{question} Nothing was done; repeat this with --yes if so.")).into());
    }
    let mut screen = io::stderr().lock();
    write!(screen, "{question} [y/N] ").and_then(|()| screen.flush()).context("nobody could be asked")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("the answer can't be read")?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Stop::Usage("Nothing was done.".to_owned()).into())
}

/// Sends a request that may drop variables: if the server says that it would, and a person agrees, once more.
pub async fn unless_dropping<F>(yes: bool, send: impl Fn(bool) -> F) -> Result<Value>
where
    F: Future<Output = Result<Value>>,
{
    let refused = match send(yes).await {
        Err(error) if !yes && attended() => error,
        result => return result,
    };
    let Some(names) = dropped(&refused) else { return Err(refused) };
    agreed(&format!("It would run without {names}, which what serves has. Go on?"), false)?;
    send(true).await
}

/// The variables that a refusal is about.
fn dropped(error: &anyhow::Error) -> Option<String> {
    let Stop::Refused(problem) = error.downcast_ref::<Stop>()? else { return None };
    problem["type"].as_str().filter(|kind| kind.ends_with("drops-variables"))?;
    let names: Vec<&str> = problem["variables"].as_array()?.iter().filter_map(Value::as_str).collect();
    Some(names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_refusal_about_variables_is_asked_about() {
        let refused = |kind: &str| Stop::Refused(json!({"type": kind, "variables": ["A", "B"]})).into();
        assert_eq!(dropped(&refused("/errors#drops-variables")).as_deref(), Some("A, B"));
        assert_eq!(dropped(&refused("/errors#moved-on")), None);
        assert_eq!(dropped(&anyhow::anyhow!("x")), None);
    }

    #[test]
    fn where_nobody_can_be_asked_nothing_is_done_unless_it_was_said_before() {
        assert!(agreed("All of it?", true).is_ok());
        if !attended() {
            let error = agreed("All of it?", false).unwrap_err().to_string();
            assert!(error.contains("All of it?") && error.contains("--yes"), "{error}");
        }
    }
}
