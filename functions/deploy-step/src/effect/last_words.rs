//! What failed wrote last, for whoever wants to know why: read before a revision is taken away, and kept with the
//! deployment.
//!
//! Invariant: reading it never holds up or fails the way back, and it stays small: the document is written often.

use host::Context;
use model::document::{Deployment, Ending};
use std::time::Duration;

/// The most lines.
const LINES: usize = 100;
/// The most bytes of all lines, the newest first.
const BYTES: usize = 16 * 1024;
/// A line is cut here.
const LINE_BYTES: usize = 600;
/// How long reading may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The last lines of the revision that is being taken back; `None` where it isn't for a failure, where there are none, or
/// where they are known already: once traffic is back, it is stopped and writes about that.
pub async fn of_revision(ctx: &Context, deployment: &Deployment) -> Option<Vec<String>> {
    let failed = matches!(deployment.ending, Some(Ending::Failed | Ending::RolledBack));
    if !failed || !deployment.last_words.is_empty() {
        return None;
    }
    let (service, revision) = (deployment.key(), deployment.revision_name());
    let read = ctx.ports.target.runtime_log(&service, &revision, None, LINES);
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(found)) => bounded(found.lines),
        // It may never have come to a revision, or the target is the one in trouble.
        Ok(Err(error)) => {
            tracing::info!(revision, %error, "what the revision wrote last could not be read");
            None
        }
        Err(_) => {
            tracing::warn!(revision, "what the revision wrote last could not be read in time");
            None
        }
    }
}

/// The newest lines that may be kept; `None` where there are none.
pub fn bounded(lines: Vec<String>) -> Option<Vec<String>> {
    let mut room = BYTES;
    let mut kept: Vec<String> = vec![];
    for line in lines.into_iter().rev().take(LINES) {
        let line = cut(line);
        let Some(left) = room.checked_sub(line.len() + 1) else { break };
        room = left;
        kept.push(line);
    }
    kept.reverse();
    (!kept.is_empty()).then_some(kept)
}

fn cut(mut line: String) -> String {
    if line.len() > LINE_BYTES {
        line.truncate(line.floor_char_boundary(LINE_BYTES));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_long_ones_cut() {
        let lines = |count: usize, text: &str| (0..count).map(|n| format!("{n} {text}")).collect::<Vec<_>>();
        assert_eq!(bounded(vec![]), None);
        let short = bounded(lines(300, "x")).unwrap();
        assert_eq!((short.len(), short[0].as_str(), short[99].as_str()), (100, "200 x", "299 x"));
        let long = bounded(lines(300, &"ä".repeat(5_000))).unwrap();
        assert!(long.last().unwrap().starts_with("299 ä") && long.last().unwrap().ends_with('…'));
        assert!(long.iter().map(String::len).sum::<usize>() <= BYTES && long.len() > 20, "{}", long.len());
    }
}
