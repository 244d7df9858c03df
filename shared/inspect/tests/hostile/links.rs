//! Links that leave the tree, go in circles, or lead to what is no file.

use std::fs;
use std::os::unix::net::UnixListener;

use crate::place::{Place, pipe};

/// Names that something reads as soon as they are there.
const READ: [&str; 24] = [
    "package.json",
    "Dockerfile",
    "requirements.txt",
    "pyproject.toml",
    "Cargo.toml",
    "Cargo.lock",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "Gemfile",
    "composer.json",
    "mix.exs",
    "Procfile",
    "app.yaml",
    "sextant.toml",
    "compose.yaml",
    ".nvmrc",
    ".tool-versions",
    "main.py",
    "server.js",
    "index.html",
    ".env.example",
    "package-lock.json",
    "nixpacks.toml",
];

#[test]
fn a_link_that_leaves_the_tree_is_no_file() {
    for name in READ {
        let place = Place::new();
        place.link(name, place.outside("a.txt"));
        let answers = place.ask();
        assert_eq!(answers.report.provider, None, "{name} was taken for a file");
    }
}

#[test]
fn a_link_to_something_without_an_end_is_not_opened() {
    for target in ["/dev/zero", "/dev/random", "/dev/stdin", "/proc/self/environ"] {
        let place = Place::new();
        for name in READ {
            place.link(name, target);
        }
        assert_eq!(place.ask().report.provider, None, "{target}");
    }
}

#[test]
fn a_link_to_a_file_of_the_tree_is_that_file() {
    let place = Place::with(&[("real/a.json", r#"{"scripts":{"start":"node x.js"}}"#)]);
    place.link("package.json", "real/a.json");
    let report = place.ask().report;
    assert_eq!(report.start_command.as_deref(), Some("npm run start"));
}

#[test]
fn links_in_circles_and_to_nothing_end() {
    let place = Place::with(&[("package.json", r#"{"main":"a.js"}"#)]);
    place.link("a.js", "b.js");
    place.link("b.js", "a.js");
    place.link("self", "self");
    place.link("here", ".");
    place.link("up", "..");
    place.link("gone", "nowhere/at/all");
    fs::create_dir(place.tree().join("sub")).unwrap();
    place.link("sub/above", "../sub");
    let report = place.ask().report;
    assert_eq!(report.start_command, None, "a.js leads nowhere");
}

#[test]
fn a_folder_outside_is_not_entered() {
    let place = Place::with(&[("package.json", r#"{"workspaces":["*"]}"#)]);
    place.link("app", place.outside(""));
    place.link("vendor", "/");
    let answers = place.ask();
    assert!(answers.report.apps.is_empty(), "{:?}", answers.report.apps);
    assert!(answers.secrets.is_empty());
}

#[test]
fn pipes_and_sockets_are_seen_and_never_opened() {
    for name in READ {
        let place = Place::new();
        pipe(&place.tree().join(name));
        assert_eq!(place.ask().report.provider, None, "the pipe {name} was taken for a file");
    }
    let place = Place::new();
    let _socket = UnixListener::bind(place.tree().join("package.json")).unwrap();
    assert_eq!(place.ask().report.provider, None);
}

#[test]
fn a_pipe_behind_a_link_is_not_opened() {
    let place = Place::new();
    pipe(&place.tree().join("pipe"));
    place.link("package.json", "pipe");
    place.link("Dockerfile", place.outside("pipe"));
    assert_eq!(place.ask().report.provider, None);
}

#[test]
fn a_tree_that_is_a_link_is_the_folder_behind_it() {
    let place = Place::with(&[("go.mod", "module a\ngo 1.22\n")]);
    let link = place.outside("tree");
    std::os::unix::fs::symlink(place.tree(), &link).unwrap();
    let report = inspect::read(&link, &inspect::Options::default()).unwrap();
    assert_eq!(report.runtime_version.as_deref(), Some("1.22"));
}

#[test]
fn a_path_that_is_no_folder_is_refused_and_not_opened() {
    let place = Place::new();
    for path in [place.outside("pipe"), "/dev/zero".into(), place.outside("a.txt")] {
        let error = inspect::read(&path, &inspect::Options::default()).unwrap_err();
        assert!(error.to_string().contains("is not a folder"), "{error}");
    }
}
