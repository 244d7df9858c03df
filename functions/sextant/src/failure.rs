//! How a command ends: exit codes, and the errors that have one of their own.
//!
//! Invariant: 0 done, 1 failed (or what was followed failed), 2 usage, 3 no server, 4 refused by the server.

use serde_json::{Value, json};

/// How a command ended that could be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it was meant.
    Done,
    /// It was carried out, and what it is about failed: a deployment, a canary, a story of the demo.
    Failed,
}

/// Why a command could not be carried out, where the exit code tells.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// No server answers at the address: exit code 3.
    #[error("{0}")]
    NoServer(String),
    /// The server understood and declined.
    #[error("{}", sentence(.0))]
    Refused(Value),
    /// The request was wrong in a field.
    #[error("{}", sentence(.0))]
    BadRequest(Value),
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::BadRequest(_) => 2,
            Self::NoServer(_) => 3,
            Self::Refused(_) => 4,
        }
    }
}

/// The exit code of a command.
pub fn code(result: &anyhow::Result<Ended>) -> u8 {
    match result {
        Ok(Ended::Done) => 0,
        Ok(Ended::Failed) => 1,
        Err(error) => error.downcast_ref::<Stop>().map_or(1, Stop::code),
    }
}

/// An error as JSON: the server's own problem document where there is one.
pub fn problem(error: &anyhow::Error) -> Value {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Refused(problem) | Stop::BadRequest(problem)) => problem.clone(),
        _ => json!({ "title": "The command could not be carried out", "detail": text(error) }),
    }
}

/// An error with what caused it, for people.
pub fn text(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors say their cause already.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A problem document in words: the detail, and each field that is wrong.
fn sentence(problem: &Value) -> String {
    let detail =
        problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("The server refused this.");
    let fields = problem["errors"].as_array().into_iter().flatten();
    let lines = fields.filter_map(|field| {
        Some(format!("\n  {}: {}", field["field"].as_str()?, field["problem"].as_str()?))
    });
    let id = problem["error_id"].as_str().map(|id| format!("\n  The server's log has more under {id}."));
    format!("{detail}{}{}", lines.collect::<String>(), id.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words() {
        let problem =
            json!({"detail": "2 fields are wrong.", "errors": [{"field": "env.1A", "problem": "no"}]});
        let bad: anyhow::Error = Stop::BadRequest(problem).into();
        assert_eq!(text(&bad), "2 fields are wrong.\n  env.1A: no");
        assert_eq!(code(&Err(bad)), 2);
        assert_eq!(code(&Err(Stop::NoServer("gone".into()).into())), 3);
        assert_eq!(code(&Err(Stop::Refused(json!({"detail": "x"})).into())), 4);
        assert_eq!(code(&Err(anyhow::anyhow!("x"))), 1);
        assert_eq!((code(&Ok(Ended::Done)), code(&Ok(Ended::Failed))), (0, 1));
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("disk full").context("`x` can't be written");
        assert_eq!(text(&error), "`x` can't be written: disk full");
        let error = anyhow::anyhow!("disk full").context("`x` can't be written (disk full)");
        assert_eq!(text(&error), "`x` can't be written (disk full)");
    }
}
