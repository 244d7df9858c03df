//! Paths in manifests that lead out of the tree: they are text, and nothing is opened for them.

use inspect::{Error, Options};

use crate::place::Place;

#[test]
fn paths_that_lead_outside_are_not_followed() {
    let cases: &[(&str, &str)] = &[
        (
            "package.json",
            r#"{"workspaces":["../*","/","../outside"],"main":"../outside/a.js","scripts":{"start":"cd ../outside && node a.js","build":"cat ../outside/pipe"}}"#,
        ),
        ("pnpm-workspace.yaml", "packages:\n  - '../*'\n  - /\n"),
        ("lerna.json", r#"{"packages":["../outside"]}"#),
        ("tsconfig.json", r#"{"extends":"../outside/package.json"}"#),
        (
            "requirements.txt",
            "-r ../outside/requirements.txt\n-c ../outside/pipe\n-e ../outside\n--find-links ../outside\nflask\n",
        ),
        (
            "pyproject.toml",
            "[project]\nname='a'\nreadme='../outside/pipe'\ndynamic=['dependencies']\n[tool.setuptools.dynamic]\ndependencies={file='../outside/requirements.txt'}\n[tool.uv.workspace]\nmembers=['../*']\n",
        ),
        (
            "Cargo.toml",
            "[workspace]\nmembers=['../outside','/','../*']\n[package]\nname='a'\nbuild='../outside/pipe'\n[[bin]]\nname='b'\npath='../outside/a.rs'\n",
        ),
        ("go.work", "go 1.22\nuse (\n\t../outside\n\t/\n)\n"),
        ("go.mod", "module a\nreplace b => ../outside\n"),
        (
            "pom.xml",
            "<project><parent><relativePath>../outside/pipe</relativePath></parent><modules><module>../outside</module></modules></project>",
        ),
        (
            "settings.gradle",
            "include ':a'\nproject(':a').projectDir = file('../outside')\napply from: '../outside/pipe'\n",
        ),
        ("Gemfile", "eval_gemfile '../outside/pipe'\ngem 'a', path: '../outside'\n"),
        ("Procfile", "web: cat ../outside/a.txt ../outside/pipe\n"),
        (
            "compose.yaml",
            "include: [../outside/pipe]\nservices:\n  web:\n    build:\n      context: ../outside\n      dockerfile: ../outside/Dockerfile\n    env_file: ../outside/pipe\n    extends: {file: ../outside/pipe, service: x}\n",
        ),
        (
            "Dockerfile",
            "# syntax=../outside/pipe\nFROM a:1\nCOPY ../outside/pipe /etc/passwd ./\nADD ../outside /x\nCMD [\"cat\", \"/etc/passwd\"]\n",
        ),
        ("sextant.toml", "app = '../outside'\nstatic_dir = '../outside'\n"),
        (
            "railpack.json",
            r#"{"$schema":"../outside/pipe","steps":{"build":{"commands":[{"path":"../outside"}]}}}"#,
        ),
        ("nixpacks.toml", "nixpkgsArchive='../outside/pipe'\n[staticAssets]\n'a'='../outside/a.txt'\n"),
        (
            "app.yaml",
            "runtime: python312\nhandlers:\n- url: /\n  static_dir: ../outside\nincludes:\n- ../outside/pipe\n",
        ),
        (
            "render.yaml",
            "services:\n- type: web\n  rootDir: ../outside\n  dockerfilePath: ../outside/Dockerfile\n",
        ),
        ("Staticfile", "root: ../outside\n"),
        (".tool-versions", "python path:../outside\n"),
        ("mise.toml", "[tools]\nnode={path='../outside/pipe'}\n[env]\n_.file='../outside/pipe'\n"),
        ("app.csproj", "<Project><Import Project=\"../outside/pipe\"/></Project>"),
        ("mix.exs", "defmodule A do\n def project, do: [app: :a, build_path: \"../outside\"]\nend\n"),
        (".npmrc", "prefix=../outside\nuserconfig=../outside/pipe\n"),
    ];
    for (name, text) in cases {
        let place = Place::with(&[(*name, *text)]);
        match inspect::read(&place.tree(), &Options::default()) {
            Ok(_) => drop(place.ask()),
            // An app that the configuration names and the tree doesn't have.
            Err(error) => assert!(matches!(error, Error::NoSuchApp { .. }), "{name}: {error}"),
        }
    }
    let place = Place::with(
        cases.iter().copied().filter(|(name, _)| *name != "sextant.toml").collect::<Vec<_>>().as_slice(),
    );
    place.ask();
}

#[test]
fn an_app_outside_of_the_tree_is_none() {
    let place = Place::with(&[("a/package.json", r#"{"scripts":{"start":"x"}}"#)]);
    for app in ["..", "../outside", "a/../../outside", "/etc", "a/..", "./../outside"] {
        let options = Options { app: Some(app.to_owned()), ..Options::default() };
        let error = inspect::read(&place.tree(), &options).unwrap_err();
        assert!(matches!(error, Error::NoSuchApp { .. }), "{app}: {error}");
    }
}

#[test]
fn names_that_are_no_plain_words_stay_one_word_of_a_command() {
    let folder = "a$(touch b); rm -rf 'x'";
    let place = Place::with(&[
        (&format!("{folder}/go.mod"), "module a\n"),
        (&format!("{folder}/main.go"), "package main\nfunc main() {}\n"),
    ]);
    let report = place.ask().report;
    let command = report.start_command.unwrap();
    assert_eq!(command, format!("cd '{}' && ./out", folder.replace('\'', "'\\''")));
}

#[test]
fn archives_are_never_opened() {
    // An archive's name in its own text would be found, if it were.
    let place = Place::with(&[
        ("app.zip", "PK\u{3}\u{4}package.json"),
        ("app.tar.gz", "\u{1f}\u{8b}"),
        ("app.jar", "PK"),
        ("app.war", "PK"),
    ]);
    assert_eq!(place.ask().report.provider, None);
}
