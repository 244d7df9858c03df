//! Node: `package.json`, its lock file, its scripts and the configuration of its framework.

mod framework;
mod manager;
mod nx;
mod script;

use serde_json::Value;

use crate::deployable;
use crate::plan::{App, Draft, Field, Origin};
use crate::provider::yaml;
use crate::text;

/// Entry files that are tried when neither a script nor `main` names one.
const ENTRIES: [&str; 12] = [
    "index.js",
    "server.js",
    "app.js",
    "main.js",
    "index.mjs",
    "server.mjs",
    "src/index.js",
    "src/server.js",
    "index.ts",
    "server.ts",
    "src/index.ts",
    "src/server.ts",
];

/// A parsed `package.json`.
pub(super) struct Package {
    pub(super) text: std::rc::Rc<str>,
    pub(super) json: Value,
    /// The file it was read from: pnpm also reads `package.json5`.
    pub(super) file: &'static str,
}

/// Names of the manifest, the usual one first.
pub(super) const MANIFESTS: [&str; 2] = ["package.json", "package.json5"];

impl Package {
    pub(super) fn read(app: &App) -> Option<Self> {
        let file = MANIFESTS.into_iter().find(|name| app.has(name))?;
        let text = app.text(file)?;
        let json = text::json5(&text).unwrap_or(Value::Null);
        Some(Self { text, json, file })
    }

    fn none() -> Self {
        Self { text: "".into(), json: Value::Null, file: MANIFESTS[0] }
    }

    pub(super) fn script(&self, name: &str) -> Option<&str> {
        self.json.get("scripts")?.get(name)?.as_str().filter(|script| !script.trim().is_empty())
    }

    /// The version range of a dependency, development ones included.
    pub(super) fn dependency(&self, name: &str) -> Option<&str> {
        ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"]
            .iter()
            .find_map(|table| self.json.get(table)?.get(name)?.as_str())
    }

    pub(super) fn line(&self, key: &str) -> Option<usize> {
        text::json_key_line(&self.text, key).or_else(|| {
            let bare = |line: &str| {
                line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
            };
            (self.file != MANIFESTS[0])
                .then(|| self.text.lines().position(bare).map(|index| index + 1))
                .flatten()
        })
    }

    fn has_dependencies(&self) -> bool {
        let filled =
            |table: &str| self.json.get(table).and_then(Value::as_object).is_some_and(|t| !t.is_empty());
        filled("dependencies") || filled("devDependencies") || self.json.get("workspaces").is_some()
    }
}

pub(super) fn detect(app: &App) -> Option<Origin> {
    if let Some(name) = app.first(&MANIFESTS) {
        return Some(app.origin(name, None, 0.9));
    }
    if let Some(origin) = nx::detect(app) {
        return Some(origin);
    }
    let entry =
        app.first(&["server.js", "index.js", "index.ts", "app.js", "main.js", "server.mjs", "index.mjs"])?;
    Some(app.origin(entry, None, if app.has("index.html") { 0.4 } else { 0.55 }))
}

/// Scripts that run when an app is installed, built and started.
const LIFE: [&str; 9] = [
    "preinstall",
    "install",
    "postinstall",
    "prepare",
    "prebuild",
    "build",
    "postbuild",
    "prestart",
    "start",
];

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let own = Package::read(app);
    let nx = own.is_none() && nx::detect(app).is_some();
    let package = own.unwrap_or_else(Package::none);
    let found = manager::find(app, &package);
    if draft.has(Field::PackageManager) {
        draft.claim(Field::PackageManager, found.name, found.origin.clone());
    }
    let manager = found.asked(app, draft.report.package_manager.as_deref());
    if package.has_dependencies() || !manager.origin.file.ends_with(package.file) {
        draft.claim(Field::PackageManager, manager.name, manager.origin.clone());
    } else {
        draft.claim(
            Field::PackageManager,
            manager.name,
            Origin { confidence: 0.6, ..manager.origin.clone() },
        );
    }
    draft.report.package_manager_version.clone_from(&manager.version);
    claim_versions(app, &package, manager.name, draft);
    if nx {
        nx::claim(app, draft);
    }
    if package.has_dependencies() || nx {
        draft.claim(Field::Install, manager.install(app), manager.origin.clone());
        draft.report.path.push(app.path("node_modules/.bin"));
        if !app.folder.is_empty() {
            draft.report.path.push("node_modules/.bin".into());
        }
    }
    framework::claim(app, &package, &manager, draft);
    framework::claim_platform(app, &package, draft);
    let behind: Vec<_> = ["build", "start"].iter().filter_map(|name| script::resolve(app, name)).collect();
    let behind = behind.iter().map(|behind| behind.command.as_str());
    let commands = LIFE.iter().filter_map(|name| package.script(name)).chain(behind);
    draft.report.tools.extend(commands.flat_map(deployable::programs).map(str::to_owned));
    claim_build(app, &package, &manager, draft);
    if !draft.report.static_site {
        claim_start(app, &package, &manager, draft);
    }
}

fn claim_build(app: &App, package: &Package, manager: &manager::Manager, draft: &mut Draft) {
    if package.script("build").is_some() {
        let origin = app.origin(package.file, package.line("build"), 0.95);
        draft.claim(Field::Build, app.command(manager.run("build")), origin);
    }
}

/// Scripts that start an app whose `start` is missing or only for developing, the likeliest first.
const STARTS: [&str; 8] =
    ["start:prod", "start:production", "prod", "production", "serve:prod", "server", "serve", "start:server"];

/// Tools that build or watch while they run: what they start is for developing.
const WATCHERS: [&str; 8] =
    ["ng", "nest", "nodemon", "ts-node-dev", "tsx-watch", "webpack", "vite-node", "concurrently"];

/// A script of another name than `start` that runs a program of the app's own.
fn own_script(package: &Package) -> Option<&'static str> {
    const RUNNERS: [&str; 8] = ["node", "nodejs", "tsx", "ts-node", "bun", "deno", "pm2-runtime", "nest"];
    STARTS.into_iter().find(|name| {
        let script = package.script(name).and_then(script::program);
        script.is_some_and(|(program, words)| {
            let stand_in = |word: &&str| {
                ["--watch", "mock", "fake", "dev", "test", "debug"].iter().any(|mark| word.contains(mark))
            };
            RUNNERS.contains(&program) && !words.iter().any(stand_in)
        })
    })
}

fn claim_start(app: &App, package: &Package, manager: &manager::Manager, draft: &mut Draft) {
    let start = package.script("start");
    let develops = start.and_then(script::program).is_some_and(|(program, _)| WATCHERS.contains(&program));
    let claim_script = |name: &str, confidence, draft: &mut Draft| {
        let origin = app.origin(package.file, package.line(name), confidence);
        draft.claim(Field::Start, app.command(manager.run(name)), origin);
    };
    if start.is_some() && !develops {
        claim_script("start", 0.95, draft);
    }
    if let Some(name) = own_script(package) {
        claim_script(name, 0.8, draft);
    }
    framework::claim_start(app, package, manager, draft);
    if start.is_some() && develops {
        claim_script("start", 0.6, draft);
    }
    claim_main(app, package, manager.name, draft);
    if !draft.has(Field::Start)
        && let Some((file, line)) = developed(app, package)
        && let Some(command) = run_file(&file, manager.name)
    {
        draft.claim(Field::Start, app.command(command), app.origin(package.file, line, 0.65));
    }
    if !draft.has(Field::Start)
        && let Some((entry, command)) = ENTRIES
            .into_iter()
            .filter(|entry| app.has(entry))
            .find_map(|entry| Some((entry, run_file(entry, manager.name)?)))
    {
        draft.claim(Field::Start, app.command(command), app.origin(entry, None, 0.6));
    }
}

/// `main` and `module`, also where a build writes what they name.
fn claim_main(app: &App, package: &Package, manager: &str, draft: &mut Draft) {
    for key in ["main", "module"] {
        let Some(main) = package.json.get(key).and_then(Value::as_str) else { continue };
        let main = main.trim_start_matches("./");
        let built = package.script("build").is_some()
            && ["dist/", "build/", "lib/", "out/"].iter().any(|folder| main.starts_with(folder))
            && package.json.get("dependencies").is_some()
            && ["types", "typings", "exports"].iter().all(|key| package.json.get(key).is_none());
        if let Some(command) = (app.has(main) || built).then(|| run_file(main, manager)).flatten() {
            let origin = app.origin(package.file, package.line(key), 0.72);
            draft.claim(Field::Start, app.command(command), origin);
        }
    }
}

/// The file that the `dev` script watches.
fn developed(app: &App, package: &Package) -> Option<(String, Option<usize>)> {
    let (name, script) =
        ["dev", "develop", "start:dev"].into_iter().find_map(|name| Some((name, package.script(name)?)))?;
    let words = script.split_whitespace().map(|word| word.trim_start_matches("./"));
    let mut files =
        words.filter(|word| word.contains('.') && app.has(word) && run_file(word, "bun").is_some());
    Some((files.next()?.to_owned(), package.line(name)))
}

fn run_file(file: &str, manager: &str) -> Option<String> {
    let word = text::shell_word(file);
    match file.rsplit('.').next()? {
        "js" | "mjs" | "cjs" if manager != "bun" => Some(format!("node {word}")),
        "js" | "mjs" | "cjs" | "ts" | "mts" | "tsx" if manager == "bun" => Some(format!("bun {word}")),
        "ts" | "mts" => Some(format!("node {word}")),
        _ => None,
    }
}

/// Version files first (they are what a developer's machine uses), then what the manifest allows.
fn claim_versions(app: &App, package: &Package, manager: &str, draft: &mut Draft) {
    if manager == "bun" {
        super::versions::claim_file(app, draft, ".bun-version");
        super::versions::claim_tools(app, draft, &["bun"]);
        claim_key(app, package, draft, "engines", "bun");
        // What runs it is what installs it, too.
        let report = &mut draft.report;
        report.package_manager_version =
            report.package_manager_version.take().or(report.runtime_version.clone());
    }
    super::versions::claim_file(app, draft, ".nvmrc");
    super::versions::claim_file(app, draft, ".node-version");
    super::versions::claim_tools(app, draft, &["nodejs", "node"]);
    claim_key(app, package, draft, "volta", "node");
    let runtime = package.json.pointer("/devEngines/runtime");
    if let Some(version) = runtime.and_then(|runtime| runtime.get("version")).and_then(Value::as_str) {
        draft.claim(Field::RuntimeVersion, version, app.origin(package.file, package.line("runtime"), 0.85));
    }
    claim_key(app, package, draft, "engines", "node");
}

fn claim_key(app: &App, package: &Package, draft: &mut Draft, table: &str, key: &str) {
    if let Some(version) = package.json.get(table).and_then(|table| table.get(key)).and_then(Value::as_str) {
        // The key may also stand elsewhere (a dependency on `node`): the line is sought below its table.
        let start = package.line(table).unwrap_or(1);
        let below: String = package.text.lines().skip(start - 1).collect::<Vec<_>>().join("\n");
        let line = text::json_key_line(&below, key).map(|line| line + start - 1);
        draft.claim(Field::RuntimeVersion, text::without_v(version), app.origin(package.file, line, 0.9));
    }
}

/// Where the tree says it is a workspace of several packages.
pub(super) fn workspace(app: &App) -> Option<Origin> {
    if let Some(package) = Package::read(app)
        && package.json.get("workspaces").is_some()
    {
        return Some(app.origin(package.file, package.line("workspaces"), 1.0));
    }
    // A pnpm file may hold settings only: without packages it makes no workspace.
    if !pnpm_packages(app).is_empty() {
        return Some(app.origin("pnpm-workspace.yaml", None, 1.0));
    }
    app.first(&["nx.json", "turbo.json", "lerna.json"]).map(|name| app.origin(name, None, 0.9))
}

/// The patterns of the workspace's packages.
pub(super) fn patterns(app: &App) -> Vec<String> {
    let mut patterns = pnpm_packages(app);
    let Some(package) = Package::read(app) else { return patterns };
    let lerna = || app.text("lerna.json").and_then(|content| text::json(&content));
    let listed = match package.json.get("workspaces").cloned() {
        Some(Value::Object(table)) => table.get("packages").cloned(),
        Some(list) => Some(list),
        None => lerna().and_then(|lerna| lerna.get("packages").cloned()),
    };
    let listed = listed.as_ref().and_then(Value::as_array).into_iter().flatten();
    patterns.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    patterns
}

/// `packages:` of `pnpm-workspace.yaml`.
fn pnpm_packages(app: &App) -> Vec<String> {
    let content = app.text("pnpm-workspace.yaml").unwrap_or_default();
    let entries = yaml::read(&content).into_iter();
    entries.filter(|entry| entry.is("packages.*")).map(|entry| entry.value).collect()
}

/// The package's own name.
pub(super) fn package_name(app: &App) -> Option<String> {
    Package::read(app)?.json.get("name")?.as_str().map(str::to_owned)
}

/// The script that a command calls, the whole of it and what it leads to; `main` where the package itself is run.
pub(super) fn script_behind(app: &App, command: &str) -> Option<String> {
    let package = Package::read(app)?;
    let last = command.rsplit("&&").next().unwrap_or_default().trim();
    if let Some(main) = last.strip_suffix(" .").and(package.json.get("main")).and_then(Value::as_str) {
        return Some(main.to_owned());
    }
    let behind = script::behind(app, last).filter(|behind| behind.app.folder == app.folder)?;
    let whole = behind.package.script(&behind.script).unwrap_or_default();
    Some(format!("{whole} {}", behind.command))
}

/// The dependencies of the running app, with their places.
pub(super) fn dependencies(app: &App) -> Vec<(String, Origin)> {
    let Some(package) = Package::read(app) else { return Vec::new() };
    let tables = ["dependencies", "optionalDependencies"]
        .into_iter()
        .filter_map(|table| package.json.get(table)?.as_object());
    let lines = text::string_lines(&package.text);
    tables
        .flatten()
        .map(|(name, _)| (name.clone(), app.origin(package.file, lines.get(name.as_str()).copied(), 0.9)))
        .collect()
}

/// Assets that another language's app has built by node: how, and where the manifest says so.
pub(super) struct Assets {
    pub(super) install: String,
    pub(super) build: String,
    pub(super) origin: Origin,
}

/// The assets of an app whose `package.json` has a `build` script.
pub(super) fn assets(app: &App) -> Option<Assets> {
    let package = Package::read(app)?;
    package.script("build")?;
    let manager = manager::find(app, &package);
    // The command of the app's folder is put in front by whoever joins these to its own.
    let here = App::new(app.tree, "");
    let install = manager.install(&here);
    Some(Assets {
        install,
        build: manager.run("build"),
        origin: app.origin(package.file, package.line("build"), 0.9),
    })
}
