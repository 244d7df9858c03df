//! The names of what the app depends on, whatever the language, with the place that asks for it.

use std::collections::HashMap;

use crate::plan::{App, Origin};
use crate::provider;
use crate::text;

/// One dependency, in the language whose manifest asks for it.
pub(super) struct Dependency {
    pub(super) language: &'static str,
    pub(super) origin: Origin,
}

/// Every dependency by its name in lower case; a module is also known by the parts of its path
/// (`github.com/jackc/pgx/v5` as `jackc/pgx`).
#[derive(Default)]
pub(super) struct Known {
    by_name: HashMap<String, Vec<Dependency>>,
}

impl Known {
    /// Where something of this name is asked for, once a language.
    pub(super) fn find(&self, name: &str) -> impl Iterator<Item = &Dependency> {
        self.by_name.get(name).into_iter().flatten()
    }

    /// The first place that asks for any of these.
    pub(super) fn any(&self, names: &[&str]) -> Option<&Dependency> {
        names.iter().find_map(|name| self.find(name).next())
    }

    fn add(&mut self, name: &str, language: &'static str, origin: &Origin) {
        self.add_one(name, language, origin);
        if name.starts_with('@') || !name.contains('/') {
            return;
        }
        let starts: Vec<usize> =
            std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1)).take(8).collect();
        let ends: Vec<usize> =
            name.match_indices('/').map(|(at, _)| at).chain([name.len()]).take(8).collect();
        for first in 0..starts.len() {
            for last in first + 1..(first + 3).min(ends.len()) {
                self.add_one(&name[starts[first]..ends[last]], language, origin);
            }
        }
    }

    fn add_one(&mut self, name: &str, language: &'static str, origin: &Origin) {
        let places = self.by_name.entry(name.to_owned()).or_default();
        if places.iter().all(|place| place.language != language) {
            places.push(Dependency { language, origin: origin.clone() });
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

pub(super) fn read(app: &App) -> Known {
    let mut known = Known::default();
    for (name, origin) in provider::node_dependencies(app) {
        known.add(&name.to_ascii_lowercase(), "node", &origin);
    }
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

fn words(app: &App, file: &str, language: &'static str, content: &str, known: &mut Known) {
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
                known.add(&name, language, &app.origin(file, Some(index + 1), 0.7));
            }
        }
    }
}
