//! Variables without which the app certainly ends: what is read, or refused, on the way that every start goes.
//!
//! Invariant: a deployment is refused by this, so in doubt it says nothing. It follows what is imported from the file
//! that is started, and there looks at statements outside of every function and condition: what is only read, with
//! nothing set, may be of no consequence.

mod imports;
mod statements;
#[cfg(test)]
mod tests;

use super::listen;
use crate::{names, plan::App, text};
use std::{borrow::Cow, collections::BTreeSet, rc::Rc};

/// Files that are followed.
const FILES: usize = 60;
/// Names that are looked for.
const NAMES: usize = 50;

/// A variable, and where its absence ends the app.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Certain {
    pub(super) name: String,
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
}

/// All of them, for an app whose start command is `started`; none that a file of the tree sets, and none at all where
/// something else fills the environment.
pub(super) fn find(app: &App, sources: &[&str], started: &str) -> Vec<Certain> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let reached = reached(app, sources, started);
    let contents: Vec<(&String, Rc<str>)> =
        reached.iter().filter_map(|file| Some((file, app.text(file)?))).collect();
    if started.contains("env-file") || contents.iter().any(|(_, content)| is_filled(content)) {
        return found;
    }
    let settings = settings(app);
    for (file, content) in contents {
        for (name, line) in statements::in_file(file, &content) {
            let new = names::is_variable_name(&name) && known.len() < NAMES && known.insert(name.clone());
            if new && !assigns(started, &name) && !settings.iter().any(|text| assigns(text, &name)) {
                found.push(Certain { name, file: file.clone(), line });
            }
        }
    }
    found
}

/// Whether a file sets variables whose names it doesn't say.
fn is_filled(content: &str) -> bool {
    const FILLS: [&str; 9] = [
        "environ.update",
        "environ |=",
        "environ.setdefault(k",
        "Object.assign(process.env",
        "process.env[",
        "process.env =",
        "read_env(",
        "load_dotenv(",
        "dotenv",
    ];
    // `import "dotenv/config"` reads `.env`, which is looked at; a path of its own may be anywhere.
    let plain = [
        "dotenv/config\"",
        "dotenv/config'",
        "load_dotenv()",
        "import load_dotenv",
        "\"dotenv\"",
        "'dotenv'",
        "from dotenv",
    ];
    let bare = if content.contains("dotenv") {
        Cow::Owned(plain.iter().fold(content.to_owned(), |text, known| text.replace(known, "")))
    } else {
        Cow::Borrowed(content)
    };
    FILLS.iter().any(|fills| bare.contains(fills)) || bare.contains(".config({")
}

/// Texts that may set variables: a `.env` that travels, start scripts, a container's settings.
fn settings(app: &App) -> Vec<Rc<str>> {
    const FILES: [&str; 10] = [
        ".env",
        ".env.production",
        ".env.defaults",
        ".flaskenv",
        "Procfile",
        "Dockerfile",
        "start.sh",
        "entrypoint.sh",
        "ecosystem.config.js",
        "package.json",
    ];
    let named = app.files().filter(|file| text::has_end(file, "env") || file.contains(".env."));
    FILES.into_iter().chain(named.take(20)).filter_map(|file| app.text(file)).collect()
}

/// Whether a text gives a value to the name: `NAME=`, `NAME = `, `NAME: `.
fn assigns(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let whole = !text[..at].ends_with(part);
        whole && text[at + name.len()..].trim_start_matches([' ', '"', '\'']).starts_with(['=', ':'])
    })
}

/// The files that a start reads: those that the command names, and what they import.
fn reached(app: &App, sources: &[&str], started: &str) -> BTreeSet<String> {
    let named =
        |file: &&&str| listen::runs(file, started) || loads(file, started) || is_program(app, file, started);
    let mut open: Vec<String> = sources.iter().filter(named).map(|file| (**file).to_owned()).collect();
    let mut reached = BTreeSet::new();
    while let Some(file) = open.pop() {
        if reached.len() >= FILES || !reached.insert(file.clone()) {
            continue;
        }
        let content = app.text(&file).unwrap_or_default();
        open.extend(imports::imports(app, &file, &content).filter(|next| !reached.contains(next)));
    }
    reached
}

/// `uvicorn main:app`, `gunicorn shop.wsgi`, `python -m shop.main`: a module by its dotted name.
fn loads(file: &str, started: &str) -> bool {
    let Some(module) = file.strip_suffix(".py") else { return false };
    let module =
        module.strip_suffix("/__init__").or_else(|| module.strip_suffix("/__main__")).unwrap_or(module);
    started.split_whitespace().any(|word| {
        let word = word.split(':').next().unwrap_or_default().replace('.', "/");
        !word.is_empty() && module == word
    })
}

/// The program of a language that is compiled, where the command starts one: others of the tree are other programs.
fn is_program(app: &App, file: &str, started: &str) -> bool {
    let starts = started.starts_with("./") || started.starts_with("target/") || started.starts_with("/app/");
    let main = |mark: &str| app.text(file).is_some_and(|content| content.contains(mark));
    starts && (file == "main.go" && main("\nfunc main()") || file == "src/main.rs")
}
