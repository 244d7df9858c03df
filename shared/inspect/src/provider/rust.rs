//! Rust: packages and workspaces of Cargo, and which of their binaries is the app.

use toml::{Table, Value};

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const FRAMEWORKS: [(&str, &str); 11] = [
    ("loco-rs", "loco"),
    ("leptos_axum", "leptos"),
    ("axum", "axum"),
    ("actix-web", "actix-web"),
    ("rocket", "rocket"),
    ("warp", "warp"),
    ("poem", "poem"),
    ("salvo", "salvo"),
    ("tide", "tide"),
    ("tonic", "tonic"),
    ("hyper", "hyper"),
];

/// Folders whose programs accompany the app.
const SIDE: [&str; 8] = ["examples", "example", "tools", "xtask", "benches", "bench", "fuzz", "tests"];

/// A binary that could be the app.
struct Binary {
    name: String,
    package: String,
    /// The package's folder, relative to the tree's root.
    folder: String,
    /// What makes it likelier than others: a lower rank wins.
    rank: u8,
}

pub(super) fn detect(app: &App) -> Option<Origin> {
    app.has("Cargo.toml").then(|| app.origin("Cargo.toml", None, 0.95))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let manifest = manifest(app);
    draft.claim(Field::PackageManager, "cargo", app.origin("Cargo.toml", None, 1.0));
    claim_version(app, &manifest, draft);
    if let Some(origin) = browser(app, &manifest) {
        draft.claim(Field::Build, app.command("trunk build --release"), origin.clone());
        draft.claim_static(app.path("dist"), true, origin.clone());
        return draft.claim_port(80, Origin { confidence: 0.4, ..origin });
    }
    let mut binaries = binaries(app, &manifest);
    binaries.sort_by(|a, b| (a.rank, &a.package, &a.name).cmp(&(b.rank, &b.package, &b.name)));
    let sure =
        if binaries.len() == 1 || binaries.first().is_some_and(|first| first.rank == 0) { 0.95 } else { 0.6 };
    let root = target_root(app);
    if let Some(binary) = binaries.first() {
        let from = App::new(app.tree, &binary.folder);
        let manifest_path = from.path("Cargo.toml");
        let line = from.text("Cargo.toml").and_then(|text| text::line_of(&text, &binary.name));
        let origin = Origin::new(manifest_path, line, sure);
        let start = root.command(format!("./target/release/{}", binary.name));
        draft.claim(Field::Start, start, origin.clone());
        draft.claim(Field::Build, build(&root, binary), origin);
    }
    for other in binaries.iter().skip(1) {
        let from = App::new(app.tree, &other.folder);
        let start = root.command(format!("./target/release/{}", other.name));
        draft.alternative("start_command", start, Origin::new(from.path("Cargo.toml"), None, 0.4));
    }
    claim_framework(app, binaries.first(), draft);
}

/// Where the tree says that it is built for the browser by Trunk.
fn browser(app: &App, manifest: &Table) -> Option<Origin> {
    if app.has("Trunk.toml") {
        return Some(app.origin("Trunk.toml", None, 0.95));
    }
    let dependencies = manifest.get("dependencies").and_then(Value::as_table)?;
    let page = app.text("index.html")?;
    let yew = ["yew", "leptos", "sycamore"].into_iter().find(|name| dependencies.contains_key(*name))?;
    let line = app.text("Cargo.toml").and_then(|text| text::line_of(&text, yew));
    (page.contains("data-trunk") && framework(manifest).is_none())
        .then(|| app.origin("Cargo.toml", line, 0.85))
}

fn build(root: &App, binary: &Binary) -> String {
    let locked = if root.has("Cargo.lock") { " --locked" } else { "" };
    // A package may bear the name of what it depends on: then its name alone means either.
    let own = manifest(&App::new(root.tree, &binary.folder));
    let ambiguous = own.get("dependencies").is_some_and(|known| known.get(&binary.package).is_some());
    let package = if ambiguous { String::new() } else { format!(" --package {}", binary.package) };
    root.command(format!("cargo build --release{locked}{package} --bin {}", binary.name))
}

/// The folder whose `target` cargo writes to: the workspace's root.
fn target_root<'t>(app: &App<'t>) -> App<'t> {
    let mut folder = app.folder.clone();
    while !folder.is_empty() {
        folder = folder.rsplit_once('/').map_or(String::new(), |(above, _)| above.to_owned());
        let above = App::new(app.tree, &folder);
        if let Some(workspace) = manifest(&above).get("workspace").and_then(Value::as_table)
            && list(workspace, "members").iter().any(|pattern| text::fits(&above.path(pattern), &app.folder))
        {
            return above;
        }
    }
    app.clone()
}

fn binaries(app: &App, manifest: &Table) -> Vec<Binary> {
    let mut found = package_binaries(app, manifest);
    let Some(workspace) = manifest.get("workspace").and_then(Value::as_table) else { return found };
    let (members, defaults) = (list(workspace, "members"), list(workspace, "default-members"));
    for folder in app.tree.folders() {
        let Some(inner) = inside(app, folder) else { continue };
        if !members.iter().any(|pattern| text::fits(pattern, inner)) {
            continue;
        }
        let member = App::new(app.tree, folder);
        let default = defaults.iter().any(|pattern| text::fits(pattern, inner));
        let manifest = self::manifest(&member);
        // Of several programs the one that answers requests is the app.
        let lift = u8::from(!default) + if framework(&manifest).is_some() { 0 } else { 4 };
        let tool = SIDE.iter().any(|side| inner.split('/').any(|part| part == *side));
        let lift = if tool { lift + 8 } else { lift };
        found.extend(
            package_binaries(&member, &manifest)
                .into_iter()
                .map(|binary| Binary { rank: binary.rank + lift, ..binary }),
        );
    }
    found
}

fn inside<'p>(app: &App, folder: &'p str) -> Option<&'p str> {
    if app.folder.is_empty() {
        return Some(folder);
    }
    folder.strip_prefix(&app.folder)?.strip_prefix('/')
}

fn package_binaries(app: &App, manifest: &Table) -> Vec<Binary> {
    let Some(package) = manifest.get("package").and_then(Value::as_table) else { return Vec::new() };
    let Some(name) = package.get("name").and_then(Value::as_str) else { return Vec::new() };
    let default = package.get("default-run").and_then(Value::as_str);
    let declared = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> =
        declared.filter_map(|bin| bin.get("name").and_then(Value::as_str)).map(str::to_owned).collect();
    let renamed = manifest.get("bin").and_then(Value::as_array).is_some_and(|bins| {
        bins.iter().any(|bin| bin.get("path").and_then(Value::as_str) == Some("src/main.rs"))
    });
    if app.has("src/main.rs") && !renamed {
        names.push(name.to_owned());
    }
    names.extend(app.files().filter_map(|file| {
        {
            let file = file.strip_prefix("src/bin/")?;
            file.strip_suffix("/main.rs")
                .or_else(|| file.strip_suffix(".rs"))
                .filter(|name| !name.contains('/'))
        }
        .map(str::to_owned)
    }));
    names.sort();
    names.dedup();
    let rank = |bin: &str| match default {
        Some(default) if default == bin => 0,
        _ if bin == name => 2,
        _ if ["server", "web", "api", "app", "main"].contains(&bin) => 3,
        _ => 4,
    };
    names
        .into_iter()
        .map(|bin| Binary {
            rank: rank(&bin),
            name: bin,
            package: name.to_owned(),
            folder: app.folder.clone(),
        })
        .collect()
}

/// The dependency that makes a package a server, and the framework's name.
fn framework(manifest: &Table) -> Option<(&'static str, &'static str)> {
    let dependencies = manifest.get("dependencies").and_then(Value::as_table)?;
    FRAMEWORKS.iter().find(|(name, _)| dependencies.contains_key(*name)).copied()
}

fn claim_framework(app: &App, chosen: Option<&Binary>, draft: &mut Draft) {
    let chosen = chosen.map_or_else(|| app.clone(), |binary| App::new(app.tree, &binary.folder));
    let manifest = manifest(&chosen);
    let Some((name, framework)) = framework(&manifest) else { return };
    let line = chosen.text("Cargo.toml").and_then(|content| {
        content.lines().position(|line| line.trim_start().starts_with(name)).map(|index| index + 1)
    });
    draft.claim(Field::Framework, framework, chosen.origin("Cargo.toml", line, 0.95));
    if framework == "rocket" {
        draft.claim_port(8000, chosen.origin("Cargo.toml", line, 0.7));
        draft.note("port_variable: ROCKET_PORT", chosen.origin("Cargo.toml", line, 0.9));
        draft.report.port_variable = Some("ROCKET_PORT".into());
        draft.report.run_env.insert("ROCKET_ADDRESS".into(), "0.0.0.0".into());
    }
}

fn claim_version(app: &App, manifest: &Table, draft: &mut Draft) {
    for name in ["rust-toolchain.toml", "rust-toolchain"] {
        let Some(path) = app.nearest(name) else { continue };
        let content = app.tree.text(&path).unwrap_or_default();
        let channel = content
            .parse::<Table>()
            .ok()
            .and_then(|table| Some(table.get("toolchain")?.get("channel")?.as_str()?.to_owned()));
        let plain = || text::version_line(&content).map(|(_, version)| version.to_owned());
        let known = channel.or_else(|| plain().filter(|version| !version.starts_with('[')));
        if let Some(version) = known {
            let line = text::line_of(&content, &version);
            draft.claim(Field::RuntimeVersion, version, Origin::new(path, line, 0.95));
        }
    }
    super::versions::claim_tools(app, draft, &["rust"]);
    let version = |table: &Table| Some(table.get("package")?.get("rust-version")?.as_str()?.to_owned());
    let shared = |table: &Table| {
        Some(table.get("workspace")?.get("package")?.get("rust-version")?.as_str()?.to_owned())
    };
    if let Some(version) = version(manifest).or_else(|| shared(manifest)) {
        let line = app.text("Cargo.toml").and_then(|text| text::line_of(&text, "rust-version"));
        draft.claim(Field::RuntimeVersion, version, app.origin("Cargo.toml", line, 0.85));
    }
}

fn manifest(app: &App) -> Table {
    app.text("Cargo.toml").and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn list(table: &Table, key: &str) -> Vec<String> {
    let listed = table.get(key).and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).map(str::to_owned).take(1_000).collect()
}

/// Where the manifest says it is a workspace with members.
pub(super) fn workspace(app: &App) -> Option<Origin> {
    let manifest = manifest(app);
    // An empty table only keeps a package out of the workspace above it.
    if list(manifest.get("workspace")?.as_table()?, "members").is_empty() {
        return None;
    }
    let line = app.text("Cargo.toml").and_then(|text| text::line_of(&text, "[workspace"));
    Some(app.origin("Cargo.toml", line, 1.0))
}

/// The patterns of the workspace's packages.
pub(super) fn patterns(app: &App) -> Vec<String> {
    manifest(app)
        .get("workspace")
        .and_then(Value::as_table)
        .map(|table| list(table, "members"))
        .unwrap_or_default()
}

/// The package's own name.
pub(super) fn package_name(app: &App) -> Option<String> {
    manifest(app).get("package")?.get("name")?.as_str().map(str::to_owned)
}
