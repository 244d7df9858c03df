//! What of a folder travels.

use super::{folder, link, write};
use archive::{Error, Limits, Rules, git::Git, walk};
use std::{fs, path::Path, process::Command};

fn paths(folder: &Path) -> Vec<String> {
    let tracked = Git::of(folder, None).and_then(|git| git.tracked());
    let tree = walk(folder, &Rules { tracked, ..Rules::default() }).unwrap();
    tree.paths().map(|path| path.display().to_string()).collect()
}

fn git(folder: &Path, arguments: &[&str]) {
    let out = Command::new("git")
        .args([
            "-c",
            "user.name=Ann Author",
            "-c",
            "user.email=ann@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(["-c", "commit.gpgSign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

const TREE: [(&str, &str); 18] = [
    ("app.py", ""),
    (".env", "A=1\nexport B=2\n# C=3\n\nD = 4\nnot a variable\nE=\n"),
    (".env.local", "X=1"),
    (".env.staging.local", "X=1"),
    (".env.example", "A="),
    (".env.sample", "A="),
    (".env.template", "A="),
    (".env.production", "A=1"),
    ("web/.env", "A=1"),
    ("node_modules/x/index.js", ""),
    ("web/node_modules/y.js", ""),
    (".venv/bin/python", ""),
    ("venv/lib/x.py", ""),
    ("my-env/pyvenv.cfg", ""),
    ("my-env/lib/x.py", ""),
    ("build/out.js", ""),
    ("docs/a.md", ""),
    ("docs/keep.md", ""),
];

#[test]
fn a_plain_folder() {
    let app = folder(&TREE);
    write(
        app.path(),
        &[(".gitignore", "build/\n"), (".gcloudignore", "docs/*\n!docs/keep.md\n"), (".dockerignore", "*\n")],
    );
    fs::create_dir(app.path().join("empty")).unwrap();
    let travels = [
        ".dockerignore",
        ".env.example",
        ".env.production",
        ".env.sample",
        ".env.template",
        ".gcloudignore",
        ".gitignore",
        "app.py",
        "docs/keep.md",
    ];
    assert_eq!(paths(app.path()), travels);
    let tree = walk(app.path(), &Rules::default()).unwrap();
    let names: Vec<(&str, usize)> = tree.dotenv.iter().map(|file| (file.name.as_str(), file.names)).collect();
    assert_eq!(names, [(".env", 4), (".env.local", 1), (".env.staging.local", 1)]);
    let left: Vec<String> = tree.left_out.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(
        left,
        [
            ".env",
            ".env.local",
            ".env.staging.local",
            ".venv",
            "my-env",
            "node_modules",
            "venv",
            "web/.env",
            "web/node_modules"
        ]
    );
    assert!(tree.ignored);
    write(app.path(), &[(".sextantignore", "*.py\n")]);
    assert!(!paths(app.path()).contains(&"app.py".to_owned()));
}

/// What Git tracks travels whatever Git's own rules say now, and never what our own rules name.
#[test]
fn a_checkout() {
    let app = folder(&TREE);
    git(app.path(), &["init", "--quiet"]);
    git(app.path(), &["add", "--force", "app.py", ".env", "build", "node_modules", "docs"]);
    write(
        app.path(),
        &[(".gitignore", "build/\n*.log\n"), (".sextantignore", "docs/a.md\n"), ("x.log", ""), ("new", "")],
    );
    let travels = [
        ".env",
        ".env.example",
        ".env.production",
        ".env.sample",
        ".env.template",
        ".gitignore",
        ".sextantignore",
        "app.py",
        "build/out.js",
        "docs/keep.md",
        "new",
        "node_modules/x/index.js",
    ];
    assert_eq!(paths(app.path()), travels);
    let tracked = Git::of(app.path(), None).unwrap().tracked();
    let tree = walk(app.path(), &Rules { tracked, ..Rules::default() }).unwrap();
    assert!(!tree.dotenv.iter().any(|file| file.name == ".env"), "it travels, so it is not said to stay");
    // A folder of it goes by the rules of the folders above.
    write(app.path(), &[("web/a.log", ""), ("web/index.js", "")]);
    assert_eq!(paths(&app.path().join("web")), ["index.js"]);
}

#[test]
fn links_pipes_and_what_git_keeps_for_itself() {
    let app = folder(&[("a/file", ""), (".git/config", ""), ("sub/.git", "gitdir: ../x")]);
    link(app.path(), "in", "a/file");
    let made = Command::new("mkfifo").arg(app.path().join("pipe")).status().unwrap();
    assert!(made.success());
    assert_eq!(paths(app.path()), ["a/file", "in"]);
    link(app.path(), "a/up", "..");
    assert_eq!(paths(app.path()), ["a/file", "a/up", "in"]);
    link(app.path(), "out", "a/up/../x");
    let error = walk(app.path(), &Rules::default()).unwrap_err();
    assert!(error.to_string().contains("`out` -> `a/up/../x`"), "{error}");
    // One that stays at home may lead anywhere.
    write(app.path(), &[(".sextantignore", "out\n")]);
    assert_eq!(paths(app.path()), [".sextantignore", "a/file", "a/up", "in"]);
}

#[test]
fn too_much_names_the_largest() {
    let app = folder(&[("small", "x"), ("data/large.bin", &"x".repeat(3 << 20))]);
    let rules = |bytes, files| Rules { tracked: None, limits: Limits { bytes, files, ..Limits::default() } };
    let error = walk(app.path(), &rules(2 << 20, 10)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("data/large.bin (3 MiB), small (1 MiB)"), "{error}");
    for number in 0..10 {
        write(app.path(), &[(&format!("many/{number}"), "")]);
    }
    let error = walk(app.path(), &rules(4 << 20, 10)).unwrap_err().to_string();
    assert!(error.contains("12 files") && error.contains("many/ (10 files)"), "{error}");
}

#[test]
fn what_git_says() {
    let app = folder(&[("file", "1")]);
    assert!(Git::of(app.path(), None).is_none());
    git(app.path(), &["init", "--quiet"]);
    assert!(Git::of(app.path(), None).unwrap().origin().commit.is_none());
    git(app.path(), &["add", "-A"]);
    git(app.path(), &["commit", "--quiet", "-m", "\n\nFirst line\u{7}\n\nmore"]);
    let origin = Git::of(app.path(), None).unwrap().origin();
    let commit = origin.commit.clone().unwrap();
    assert_eq!(commit.len(), 40);
    assert_eq!(
        (origin.author.as_deref(), origin.message.as_deref()),
        (Some("Ann Author"), Some("First line"))
    );
    assert_eq!((origin.branch.as_deref(), origin.tag.as_deref(), origin.dirty), (Some("main"), None, false));
    git(app.path(), &["tag", "v1.2.3"]);
    git(app.path(), &["checkout", "--quiet", "--detach"]);
    write(app.path(), &[("new", "")]);
    let origin = Git::of(app.path(), None).unwrap().origin();
    assert_eq!((origin.branch, origin.tag.as_deref(), origin.dirty), (None, Some("v1.2.3"), true));
}

/// Every program that a repository's own configuration can have Git run.
#[test]
fn nothing_of_a_repository_runs() {
    let (app, marks) =
        (folder(&[("file", "1"), (".gitattributes", "* filter=evil diff=evil\n")]), folder(&[]));
    git(app.path(), &["init", "--quiet"]);
    git(app.path(), &["add", "-A"]);
    git(app.path(), &["commit", "--quiet", "-m", "one"]);
    let touch = |name: &str| format!("touch {}/{name}; cat", marks.path().display());
    for name in [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "core.fsmonitor",
        "core.pager",
        "diff.evil.textconv",
        "diff.external",
        "core.sshCommand",
        "gpg.program",
        "alias.status",
    ] {
        git(app.path(), &["config", name, &touch(name)]);
    }
    git(app.path(), &["config", "filter.evil.required", "true"]);
    git(app.path(), &["config", "log.showSignature", "true"]);
    for hook in ["post-index-change", "reference-transaction", "fsmonitor-watchman"] {
        write(app.path(), &[(&format!(".git/hooks/{hook}*"), &format!("#!/bin/sh\n{}\n", touch(hook)))]);
    }
    // Its time says that it may have changed, so Git compares its content.
    fs::File::open(app.path().join("file")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let index = fs::read(app.path().join(".git/index")).unwrap();
    let git = Git::of(app.path(), None).unwrap();
    assert!(git.tracked().unwrap().contains(Path::new("file")));
    assert_eq!(git.origin().message.as_deref(), Some("one"));
    let ran: Vec<_> = fs::read_dir(marks.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(ran.is_empty(), "{ran:?} ran");
    assert_eq!(fs::read(app.path().join(".git/index")).unwrap(), index, "nothing is written to it");
}
