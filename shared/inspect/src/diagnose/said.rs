//! Log lines that call themselves errors.

use super::{Found, pattern};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

static LEVEL: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        // In capitals anywhere near the beginning.
        pattern(
            r#"^(?:.{0,80}?[\s\[(|"=])??(?:ERROR|FATAL|CRITICAL|PANIC|SEVERE|ERR)"?[\])]?(?:\[\S*\])?(?:: |\s+|- |\| )(.+)$"#,
        ),
        // In small letters only where it is a label: they are words of a sentence, too.
        pattern(
            r#"^(?:|.{0,80}?(?:level="?|\[))(?:[Ee]rror|[Ff]atal|panic|critical)(?:"?\]|"|:| msg=| )\s*(.+)$"#,
        ),
    ]
});
/// Words that lead an error in plain speech, such as Go's `log.Fatal` and Postgres' clients write it.
static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:failed to|could not|couldn't|cannot|can't|unable to|is required|must be set|is not set|not found|refused|denied|no such)\b",
    )
});
static GO_TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:(\S+\.go):(\d+): )?(.+)$"));

/// The first line that calls itself an error; else the last one that reads like one.
pub fn first(lines: &[&str]) -> Option<Found> {
    let labelled =
        (0..lines.len()).find_map(|line| json(lines[line], line).or_else(|| level(lines[line], line)));
    labelled.or_else(|| {
        (0..lines.len()).rev().find(|&line| PLAIN.is_match(lines[line])).map(|line| plain(lines[line], line))
    })
}

fn plain(text: &str, line: usize) -> Found {
    let Some(found) = GO_TIME.captures(text) else { return Found::new(line, text, None) };
    let at =
        found.get(1).zip(found.get(2)).map(|(file, number)| super::place::at(file.as_str(), number.as_str()));
    Found::new(line, &found[3], at)
}

fn level(text: &str, line: usize) -> Option<Found> {
    let found = LEVEL.iter().find_map(|pattern| pattern.captures(text))?;
    Some(Found::new(line, found[1].trim_matches('"'), None))
}

/// A structured line: its level and its message, under the names that the usual libraries give them.
fn json(text: &str, line: usize) -> Option<Found> {
    let start = text.find('{')?;
    let Value::Object(entry) = serde_json::from_str(&text[start..]).ok()? else { return None };
    let bad =
        ["level", "severity", "lvl", "levelname", "log.level"].iter().any(|name| match entry.get(*name) {
            // Pino's numbers: 50 is an error, 60 is fatal.
            Some(Value::Number(number)) => number.as_i64().is_some_and(|number| number >= 50),
            Some(Value::String(level)) => {
                let level = level.to_ascii_lowercase();
                ["err", "fatal", "crit", "panic", "alert", "emerg"].iter().any(|bad| level.starts_with(bad))
            }
            _ => false,
        });
    if !bad {
        return None;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let message =
        ["msg", "message", "event", "error"].iter().find_map(|name| entry.get(*name).and_then(text))?;
    let cause = ["err", "error", "exc_info"].iter().find_map(|name| {
        let value = entry.get(*name)?;
        text(value).or_else(|| value.get("message").and_then(text))
    });
    let what = match cause {
        Some(cause) if cause != message => format!("{message}: {cause}"),
        _ => message,
    };
    Some(Found::new(line, what, None))
}
