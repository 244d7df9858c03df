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
mod package;
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
mod syntax;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_more;
#[cfg(test)]
mod tests_parse;
mod variables;
mod walk;
mod word;
mod work;

pub use diff::diff;
pub use finding::Finding;
pub use fix::{fix, fix_with};
pub use generate::{Generated, dockerignore, generate};
pub use lint::Surroundings;
pub use parse::parse;
pub use rule::{RULES, Rule, Severity};
pub use settings::Settings;
pub use syntax::{File, Heredoc, Instruction, Problem};
pub use walk::{scan, scan_file};

/// Whether a file of this name is a Dockerfile: `Dockerfile`, `Dockerfile.prod`, `web.Dockerfile`, `Containerfile`.
pub fn is_named(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let named = |kind: &str| {
        lower == kind || lower.starts_with(&format!("{kind}.")) || lower.ends_with(&format!(".{kind}"))
    };
    (named("dockerfile") || named("containerfile")) && !lower.ends_with("ignore")
}
