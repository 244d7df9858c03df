//! `sextant redact`: hides secrets in what comes in, as it comes. A line is shown when it is complete; a line
//! without an end is shown as far as it is certain.

use crate::failure::Ended;
use anyhow::{Context as _, Result};
use clap::Args;
use std::io::{self, Read, Write};

/// What else is secret.
#[derive(Args)]
pub struct Redact {
    /// Also hide each line of this file, wherever it comes: values that only you know to be secret.
    #[arg(long, value_name = "FILE")]
    pub also: Option<std::path::PathBuf>,
}

impl Redact {
    /// From stdin to stdout, to the end.
    pub fn run(self) -> Result<Ended> {
        let also = match &self.also {
            Some(file) => std::fs::read_to_string(file).with_context(|| {
                format!("{} could not be read; give a file with one value a line", file.display())
            })?,
            None => String::new(),
        };
        let values: Vec<String> = also.lines().map(str::to_owned).collect();
        match stream(io::stdin().lock(), io::stdout().lock(), &values) {
            // Whoever reads may have seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Ended::Done),
            result => result.map(|()| Ended::Done).context("the text could not be passed on"),
        }
    }
}

fn stream(mut from: impl Read, mut to: impl Write, values: &[String]) -> io::Result<()> {
    let mut redactor = inspect::redact::Redactor::new(values);
    let mut chunk = vec![0; 256 << 10];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                to.write_all(&redactor.push(&chunk[..length]))?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    to.write_all(&redactor.finish())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drops<'t>(&'t [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            to[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn what_comes_in_drops_is_hidden_too() {
        let mut out = Vec::new();
        let text = b"DB_PASSWORD=correct-horse-7\nmine: only-me\nplain";
        stream(Drops(text), &mut out, &["only-me".to_owned()]).expect("passed on");
        assert_eq!(out, b"DB_PASSWORD=***\nmine: ***\nplain");
    }
}
