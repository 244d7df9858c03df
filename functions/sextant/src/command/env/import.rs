//! `sextant env import FILE`: takes variables from a file such as `.env`. The file is read here, and only what it sets
//! is sent.

use super::change::{Changes, Then};
use crate::{
    command::{client::Api, output::Output},
    failure::{Ended, Stop},
};
use ::inspect::names::{NameError, variable_name};
use anyhow::Result;
use archive::{Setting, parse_dotenv};
use clap::Args;
use std::{fs, path::PathBuf};

/// Longest file.
const MOST_BYTES: u64 = 1 << 20;

/// From where.
#[derive(Args)]
pub struct Import {
    /// The file: NAME=VALUE a line, with quotes, comments, `export`, and values of several lines in quotes.
    pub file: PathBuf,
    /// One of them that is no secret, though it looks like one.
    #[arg(long, value_name = "NAME")]
    pub plain: Vec<String>,
    /// One of them that is a secret, though it doesn't look like one.
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
    /// What becomes of it.
    #[command(flatten)]
    pub then: Then,
}

impl Import {
    /// Says what it takes, and how, and sets it.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let shown = self.file.display().to_string();
        let settings = read(&self.file)
            .and_then(|text| parse_dotenv(&text).map_err(|broken| broken.to_string()))
            .map_err(|why| Stop::Usage(format!("`{shown}` can't be imported: {why}; nothing was done")))?;
        let changes = self
            .changes(settings)
            .map_err(|why| Stop::Usage(format!("`{shown}` can't be imported: {why}; nothing was done")))?;
        if changes.env.is_empty() && changes.secrets.is_empty() {
            changes.said.iter().for_each(|line| output.note(line));
            return Err(Stop::Usage(format!("`{shown}` sets nothing that a service can be given")).into());
        }
        let (plain, sealed) = (changes.env.len(), changes.secrets.len());
        output.note(&format!(
            "From {shown}: {plain} plain, {sealed} sealed, unless something else is said below."
        ));
        self.then.set(api, changes, output).await
    }

    /// What the place sets itself is left out, and said; a name that can't be one is an error, since the app would
    /// miss it.
    fn changes(&self, settings: Vec<Setting>) -> Result<Changes, String> {
        let (mut changes, mut wrong) = (Changes::default(), vec![]);
        for Setting { name, value, refers } in settings {
            match variable_name(&name) {
                Ok(_) => {
                    changes.add(&name, value, self.plain.contains(&name), self.secret.contains(&name));
                    if refers {
                        let told = "names another variable in its value, which is taken as it is written";
                        changes.said.push(format!("{name}: {told}"));
                    }
                }
                Err(NameError::Reserved(_)) => {
                    changes.said.push(format!("{name}: left out, the place where the app runs sets it"));
                }
                Err(error) => wrong.push(error.to_string()),
            }
        }
        if wrong.is_empty() { Ok(changes) } else { Err(wrong.join("; ")) }
    }
}

fn read(file: &std::path::Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?;
    if !size.is_file() || size.len() > MOST_BYTES {
        return Err(format!("it is no file of at most {} KiB", MOST_BYTES >> 10));
    }
    String::from_utf8(fs::read(file).map_err(|error| error.to_string())?)
        .map_err(|_| "it is not UTF-8".to_owned())
}
