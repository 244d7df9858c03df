//! What a script finally runs, and in which package: through `npm run`, `cd FOLDER &&`, workspaces, turbo and nx.
//!
//! Text is followed, nothing is run; a script that calls itself ends the search.

use super::Package;
use crate::plan::App;

const MANAGERS: [&str; 4] = ["npm", "pnpm", "yarn", "bun"];

/// The command at the end of a script, with the package it belongs to.
pub(super) struct Resolved<'t> {
    pub(super) app: App<'t>,
    pub(super) package: Package,
    /// The script whose text the command is.
    pub(super) script: String,
    pub(super) command: String,
}

/// Follows a script of the package.
pub(super) fn resolve<'t>(app: &App<'t>, script: &str) -> Option<Resolved<'t>> {
    follow(app, script, 6)
}

/// Follows the script that a command calls.
pub(super) fn behind<'t>(app: &App<'t>, command: &str) -> Option<Resolved<'t>> {
    let (member, script) = call(app, command)?;
    follow(&member, &script, 6)
}

fn follow<'t>(app: &App<'t>, script: &str, left: usize) -> Option<Resolved<'t>> {
    let package = Package::read(app)?;
    let text = package.script(script)?.to_owned();
    let mut inner = app.clone();
    let mut last = "";
    for part in text.split("&&").map(str::trim) {
        match part.strip_prefix("cd ") {
            Some(folder) => inner = step_into(&inner, folder.trim().trim_matches(['"', '\''])),
            None => last = part,
        }
    }
    let next = call(&inner, last).filter(|_| left > 0);
    let further = next.and_then(|(member, next)| {
        let same = member.folder == app.folder && next == script;
        if same { None } else { follow(&member, &next, left - 1) }
    });
    further.or_else(|| {
        let own = inner.folder == app.folder;
        let package = if own { package } else { Package::read(&inner).unwrap_or(package) };
        Some(Resolved { app: inner, package, script: script.to_owned(), command: last.to_owned() })
    })
}

fn step_into<'t>(app: &App<'t>, folder: &str) -> App<'t> {
    let folder = folder.trim_start_matches("./").trim_end_matches('/');
    let path = app.path(folder);
    if folder.contains("..") || !app.tree.has_folder(&path) { app.clone() } else { App::new(app.tree, &path) }
}

/// The package and the script that a command calls, when it is a call of one.
fn call<'t>(app: &App<'t>, command: &str) -> Option<(App<'t>, String)> {
    let mut words =
        command.split_whitespace().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let mut program = words.next()?;
    if ["npx", "bunx"].contains(&program) {
        program = words.next()?;
    }
    let rest: Vec<&str> = words.take_while(|word| *word != "--").collect();
    let member = option(
        &rest,
        &["-w", "--workspace", "--filter", "-F", "--scope", "--prefix", "-C", "--dir", "--cwd"],
    );
    let plain: Vec<&str> = plain_words(&rest);
    match program {
        manager if MANAGERS.contains(&manager) => {
            let (member, plain) = match plain.as_slice() {
                ["workspace", name, more @ ..] => (Some(*name), more.to_vec()),
                _ => (member, plain),
            };
            let script = plain.iter().find(|word| !["run", "run-script"].contains(word))?;
            let target = match member {
                Some(name) => find_member(app, name)?,
                None => app.clone(),
            };
            Some((target, (*script).to_owned()))
        }
        "turbo" | "lerna" => {
            let script = plain.iter().find(|word| !["run", "exec"].contains(word))?;
            let target = match member {
                Some(name) => find_member(app, name)?,
                None => only_member_with(app, script)?,
            };
            Some((target, (*script).to_owned()))
        }
        "nx" => match plain.as_slice() {
            ["run", target, ..] => {
                let (name, script) = target.split_once(':')?;
                Some((find_member(app, name)?, script.split(':').next()?.to_owned()))
            }
            [script, name, ..] => Some((find_member(app, name)?, (*script).to_owned())),
            _ => None,
        },
        _ => None,
    }
}

const WITH_VALUE: [&str; 9] =
    ["-w", "--workspace", "--filter", "-F", "--scope", "--prefix", "-C", "--dir", "--cwd"];

fn plain_words<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut plain = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(word) {
            words.next();
        } else if !word.starts_with('-') {
            plain.push(*word);
        }
    }
    plain
}

/// The value of the first of these options.
pub(super) fn option<'w>(words: &[&'w str], names: &[&str]) -> Option<&'w str> {
    words.iter().enumerate().find_map(|(index, word)| match word.split_once('=') {
        Some((name, value)) if names.contains(&name) => Some(value),
        _ if names.contains(word) => words.get(index + 1).copied(),
        _ => None,
    })
}

fn find_member<'t>(app: &App<'t>, name: &str) -> Option<App<'t>> {
    let name = name.trim_matches(['"', '\'', '{', '}']).trim_end_matches("...");
    let folder = name.trim_start_matches("./").trim_end_matches('/');
    if app.tree.has_folder(&app.path(folder)) && !folder.is_empty() {
        return Some(App::new(app.tree, &app.path(folder)));
    }
    members(app).find(|member| {
        member.folder.rsplit('/').next() == Some(name) || super::package_name(member).as_deref() == Some(name)
    })
}

fn only_member_with<'t>(app: &App<'t>, script: &str) -> Option<App<'t>> {
    let mut with =
        members(app).filter(|member| Package::read(member).is_some_and(|p| p.script(script).is_some()));
    let first = with.next()?;
    with.next().is_none().then_some(first)
}

fn members<'t>(app: &App<'t>) -> impl Iterator<Item = App<'t>> {
    let tree = app.tree;
    let folders = super::super::members(tree).into_iter().map(move |folder| App::new(tree, &folder));
    folders.filter(|member| member.has("package.json"))
}

/// Whether a script runs one of these tools, directly or through a script of the usual names for them.
pub(super) fn is_tool(script: &str, tools: &[&str]) -> bool {
    let last = script.rsplit("&&").next().unwrap_or(script);
    match program(last) {
        Some((manager, rest)) if MANAGERS.contains(&manager) => {
            let name =
                rest.iter().find(|word| !["run", "run-script"].contains(word)).copied().unwrap_or_default();
            ["dev", "preview", "serve", "start"].contains(&name)
        }
        Some((tool, _)) => tools.contains(&tool),
        None => true,
    }
}

/// The program that a command runs, behind what only sets things up, and its words.
pub(super) fn program(command: &str) -> Option<(&str, Vec<&str>)> {
    const SETUP: [&str; 14] = [
        "npx",
        "bunx",
        "cross-env",
        "cross-env-shell",
        "dotenv",
        "dotenvx",
        "env-cmd",
        "env",
        "exec",
        "run",
        "--",
        "-y",
        "time",
        "sudo",
    ];
    let assigns = |word: &str| word.contains('=') && !word.starts_with('-');
    let words: Vec<&str> = command.split_whitespace().collect();
    let at =
        words.iter().position(|word| !assigns(word) && !SETUP.contains(word) && !word.starts_with('-'))?;
    let program = words[at].rsplit('/').next().unwrap_or(words[at]);
    Some((program, words[at + 1..].to_vec()))
}

/// A port that a command fixes by an option or an assignment, rather than taking it from the environment.
pub(super) fn port(command: &str) -> Option<u16> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let assigned = words.iter().find_map(|word| word.strip_prefix("PORT="));
    option(&words, &["-p", "--port", "-l", "--listen"]).or(assigned)?.rsplit(':').next()?.parse().ok()
}
