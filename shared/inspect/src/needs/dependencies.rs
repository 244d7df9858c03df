//! The names of what the app depends on, whatever the language, with the place that asks for it.

use crate::plan::{App, Origin};
use crate::provider;
use crate::text;

/// One dependency by the name its language uses, in lower case.
pub(super) struct Dependency {
    name: String,
    pub(super) language: &'static str,
    pub(super) origin: Origin,
}

impl Dependency {
    /// Whether it has this name, or is a module below it (`github.com/jackc/pgx/v5` is `jackc/pgx`).
    pub(super) fn is(&self, name: &str) -> bool {
        if self.name == name {
            return true;
        }
        name.contains('/') && !name.starts_with('@') && {
            let mut rest = self.name.as_str();
            rest = rest.split_once(name).map_or("\u{0}", |(_, after)| after);
            rest.is_empty() || rest.starts_with('/')
        }
    }
}

/// Manifests whose quoted or leading words are names of dependencies.
const MANIFESTS: [(&str, &str); 19] = [
    ("requirements.txt", "python"),
    ("pyproject.toml", "python"),
    ("Pipfile", "python"),
    ("environment.yml", "python"),
    ("go.mod", "go"),
    ("Cargo.toml", "rust"),
    ("Gemfile", "ruby"),
    ("composer.json", "php"),
    ("mix.exs", "elixir"),
    ("gleam.toml", "gleam"),
    ("pom.xml", "java"),
    ("build.gradle", "java"),
    ("build.gradle.kts", "java"),
    ("build.sbt", "scala"),
    ("project.clj", "clojure"),
    ("deps.edn", "clojure"),
    ("deno.json", "deno"),
    ("pubspec.yaml", "dart"),
    ("shard.yml", "crystal"),
];

pub(super) fn read(app: &App) -> Vec<Dependency> {
    let mut known = node(app);
    for (file, language) in MANIFESTS {
        if let Some(content) = app.text(file) {
            words(app, file, language, &content, &mut known);
        }
    }
    let more = app.files().filter(|file| {
        let project = [".csproj", ".fsproj"].iter().any(|end| file.ends_with(end));
        let list = file.starts_with("requirements/") && text::has_end(file, "txt");
        (project || list) && file.matches('/').count() < 3
    });
    for file in more.take(8).collect::<Vec<_>>() {
        let language = if text::has_end(file, "txt") { "python" } else { "dotnet" };
        words(app, file, language, &app.text(file).unwrap_or_default(), &mut known);
    }
    known
}

fn node(app: &App) -> Vec<Dependency> {
    let named = provider::node_dependencies(app).into_iter();
    named
        .map(|(name, origin)| Dependency { name: name.to_ascii_lowercase(), language: "node", origin })
        .collect()
}

fn words(app: &App, file: &str, language: &'static str, content: &str, known: &mut Vec<Dependency>) {
    for (index, line) in content.lines().enumerate().take(5_000) {
        let bare = line.trim_start();
        let comment =
            bare.starts_with("//") || (bare.starts_with('#') && language != "ruby") || bare.starts_with("# ");
        // What a project says of itself isn't what it asks for.
        let itself = ["name", "description", "keywords", "module "].iter().any(|key| bare.starts_with(key));
        if comment || itself || line.len() > 2_000 {
            continue;
        }
        for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || "@/-_.".contains(c))) {
            let word = word.trim_matches(['.', '-', '/']);
            if word.len() > 1 && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@') {
                let mut name = word.to_ascii_lowercase();
                // The extra brings the library that the plain package builds against.
                if name == "psycopg" && line.contains("[binary") {
                    name.push_str("-binary");
                }
                known.push(Dependency { name, language, origin: app.origin(file, Some(index + 1), 0.7) });
            }
        }
    }
}
