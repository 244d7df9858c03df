//! `sextant completions SHELL`: what a shell completes commands by.

use super::{Cli, output::Output};
use crate::failure::Ended;
use anyhow::Result;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Of which shell.
#[derive(Args)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}

impl Completions {
    /// Prints the script; where it belongs is told beside it.
    pub fn run(self, output: Output) -> Result<Ended> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "sextant", &mut script);
        let place = match self.shell {
            Shell::Bash => "~/.local/share/bash-completion/completions/sextant",
            Shell::Zsh => "a folder of $fpath, as _sextant",
            Shell::Fish => "~/.config/fish/completions/sextant.fish",
            Shell::PowerShell => "a file that $PROFILE loads",
            _ => "where your shell looks for completions",
        };
        output.note(&format!("Keep this in {place}."));
        output.text(&String::from_utf8(script)?);
        Ok(Ended::Done)
    }
}
