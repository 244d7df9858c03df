//! The table of what can be recognised. One file per provider; to add one, write `detect` and `plan` and add a row.
//!
//! `detect` looks for the manifest and answers where it is and how sure that makes us; it is cheap. `plan` claims
//! every part of the report it knows. Neither may fail: a broken manifest makes a weaker answer.

mod compiled;
pub(crate) mod configuration;
pub(crate) mod configured;
mod cpp;
mod deno;
mod dockerfile;
mod dotnet;
mod elixir;
mod gleam;
mod go;
pub(crate) mod hosts;
mod java;
mod jvm;
mod nix;
mod node;
mod php;
pub(crate) mod procfile;
mod python;
mod ruby;
mod rust;
pub(crate) mod sextant_toml;
mod shell;
mod sites;
mod staticfile;
mod versions;
pub(crate) mod yaml;

use crate::Provider;
use crate::plan::{App, Draft, Origin};
use crate::tree::Tree;

struct Row {
    provider: Provider,
    detect: fn(&App) -> Option<Origin>,
    plan: fn(&App, &mut Draft),
}

/// At equal confidence an earlier row wins: a server's manifest before that of the tools that accompany it.
const TABLE: [Row; 23] = [
    Row { provider: Provider::Dockerfile, detect: dockerfile::detect, plan: dockerfile::plan },
    Row { provider: Provider::Php, detect: php::detect, plan: php::plan },
    Row { provider: Provider::Scala, detect: jvm::detect_scala, plan: jvm::plan_scala },
    Row { provider: Provider::Clojure, detect: jvm::detect_clojure, plan: jvm::plan_clojure },
    Row { provider: Provider::Go, detect: go::detect, plan: go::plan },
    Row { provider: Provider::Java, detect: java::detect, plan: java::plan },
    Row { provider: Provider::Rust, detect: rust::detect, plan: rust::plan },
    Row { provider: Provider::Ruby, detect: ruby::detect, plan: ruby::plan },
    Row { provider: Provider::Elixir, detect: elixir::detect, plan: elixir::plan },
    Row { provider: Provider::Python, detect: python::detect, plan: python::plan },
    Row { provider: Provider::Gleam, detect: gleam::detect, plan: gleam::plan },
    Row { provider: Provider::Deno, detect: deno::detect, plan: deno::plan },
    Row { provider: Provider::Swift, detect: compiled::detect_swift, plan: compiled::plan_swift },
    Row { provider: Provider::Crystal, detect: compiled::detect_crystal, plan: compiled::plan_crystal },
    Row { provider: Provider::Haskell, detect: compiled::detect_haskell, plan: compiled::plan_haskell },
    Row { provider: Provider::Dart, detect: compiled::detect_dart, plan: compiled::plan_dart },
    Row { provider: Provider::Zig, detect: compiled::detect_zig, plan: compiled::plan_zig },
    Row { provider: Provider::Dotnet, detect: dotnet::detect, plan: dotnet::plan },
    Row { provider: Provider::Node, detect: node::detect, plan: node::plan },
    Row { provider: Provider::Cpp, detect: cpp::detect, plan: cpp::plan },
    Row { provider: Provider::Staticfile, detect: staticfile::detect, plan: staticfile::plan },
    Row { provider: Provider::Nix, detect: nix::detect, plan: nix::plan },
    Row { provider: Provider::Shell, detect: shell::detect, plan: shell::plan },
];

/// One way the app could be read.
pub(crate) struct Detection {
    pub(crate) provider: Provider,
    pub(crate) origin: Origin,
}

/// Every way the app could be read, the surest first.
pub(crate) fn detect(app: &App) -> Vec<Detection> {
    let found = TABLE
        .iter()
        .filter_map(|row| (row.detect)(app).map(|origin| Detection { provider: row.provider, origin }));
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| b.origin.confidence.total_cmp(&a.origin.confidence));
    found
}

/// Lets one provider claim what it knows.
pub(crate) fn plan(provider: Provider, app: &App, draft: &mut Draft) {
    if let Some(row) = TABLE.iter().find(|row| row.provider == provider) {
        (row.plan)(app, draft);
    }
}

/// Says why an own Dockerfile that cannot be built is passed over.
pub(crate) fn note_broken(app: &App, draft: &mut Draft) {
    dockerfile::note_broken(app, draft);
}

/// Where the tree says that it holds several packages.
pub(crate) fn workspace(tree: &Tree) -> Option<Origin> {
    let root = App::new(tree, "");
    node::workspace(&root)
        .or_else(|| rust::workspace(&root))
        .or_else(|| python::workspace(&root))
        .or_else(|| root.has("go.work").then(|| Origin::new("go.work", None, 1.0)))
}

/// The folders of the workspace's packages, sorted.
pub(crate) fn members(tree: &Tree) -> Vec<String> {
    let root = App::new(tree, "");
    let patterns: Vec<_> =
        [node::patterns(&root), rust::patterns(&root), python::patterns(&root), go::patterns(&root)].concat();
    // Each folder is held against each pattern: nobody writes more of them than this.
    let (out, patterns): (Vec<_>, Vec<_>) =
        patterns.into_iter().take(1_000).partition(|pattern| pattern.starts_with('!'));
    let fits = |patterns: &[String], folder: &str| {
        patterns.iter().any(|pattern| crate::text::fits(pattern.trim_start_matches('!'), folder))
    };
    let is_member = |folder: &&str| {
        if patterns.is_empty() {
            // nx, go.work and others name no patterns: each manifest counts.
            return !folder.split('/').any(|part| part.starts_with('.'));
        }
        fits(&patterns, folder) && !fits(&out, folder)
    };
    tree.folders().filter(is_member).map(str::to_owned).collect()
}

/// What the app's `package.json` depends on when it runs, with the place that says so.
pub(crate) fn node_dependencies(app: &App) -> Vec<(String, Origin)> {
    node::dependencies(app)
}

/// What a start command of a package runs in the end, where it calls a script or the package itself.
pub(crate) fn node_script(app: &App, command: &str) -> Option<String> {
    node::script_behind(app, command)
}

/// What node builds for an app of another language.
fn node_assets(app: &App) -> Option<node::Assets> {
    node::assets(app)
}

/// The name that the app's manifest gives it.
pub(crate) fn package_name(app: &App) -> Option<String> {
    node::package_name(app).or_else(|| rust::package_name(app))
}
