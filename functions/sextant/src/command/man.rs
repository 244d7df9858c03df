//! `sextant man [COMMAND]`: the manual, for `man -l -`.

use super::{Cli, output::Output};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::{Args, CommandFactory as _};

/// Of what.
#[derive(Args)]
pub struct Man {
    /// A command, such as `deploy` or `env set`; the whole program if absent.
    pub command: Vec<String>,
}

impl Man {
    /// Prints a page in roff: `sextant man deploy | man -l -`.
    pub fn run(self, output: Output) -> Result<Ended> {
        let mut root = Cli::command();
        root.build();
        let mut page = &root;
        for name in &self.command {
            page = page.find_subcommand(name).ok_or_else(|| {
                Stop::Usage(format!(
                    "there is no command `{name}`; `sextant help` lists those that there are"
                ))
            })?;
        }
        let name = ["sextant"].into_iter().chain(self.command.iter().map(String::as_str));
        let title = name.collect::<Vec<_>>().join("-");
        let mut text = Vec::new();
        clap_mangen::Man::new(page.clone()).title(title).render(&mut text)?;
        output.text(&String::from_utf8(text)?);
        Ok(Ended::Done)
    }
}
