//! Settings as flags of `serve` and `up`, made from the table: a flag wins over its variable.

use crate::{failure::Stop, place};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::Error};
use host::{
    Settings,
    setting::{Place, Process, Reading, Setting},
};
use std::{
    ffi::OsString,
    fmt::{self, Write as _},
    path::Path,
};

/// What was given on the command line of `up`, or (with `SERVE`) of `serve`.
#[derive(Clone, Default)]
pub struct Flags<const SERVE: bool> {
    given: Vec<(&'static Setting, String)>,
}

/// Which, never what: some are secrets.
impl<const SERVE: bool> fmt::Debug for Flags<SERVE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.given.iter().map(|(setting, _)| setting.flag)).finish()
    }
}

/// What `up` says of another place.
const NOT_HERE: &str = "`up` runs everything on this machine, and SEXTANT_PLACE is `gcp`. Leave it out, or run \
    functions there with `sextant serve`.";

impl<const SERVE: bool> Flags<SERVE> {
    const PROCESS: Process = if SERVE { Process::Serve } else { Process::Up };

    fn table() -> impl Iterator<Item = &'static Setting> {
        Self::PROCESS.settings().filter(|setting| !setting.flag.is_empty())
    }

    /// The environment, the flags, and what `--set` says, in this order; of these functions, and with the data folder
    /// if that was named.
    pub fn read(
        &self,
        variables: impl Iterator<Item = (OsString, OsString)>,
        data: Option<&Path>,
        set: &[(String, String)],
        functions: &[&str],
    ) -> Result<(Settings, Place)> {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let mut reading =
            Reading::new(Self::PROCESS).variables(variables.map(|(name, value)| (text(name), text(value))));
        if let Some(data) = data {
            reading = reading.flag("data", "--data".to_owned(), &data.to_string_lossy());
        }
        for (setting, text) in &self.given {
            reading = reading.flag(setting.name, format!("--{}", setting.flag), text);
        }
        for (name, text) in set {
            reading = reading.flag(name, format!("--set {name}"), text);
        }
        // Before what else may be missing there.
        if reading.wants(Place::Gcp) && !SERVE {
            return Err(Stop::Usage(NOT_HERE.to_owned()).into());
        }
        if reading.wants(Place::Gcp) && !cfg!(feature = "gcp") {
            return Err(Stop::Usage(place::NO_CLOUD.to_owned()).into());
        }
        Ok(reading.finish(functions).map_err(|wrong| Stop::Usage(wrong.to_string()))?)
    }
}

/// What has no flag, for the end of a help text.
pub fn rest(process: Process) -> String {
    let mut text = "Settings that come from the environment only:\n".to_owned();
    for setting in process.settings().filter(|setting| setting.flag.is_empty()) {
        let _ = writeln!(text, "  {:24} {}", setting.variable, setting.sentence());
    }
    text
}

/// A flag, with its variable and its default as `clap` writes them.
fn argument(setting: &'static Setting) -> Arg {
    let mut help = format!("{} [env: {}]", setting.sentence(), setting.variable);
    if !setting.default.is_empty() {
        help = format!("{help} [default: {}]", setting.default);
    }
    let many = matches!(setting.name, "hosts" | "origins");
    Arg::new(setting.name).long(setting.flag).help(help).value_name("VALUE").action(if many {
        ArgAction::Append
    } else {
        ArgAction::Set
    })
}

impl<const SERVE: bool> Args for Flags<SERVE> {
    fn augment_args(command: Command) -> Command {
        command.args(Self::table().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const SERVE: bool> FromArgMatches for Flags<SERVE> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let one = |setting: &'static Setting| {
            let texts: Vec<&str> = matches.get_many::<String>(setting.name)?.map(String::as_str).collect();
            Some((setting, texts.join(",")))
        };
        Ok(Self { given: Self::table().filter_map(one).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
