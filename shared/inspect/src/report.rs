//! What was found: the plan, where each part of it came from, and what else was possible.

use std::collections::{BTreeMap, BTreeSet};

use model::{document::RunOptions, port::target::FixedPort};
use serde::{Deserialize, Serialize};

/// The language or kind of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the language of its name")]
pub enum Provider {
    Node,
    Python,
    Go,
    Rust,
    Java,
    Ruby,
    Php,
    Dotnet,
    Elixir,
    Deno,
    Gleam,
    Cpp,
    Scala,
    Clojure,
    Swift,
    Dart,
    Haskell,
    Crystal,
    Zig,
    Nix,
    Shell,
    Staticfile,
    Dockerfile,
}

impl Provider {
    /// Every provider, in the order of the documentation.
    pub const ALL: [Self; 23] = [
        Self::Node,
        Self::Python,
        Self::Go,
        Self::Rust,
        Self::Java,
        Self::Ruby,
        Self::Php,
        Self::Dotnet,
        Self::Elixir,
        Self::Deno,
        Self::Gleam,
        Self::Cpp,
        Self::Scala,
        Self::Clojure,
        Self::Swift,
        Self::Dart,
        Self::Haskell,
        Self::Crystal,
        Self::Zig,
        Self::Nix,
        Self::Shell,
        Self::Staticfile,
        Self::Dockerfile,
    ];

    /// The name people and reports use: `node`, `python`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Java => "java",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Dotnet => "dotnet",
            Self::Elixir => "elixir",
            Self::Deno => "deno",
            Self::Gleam => "gleam",
            Self::Cpp => "cpp",
            Self::Scala => "scala",
            Self::Clojure => "clojure",
            Self::Swift => "swift",
            Self::Dart => "dart",
            Self::Haskell => "haskell",
            Self::Crystal => "crystal",
            Self::Zig => "zig",
            Self::Nix => "nix",
            Self::Shell => "shell",
            Self::Staticfile => "staticfile",
            Self::Dockerfile => "dockerfile",
        }
    }
}

impl std::str::FromStr for Provider {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|provider| provider.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|provider| provider.name()).collect();
            format!("`{name}` is not a known provider; use one of {}", known.join(", "))
        })
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One conclusion and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What is concluded, as `field: value` or as a sentence.
    pub claim: String,
    /// The file it came from, relative to the root; `options` when the caller said so.
    pub file: String,
    /// The line in that file, from 1; null when it is the file's presence that counts.
    pub line: Option<usize>,
    /// 0 to 1.
    pub confidence: f64,
}

/// Another answer that was possible and was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The part of the report: `start_command`, `provider`, …
    pub field: String,
    /// The other value.
    pub value: String,
    /// The file it came from, relative to the root.
    pub file: String,
    /// The line in that file, from 1.
    pub line: Option<usize>,
    /// 0 to 1.
    pub confidence: f64,
}

/// One folder of the tree that can be deployed by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppEntry {
    /// Its folder, relative to the root.
    pub path: String,
    /// The name its manifest gives, else the folder's.
    pub name: String,
    /// What it is.
    pub provider: Provider,
}

/// How an app is best run on Cloud Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunsAs {
    /// A process that answers requests.
    Service,
    /// A program that does its work and ends, or that listens to nothing.
    Job,
    /// Files only: nothing runs.
    Static,
}

/// A database, queue or other program that the app expects to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// `postgres`, `redis`, `kafka`, …
    pub kind: String,
    /// The file that says so, relative to the root.
    pub file: String,
    /// The line in that file, from 1.
    pub line: Option<usize>,
    /// 0 to 1.
    pub confidence: f64,
}

/// Something that works on one machine and not on Cloud Run as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// `state-on-disk`, `state-in-memory`, `port-fixed`, …
    pub id: String,
    /// What it is, what it leads to, what to do.
    pub text: String,
    /// The file that says so, relative to the root.
    pub file: String,
    /// The line in that file, from 1.
    pub line: Option<usize>,
}

/// A finding that configuration or a flag replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// The part of the report: `start_command`, `provider`, …
    pub field: String,
    /// The value that holds, as text.
    pub value: String,
    /// What was found; null when nothing was.
    pub instead_of: Option<String>,
    /// `options` for a flag, else the configuration file.
    pub by: String,
    /// The line in that file, from 1.
    pub line: Option<usize>,
}

/// What a tree is and how to build and run it. A value that is not known is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The language or kind of the app.
    pub provider: Option<Provider>,
    /// `next`, `fastapi`, `axum`, …
    pub framework: Option<String>,
    /// `npm`, `pip`, `cargo`, …
    pub package_manager: Option<String>,
    /// The version as declared, with its range signs: `>=18`, `3.11`, `1.75.0`.
    pub runtime_version: Option<String>,
    /// Shell text; null for a static site.
    pub start_command: Option<String>,
    /// The port the app listens on when `$PORT` is not set.
    pub port: Option<u16>,
    /// Whether only files need to be served.
    pub static_site: bool,
    /// Whether the tree declares several packages.
    pub monorepo: bool,
    /// Variables that the app cannot do without, sorted.
    pub env_required: Vec<String>,
    /// Where each conclusion came from.
    pub evidence: Vec<Evidence>,
    /// What else was possible.
    pub alternatives: Vec<Alternative>,
    /// Shell text that installs dependencies; null when there are none.
    pub install_command: Option<String>,
    /// Shell text that builds; null when nothing needs to be built.
    pub build_command: Option<String>,
    /// Variables that the install and build commands need.
    pub build_env: BTreeMap<String, String>,
    /// Variables that the tree's own configuration sets for the running app (`ENV` of a Dockerfile).
    pub run_env: BTreeMap<String, String>,
    /// Folders, relative to the root, to put first in `PATH` when building and running.
    pub path: Vec<String>,
    /// The folder that is served, relative to the root (`.` is the root itself), for a static site.
    pub static_dir: Option<String>,
    /// Whether an unknown path of a static site is answered with its `index.html`.
    pub spa: bool,
    /// The variable that the framework reads its port from, where that is not `PORT`.
    pub port_variable: Option<String>,
    /// Whether the source fixes `port` and never looks at `$PORT`.
    pub port_fixed: bool,
    /// Where it does that, and how sure that is; null where it listens where it is told to.
    pub fixed_port: Option<FixedPort>,
    /// A path that answers when the app is well, where the source names one.
    pub health_path: Option<String>,
    /// Those of `env_required` that look like secrets.
    pub env_secret: Vec<String>,
    /// The folder of the app that was chosen; null for the root.
    pub app: Option<String>,
    /// Every folder that can be deployed by itself.
    pub apps: Vec<AppEntry>,
    /// Programs from a registry that its commands and scripts name, sorted: `bun`, `pnpm`, `uv`.
    pub tools: BTreeSet<String>,
    /// The version of the package manager that the manifest asks for: `10.4.1`.
    pub package_manager_version: Option<String>,
    /// How it is best run; null when it is not known what it is.
    pub runs_as: Option<RunsAs>,
    /// Databases, queues and the like that it expects to reach, sorted by kind.
    pub backends: Vec<Backend>,
    /// Packages of Debian that building or running it needs, sorted.
    pub native_packages: Vec<String>,
    /// What works on one machine and not on Cloud Run as it is.
    pub warnings: Vec<Warning>,
    /// How its own file wants it to run: CPU, memory, concurrency, instances.
    pub run: RunOptions,
    /// What configuration or flags replaced.
    pub overrides: Vec<Override>,
}

impl Report {
    /// The class that calibration is kept for: `python/fastapi`, `node`, `staticfile`, `unknown`.
    pub fn class(&self) -> String {
        let Some(provider) = self.provider else { return "unknown".into() };
        match &self.framework {
            Some(framework) => format!("{provider}/{framework}"),
            None => provider.to_string(),
        }
    }
}
