//! Dockerfiles: a parser that takes what BuildKit takes, a scanner, and a generator.
//!
//! Invariant: total, linear in the length of the text, and free of input and output; the same text gives the
//! same findings.

mod check;
mod cleanup;
mod commands;
mod diff;
mod finding;
mod fix;
mod generate;
mod images;
mod labels;
mod lint;
mod packages;
mod packages_language;
mod packages_rpm;
mod parse;
mod refuse;
mod rule;
mod serving;
mod settings;
mod shell;
pub(crate) mod stage;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_more;
#[cfg(test)]
mod tests_parse;
mod variables;
mod word;
mod work;

pub use diff::diff;
pub use finding::Finding;
pub use fix::{fix, fix_with};
pub use generate::{Generated, dockerignore, generate};
pub use lint::{Surroundings, scan, scan_file};
pub use parse::{File, Heredoc, Instruction, Problem, parse};
pub use rule::{RULES, Rule, Severity};
pub use settings::Settings;
