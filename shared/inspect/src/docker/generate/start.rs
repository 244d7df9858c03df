//! The start command in exec form, so that SIGTERM reaches the app.

use serde_json::json;

/// A JSON list: the words themselves where no shell is needed, else `sh -c` whose last command replaces the shell.
pub(super) fn exec(command: &str) -> String {
    let command = command.trim();
    if !needs_shell(command) {
        return list(&command.split_whitespace().collect::<Vec<_>>());
    }
    list(&["sh", "-c", &replaced(command)])
}

/// Whether it is more than a program and its words.
pub(super) fn needs_shell(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let shell =
        command.contains(['$', '&', '|', ';', '<', '>', '(', ')', '*', '?', '"', '\'', '`', '~', '\\', '{']);
    let assigned = words.first().is_some_and(|word| word.contains('='));
    let builtin =
        words.first().is_some_and(|word| matches!(*word, "cd" | "export" | "exec" | "." | "source" | "if"));
    shell || assigned || builtin
}

/// `a && b` to `a && exec b`, where the last command is a simple one.
fn replaced(command: &str) -> String {
    let at = command.rfind("&& ").map_or(0, |at| at + 3);
    let (before, last) = command.split_at(at);
    let simple = !last.contains(['|', ';', '&']) || last.contains("$(");
    let first = last.split_whitespace().next().unwrap_or_default();
    // Behind `&&` inside of quotes or `$(…)` there is no end of a command.
    let whole = before.matches('"').count() % 2 == 0
        && before.matches('\'').count() % 2 == 0
        && !before.contains("$(");
    if !simple || !whole || matches!(first, "exec" | "cd" | "if" | "for" | "while" | "export" | "(" | "{") {
        return command.to_owned();
    }
    if let Some((assignment, rest)) = last.split_once(' ').filter(|(first, _)| is_assignment(first)) {
        return format!("{before}{assignment} exec {rest}");
    }
    format!("{before}exec {last}")
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| crate::names::is_variable_name(name))
}

fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| json!(word).to_string()).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::exec;

    #[test]
    fn the_app_is_process_one() {
        for (command, expected) in [
            ("node server.js", r#"["node", "server.js"]"#),
            ("uvicorn a:b --port ${PORT:-8000}", r#"["sh", "-c", "exec uvicorn a:b --port ${PORT:-8000}"]"#),
            (
                "a migrate && b --bind 0.0.0.0:$PORT",
                r#"["sh", "-c", "a migrate && exec b --bind 0.0.0.0:$PORT"]"#,
            ),
            ("URLS=http://*:$PORT ./x", r#"["sh", "-c", "URLS=http://*:$PORT exec ./x"]"#),
            ("a & b", r#"["sh", "-c", "a & b"]"#),
            ("cd x", r#"["sh", "-c", "cd x"]"#),
        ] {
            assert_eq!(exec(command), expected);
        }
    }
}
