//! What goes where: data to stdout, as JSON or as text for people; everything else to stderr.

#![expect(clippy::print_stderr, reason = "this is where the command line prints")]
#![expect(clippy::disallowed_methods, reason = "NO_COLOR is for whoever prints")]

use crate::failure;
use serde::Serialize;
use std::io::{self, IsTerminal as _, Write as _};

/// How a command prints. `NO_COLOR` and pipes are heeded by what colours.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// With `--json` or without.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Text without colours, as where a test reads it.
    pub fn plain() -> Self {
        Self { json: false }
    }

    /// Whether data is JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Data: the value as JSON, or what `text` makes of it. A reader that went away is not an error.
    pub fn data<T: Serialize + ?Sized>(self, value: &T, text: impl FnOnce() -> String) {
        if self.json {
            self.json(value);
        } else {
            self.text(&text());
        }
    }

    /// Data as JSON, whether asked for or not.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.text(&text);
    }

    /// Data as one line of JSON: for what has no end.
    pub fn json_line<T: Serialize + ?Sized>(self, value: &T) {
        self.text(&serde_json::to_string(value).unwrap_or_default());
    }

    /// Data as text.
    #[expect(clippy::unused_self, reason = "reads like the others")]
    pub fn text(self, text: &str) {
        let mut out = io::stdout().lock();
        // `sextant list | head` closes the pipe early; there is nobody left to tell.
        let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
        let _ = out.flush();
    }

    /// A word beside the data.
    #[expect(clippy::unused_self, reason = "reads like the others")]
    pub fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Says on stderr why the command failed, with its causes.
    pub fn error(self, error: &anyhow::Error) {
        if self.json {
            eprintln!("{}", failure::problem(error));
        } else {
            eprintln!("{} {}", red("error:"), failure::text(error));
        }
    }
}

/// Whether stderr is a terminal that takes colours.
pub fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && io::stderr().is_terminal()
}

fn painted(code: &str, text: &str) -> String {
    if colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// For what went wrong, on stderr.
pub fn red(text: &str) -> String {
    painted("31", text)
}

/// For what went well, on stderr.
pub fn green(text: &str) -> String {
    painted("32", text)
}

/// For what matters less, on stderr.
pub fn dim(text: &str) -> String {
    painted("2", text)
}

/// For what matters more, on stderr.
pub fn bold(text: &str) -> String {
    painted("1", text)
}

/// A table for a terminal or a pipe: columns without lines around them.
pub fn table(head: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(head.to_vec());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Two aligned columns: a name and what it is; what is empty is left out.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| {
        let value = value.replace('\n', &format!("\n{:width$}", "", width = width + 4));
        format!("  {name:width$}  {value}\n")
    };
    rows.map(line).collect()
}

/// An E-value or a p-value: few digits, and never a row of zeros.
pub fn evidence(value: f64) -> String {
    if value == 0.0 || (0.001..10_000.0).contains(&value) {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_aligned_and_empty_ones_left_out() {
        let text =
            pairs(&[("URL", "http://x".into()), ("Nothing", String::new()), ("Checked", "a\nb".into())]);
        assert_eq!(text, "  URL      http://x\n  Checked  a\n           b\n");
    }
}
