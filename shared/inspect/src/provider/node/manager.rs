//! Which package manager a package uses, and how that one installs and runs scripts.

use std::ops::ControlFlow;

use serde_json::Value;

use super::Package;
use crate::plan::{App, Origin};
use crate::provider::{versions, yaml};

/// Lock files, the newest format first; a leftover of another manager is rarer than a switch.
const LOCKS: [(&str, &str); 9] = [
    ("pnpm-lock.yaml", "pnpm"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("yarn.lock", "yarn"),
    (".yarnrc.yml", "yarn"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
    ("pnpm-workspace.yaml", "pnpm"),
    ("bunfig.toml", "bun"),
];

/// A package manager, and where the package says so.
pub(in crate::provider) struct Manager {
    pub(in crate::provider) name: &'static str,
    pub(in crate::provider) origin: Origin,
    /// The version that `packageManager` or `engines` asks for.
    pub(super) version: Option<String>,
    /// Yarn 2 and later, which spells its options differently.
    berry: bool,
    locked: bool,
}

/// Order: `packageManager`, lock file, `engines`, else npm; its version from there, a file of tools (`mise.toml`),
/// `engines`, or the format of the lock file.
pub(super) fn find(app: &App, package: &Package) -> Manager {
    let lock = LOCKS.iter().find_map(|(file, name)| Some((app.nearest(file)?, *name)));
    let locked = lock.as_ref().is_some_and(|(path, _)| path.contains("lock") || path.contains("shrinkwrap"));
    let berry = app.nearest(".yarnrc.yml").is_some() || is_berry(app);
    if let Some((name, version, origin)) = declared(app, package) {
        let major = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(1);
        // A lock file of another manager doesn't lock this one.
        let locked = locked && lock.is_some_and(|(_, by)| by == name);
        let version = version.split('+').next().filter(|version| !version.is_empty()).map(str::to_owned);
        return Manager { name, origin, version, berry: berry || major >= 2, locked };
    }
    if let Some((path, name)) = lock {
        // `npm ci` refuses a lock file that the manifest has moved on from.
        let locked = locked && (name != "npm" || !is_behind(app, package, &path));
        let version =
            versions::of_tool(app, name).or_else(|| engine(package, name)).or_else(|| by_lock(app, &path));
        return Manager { name, origin: Origin::new(path, None, 0.95), version, berry, locked };
    }
    let engines = package.json.get("engines");
    let named =
        ["pnpm", "yarn", "bun"].into_iter().find(|name| engines.is_some_and(|e| e.get(name).is_some()));
    let line = named.and_then(|name| package.line(name));
    let confidence = if named.is_some() { 0.8 } else { 0.7 };
    Manager {
        name: named.unwrap_or("npm"),
        origin: app.origin(package.file, line, confidence),
        version: engine(package, named.unwrap_or("npm")),
        berry,
        locked,
    }
}

/// Yarn 2 and later write their lock file in another form.
fn is_berry(app: &App) -> bool {
    let lock = app.nearest("yarn.lock").and_then(|path| app.tree.text(&path));
    lock.is_some_and(|lock| lock.lines().take(20).any(|line| line.starts_with("__metadata:")))
}

/// Whether npm's lock file was written for other dependencies than the manifest asks for.
fn is_behind(app: &App, package: &Package, path: &str) -> bool {
    if path != app.path("package-lock.json") {
        return false;
    }
    let Some(root) = app.tree.text(path).and_then(|lock| locked_root(&lock)) else { return false };
    ["dependencies", "devDependencies", "optionalDependencies"].iter().any(|table| {
        let asked = package.json.get(table).and_then(Value::as_object);
        let locked = root.get(table).and_then(Value::as_object);
        asked
            .into_iter()
            .flatten()
            .any(|(name, range)| locked.and_then(|locked| locked.get(name)) != Some(range))
    })
}

/// What a lock file of npm says of the package itself; the rest of it, which may be large, is not read.
fn locked_root(lock: &str) -> Option<Value> {
    let (_, packages) = lock.split_once("\"packages\"")?;
    let (_, root) = packages.split_once("\"\"")?;
    let root = root.trim_start().strip_prefix(':')?;
    serde_json::Deserializer::from_str(root).into_iter().next()?.ok()
}

/// The major version of pnpm that wrote a lock file: others read it differently, or not at all. Version 10 writes as 9
/// does; only it takes a workspace file that names no packages.
fn by_lock(app: &App, path: &str) -> Option<String> {
    if !path.ends_with("pnpm-lock.yaml") {
        return None;
    }
    let lock = app.tree.text(path)?;
    let mut format = None;
    // It stands first: the rest of a long file is not read. What is broken below it is no matter of this.
    let _ = yaml::walk(&lock, |levels, scalar| {
        if levels.is_empty() {
            return ControlFlow::Continue(());
        }
        format = scalar.filter(|_| levels[0].key == "lockfileVersion").map(|scalar| scalar.value);
        ControlFlow::Break(())
    });
    let format = format?;
    let settings = app.nearest("pnpm-workspace.yaml").and_then(|path| app.tree.text(&path));
    let ten = settings.is_some_and(|text| !yaml::read(&text).iter().any(|entry| entry.is("packages.*")));
    let known = [("5.", "7"), ("6.", "8"), ("9.", if ten { "10" } else { "9" })];
    known.into_iter().find(|(prefix, _)| format.starts_with(prefix)).map(|(_, major)| major.to_owned())
}

fn engine(package: &Package, name: &str) -> Option<String> {
    package.json.get("engines")?.get(name)?.as_str().map(str::to_owned)
}

/// `packageManager: "pnpm@10.4.1"` of the package or of the workspace's root.
fn declared(app: &App, package: &Package) -> Option<(&'static str, String, Origin)> {
    let (name, version, origin) = match package.json.get("packageManager").and_then(Value::as_str) {
        Some(value) => {
            let (name, version) = value.split_once('@').unwrap_or((value, ""));
            let line = package.line("packageManager");
            (name.to_owned(), version.to_owned(), app.origin(package.file, line, 1.0))
        }
        None => match package.json.pointer("/devEngines/packageManager") {
            Some(wanted) => {
                let text = |key: &str| wanted.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let line = package.line("packageManager");
                let version = text("version");
                let version = version.trim_start_matches(['^', '~', '>', '=', ' ']).to_owned();
                (text("name"), version, app.origin(package.file, line, 0.9))
            }
            None if !app.folder.is_empty() => return declared_at_root(app),
            None => return None,
        },
    };
    let known = ["npm", "pnpm", "yarn", "bun"].into_iter().find(|known| *known == name)?;
    Some((known, version, origin))
}

fn declared_at_root(app: &App) -> Option<(&'static str, String, Origin)> {
    let root = App::new(app.tree, "");
    declared(&root, &Package::read(&root)?)
}

impl Manager {
    /// This one, unless a flag or the app's own file asks for another.
    pub(super) fn asked(self, app: &App, name: Option<&str>) -> Self {
        let known = ["npm", "pnpm", "yarn", "bun"].into_iter().find(|known| name == Some(*known));
        let Some(name) = known.filter(|name| *name != self.name) else { return self };
        let locked = LOCKS[..7].iter().any(|(file, by)| *by == name && app.nearest(file).is_some());
        Self { name, version: None, locked, ..self }
    }

    /// The command that installs exactly what is locked, or what is asked for where nothing is locked.
    pub(super) fn install(&self, app: &App) -> String {
        let command = match (self.name, self.locked) {
            ("npm", true) => "npm ci",
            ("pnpm", true) => "pnpm install --frozen-lockfile",
            ("pnpm", false) => "pnpm install",
            ("yarn", true) if self.berry => "yarn install --immutable",
            ("yarn", true) => "yarn install --frozen-lockfile",
            ("yarn", false) => "yarn install",
            ("bun", true) => "bun install --frozen-lockfile",
            ("bun", false) => "bun install",
            _ => "npm install",
        };
        // The members of a workspace are installed together, from where the lock file is.
        let at_root = !app.has("package-lock.json") && super::workspace(&App::new(app.tree, "")).is_some();
        if at_root { command.to_owned() } else { app.command(command) }
    }

    /// The command that runs a script.
    pub(super) fn run(&self, script: &str) -> String {
        format!("{} run {script}", self.name)
    }
}
