//! `sextant env export`: as a file that `import` reads; secrets by name alone.

use super::{Shown, Whose};
use crate::{
    command::{client::Api, output::Output},
    failure::Ended,
};
use anyhow::Result;
use clap::Args;
use std::fmt::Write as _;

/// Of which service, and how much.
#[derive(Args)]
pub struct Export {
    /// Names alone, one a line.
    #[arg(long)]
    pub names: bool,
    /// The service.
    #[command(flatten)]
    pub whose: Whose,
}

impl Export {
    /// Writes them.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let (shown, value) = self.whose.read(api).await?;
        if self.names {
            let names: Vec<&str> = shown.variables.iter().map(|one| one.name.as_str()).collect();
            output.data(&names, || names.join("\n"));
        } else {
            output.data(&value, || file(&shown));
        }
        Ok(Ended::Done)
    }
}

fn file(shown: &Shown) -> String {
    let mut text = format!("# Variables of {}, version {}\n", shown.service, shown.version);
    for one in &shown.variables {
        let written = match &one.value {
            Some(value) => writeln!(text, "{}={}", one.name, quoted(value)),
            None => writeln!(text, "# {} is a secret, and its value can't be read", one.name),
        };
        let _ = written;
    }
    text
}

/// In double quotes, where it isn't plain.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let mut text = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' | '$' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_the_same() {
        for value in ["", "plain", "two words", "a\"b\\c$D", "one\ntwo\r\n", "#not a comment", " spaced "] {
            let read = archive::parse_dotenv(&format!("A={}\n", quoted(value))).unwrap();
            assert_eq!((read.len(), read[0].value.as_str()), (1, value));
        }
    }
}
