//! Files of variables that stay at home: what they are called, how many names they hold, and what they say.

mod parse;

pub use parse::{Broken, Setting, parse};

use std::{fs, io::Read as _, path::Path};

/// Bytes of such a file that are looked at.
const LOOKED_AT: u64 = 256 * 1024;

/// A file of variables that doesn't travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dotenv {
    /// `.env`, `.env.local`, …
    pub name: String,
    /// How many variables it sets. Their values are nobody's business here.
    pub names: usize,
}

/// Whether a file of this name holds somebody's own variables. Templates (`.env.example`) and shared files
/// (`.env.production`) don't.
pub(crate) fn is_private(name: &str) -> bool {
    let local =
        |rest: &str| rest == "local" || rest.strip_suffix("local").is_some_and(|stage| stage.ends_with('.'));
    name == ".env" || name.strip_prefix(".env.").is_some_and(local)
}

/// Those in the root of a tree.
pub(crate) fn found(root: &Path) -> Vec<Dotenv> {
    let names = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<Dotenv> = names
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_private(name))
        .map(|name| Dotenv { names: count(&root.join(&name)), name })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn count(file: &Path) -> usize {
    let mut data = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut data));
    if read.is_err() {
        return 0;
    }
    let text = String::from_utf8_lossy(&data);
    let parsed = parse(&text).map(|settings| settings.len());
    parsed.unwrap_or_else(|_| text.lines().filter(|line| sets(line)).count())
}

fn sets(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    line.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
