//! Settings: one typed table. The parser, the help of `up` and `serve`, the environment that Terraform sets and the
//! page about settings all come from it.
//!
//! Invariant: nothing else is read from the environment by a process that runs functions. A value is parsed once, at
//! the start, and a wrong one ends the start with the setting's name and what it takes; a secret is never shown.
//!
//! | module | holds |
//! |---|---|
//! | `table` | every setting, once |
//! | [`value`] | the types that settings have |
//! | [`read`] | from variables and flags to [`Settings`] |
//! | [`show`] | the table for people, and as an environment for Terraform |

pub mod read;
pub mod show;
mod table;
pub mod value;

#[cfg(test)]
mod tests;

pub use read::{Process, Reading, Wrong};
pub use table::{Settings, TABLE};
pub use value::{Place, Push};

/// Readers that are no functions.
pub const PROCESSES: [&str; 3] = ["serve", "up", "command line"];

/// In which places a setting means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On one machine.
    Machine,
    /// On Google Cloud and its emulators.
    Gcp,
    /// On one machine and on Google Cloud.
    Both,
}

impl Where {
    /// Whether it means something there.
    pub fn holds_in(self, place: Place) -> bool {
        match self {
            Self::Machine => place == Place::Machine,
            Self::Gcp => place == Place::Gcp,
            Self::Both => true,
        }
    }

    /// As the table of settings names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Gcp => "gcp",
            Self::Both => "both",
        }
    }
}

/// Who sets it on Google Cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Nobody: the default holds.
    Nobody,
    /// Cloud Run itself.
    Platform,
    /// Whoever applies `infra/`, through its variable `settings`.
    Operator,
    /// `infra/`, to this text.
    Fixed(&'static str),
    /// `infra/`, to one text for the public door and another for what is internal.
    ByDoor {
        /// For the public door.
        public: &'static str,
        /// For any other service.
        internal: &'static str,
    },
    /// `infra/`, from its value of this name. Without a default it must be set in place `gcp`.
    Terraform(&'static str),
    /// `infra/`, from the secret of this name. Without a default it must be set in place `gcp`.
    Secret(&'static str),
}

/// One setting, as the table declares it.
pub struct Setting {
    /// Its name: the field of [`Settings`].
    pub name: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// The flag of `up` and `serve`, without dashes; empty where there is none.
    pub flag: &'static str,
    /// Text of the default; empty for none.
    pub default: &'static str,
    /// Where it means something.
    pub place: Where,
    /// Who reads it: names of functions, and [`PROCESSES`].
    pub readers: &'static [&'static str],
    /// Who sets it on Google Cloud.
    pub given: Given,
    /// One sentence.
    pub about: &'static str,
    /// Whether its value is never shown.
    pub secret: bool,
    /// What it takes, in words.
    pub takes: fn() -> String,
    pub(crate) put: fn(&mut Settings, &str) -> bool,
}

impl Setting {
    /// Whether one of these reads it. A function's setting is read by whoever runs the function.
    pub fn is_read_by(&self, readers: &[&str]) -> bool {
        self.readers.iter().any(|reader| readers.contains(reader))
    }

    /// The sentence, on one line.
    pub fn sentence(&self) -> String {
        self.about.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The setting of that name.
pub fn named(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}
