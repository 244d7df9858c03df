//! What every source of trees must do with folders and with Git.

use model::port::{PortError, Source, source::SourceRef};
use std::{
    any::Any,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;

/// A source to test, and what must live as long as the test.
pub type Made = (Arc<dyn Source>, Box<dyn Any + Send + Sync>);

/// Makes one test of each function of the suite; give an expression that makes [`Made`].
#[macro_export]
macro_rules! source_suite {
    ($make:expr) => {
        $crate::source_suite!($make;
            a_folder_is_copied_once_per_key,
            a_folders_hash_is_of_its_content,
            links_never_lead_out_of_a_tree,
            what_is_not_a_folder_is_refused,
            a_repository_is_fetched_at_a_branch_and_at_a_commit,
            nothing_of_a_repository_runs,
            a_repositorys_links_never_lead_out,
            what_git_could_misunderstand_is_refused,
            what_is_not_there_is_named,
        );
    };
    ($make:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (source, _guard) = $make.await;
                $crate::conformance::source::$name(source).await;
            }
        )*
    };
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    folder
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Every file of a tree with its text; links with what they say.
pub fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_symlink() {
                all.insert(name, format!("-> {}", fs::read_link(entry.path()).unwrap().display()));
            } else {
                all.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    all
}

fn at(folder: &Path) -> SourceRef {
    SourceRef::Folder { path: folder.display().to_string() }
}

fn git_source(url: &str, branch: Option<&str>, commit: Option<&str>) -> SourceRef {
    SourceRef::Git {
        url: url.to_owned(),
        branch: branch.map(str::to_owned),
        commit: commit.map(str::to_owned),
    }
}

fn pairs(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Later edits don't change it, and a removed one is fetched anew.
pub async fn a_folder_is_copied_once_per_key(source: Arc<dyn Source>) {
    let files = [("a.txt", "one"), ("b/c.txt", "two"), (".env.example", "three")];
    let app = folder(&files);
    write(app.path(), &[(".git/config", "[core]")]);
    let (key, here) = ("a-folder-1", at(app.path()));
    let calls = (0..4).map(|_| source.checkout(&here, key, None));
    let first = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).next().unwrap();
    assert_eq!(tree(&first.folder), pairs(&files));
    assert_eq!(first.bytes, 11);
    write(app.path(), &[("a.txt", "changed")]);
    let again = source.checkout(&here, key, None).await.unwrap();
    assert_eq!((again.commit, tree(&again.folder)), (first.commit.clone(), pairs(&files)));
    source.remove(key).await.unwrap();
    source.remove(key).await.unwrap();
    assert!(!first.folder.exists());
    let later = source.checkout(&here, key, None).await.unwrap();
    assert_eq!(tree(&later.folder)["a.txt"], "changed");
    assert_ne!(later.commit, first.commit);
}

/// Two folders with the same files have the same.
pub async fn a_folders_hash_is_of_its_content(source: Arc<dyn Source>) {
    let files = [("a", "1"), ("b/c", "2")];
    let (one, two, other) = (folder(&files), folder(&files), folder(&[("a", "1"), ("b/c", "3")]));
    let mut commits = Vec::new();
    for (number, app) in [&one, &two, &other].into_iter().enumerate() {
        commits.push(source.checkout(&at(app.path()), &format!("hash-{number}"), None).await.unwrap().commit);
    }
    assert_eq!(commits[0], commits[1]);
    assert_ne!(commits[0], commits[2]);
    assert!(commits[0].len() == 40 && commits[0].bytes().all(|b| b.is_ascii_hexdigit()), "{}", commits[0]);
}

/// Those that stay inside are kept as links.
pub async fn links_never_lead_out_of_a_tree(source: Arc<dyn Source>) {
    let outside = folder(&[("secret", "secret")]);
    let app = folder(&[("a/file", "text")]);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, app.path().join(name)).unwrap();
    link("a/file", "inside");
    link("a", "folder");
    link(&outside.path().join("secret").display().to_string(), "absolute");
    link("../../../etc/passwd", "relative");
    link("/", "root");
    let found = source.checkout(&at(app.path()), "links", None).await.unwrap();
    let expected = pairs(&[("a/file", "text"), ("inside", "-> a/file"), ("folder", "-> a")]);
    assert_eq!(tree(&found.folder), expected);
}

/// With what to do about it.
pub async fn what_is_not_a_folder_is_refused(source: Arc<dyn Source>) {
    let app = folder(&[("file", "text")]);
    let file = app.path().join("file");
    for (number, path) in ["relative/path", "/no/such/folder", &file.display().to_string()].iter().enumerate()
    {
        let error =
            source.checkout(&SourceRef::Folder { path: (*path).into() }, &format!("no-{number}"), None).await;
        let error = error.unwrap_err();
        assert!(matches!(error, PortError::Permanent(_)), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    let bad_key = source.checkout(&at(app.path()), "../escape", None).await;
    assert!(bad_key.is_err());
    assert!(source.remove("../escape").await.is_err());
}

/// Whether git is here; where `CI` is set it must be.
pub fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok();
    assert!(found || std::env::var("CI").is_err(), "git is not installed; this test needs it");
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    if !found {
        eprintln!("skipped: git is not installed");
    }
    found
}

/// Runs git in a folder, without the user's configuration.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn repository(files: &[(&str, &str)]) -> (TempDir, String) {
    let folder = folder(files);
    git(folder.path(), &["init", "--quiet"]);
    let commit = commit(folder.path());
    (folder, commit)
}

fn commit(folder: &Path) -> String {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "-m", "change"]);
    git(folder, &["rev-parse", "HEAD"])
}

/// The default branch, another branch, a tag, the head's commit and an older one.
pub async fn a_repository_is_fetched_at_a_branch_and_at_a_commit(source: Arc<dyn Source>) {
    if !has_git() {
        return;
    }
    let (repo, first) = repository(&[("file", "first")]);
    write(repo.path(), &[("file", "second")]);
    let second = commit(repo.path());
    git(repo.path(), &["tag", "-a", "v1", "-m", "v1", &first]);
    git(repo.path(), &["checkout", "--quiet", "-b", "feature/x"]);
    write(repo.path(), &[("file", "third")]);
    let third = commit(repo.path());
    git(repo.path(), &["checkout", "--quiet", "main"]);
    let url = repo.path().display().to_string();
    for (key, branch, commit, expected, text) in [
        ("head", None, None, &second, "second"),
        ("branch", Some("feature/x"), None, &third, "third"),
        ("tag", Some("v1"), None, &first, "first"),
        ("older", Some("main"), Some(first.as_str()), &first, "first"),
        ("bare-commit", None, Some(first.as_str()), &first, "first"),
    ] {
        let found = source.checkout(&git_source(&url, branch, commit), key, None).await.unwrap();
        assert_eq!(&found.commit, expected, "{key}");
        assert_eq!(tree(&found.folder), pairs(&[("file", text)]), "{key}");
    }
    // A repeat is the first tree although the branch moved on.
    write(repo.path(), &[("file", "fourth")]);
    commit(repo.path());
    let again = source.checkout(&git_source(&url, None, None), "head", None).await.unwrap();
    assert_eq!(again.commit, second);
}

/// No hook, no filter, no submodule.
pub async fn nothing_of_a_repository_runs(source: Arc<dyn Source>) {
    if !has_git() {
        return;
    }
    let marks = tempfile::tempdir().unwrap();
    let mark = |name: &str| -> PathBuf { marks.path().join(name) };
    let (sub, _) = repository(&[("inner", "text")]);
    let (repo, _) = repository(&[("file", "text"), (".gitattributes", "* filter=evil\n")]);
    git(repo.path(), &["submodule", "--quiet", "add", &sub.path().display().to_string(), "sub"]);
    commit(repo.path());
    git(repo.path(), &["config", "filter.evil.smudge", &format!("touch {}", mark("filter").display())]);
    git(repo.path(), &["config", "core.fsmonitor", &format!("touch {}", mark("fsmonitor").display())]);
    for hook in ["post-checkout", "post-merge", "reference-transaction", "pre-auto-gc"] {
        let path = repo.path().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", mark(hook).display())).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let url = repo.path().display().to_string();
    let found = source.checkout(&git_source(&url, None, None), "evil", None).await.unwrap();
    let files = tree(&found.folder);
    assert_eq!(files["file"], "text");
    assert!(!files.keys().any(|name| name.starts_with("sub/") || name.starts_with(".git/")), "{files:?}");
    let ran: Vec<_> = fs::read_dir(marks.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(ran.is_empty(), "{ran:?} ran");
}

/// Nor those of a repository.
pub async fn a_repositorys_links_never_lead_out(source: Arc<dyn Source>) {
    if !has_git() {
        return;
    }
    let (repo, _) = repository(&[("file", "text")]);
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("out")).unwrap();
    std::os::unix::fs::symlink("file", repo.path().join("in")).unwrap();
    commit(repo.path());
    let url = repo.path().display().to_string();
    let found = source.checkout(&git_source(&url, None, None), "git-links", None).await.unwrap();
    assert_eq!(tree(&found.folder), pairs(&[("file", "text"), ("in", "-> file")]));
}

/// Before git sees it; and no secret of an address is repeated.
pub async fn what_git_could_misunderstand_is_refused(source: Arc<dyn Source>) {
    let marks = tempfile::tempdir().unwrap();
    let mark = marks.path().join("mark");
    let evil = format!("ext::sh -c touch% {}", mark.display());
    let upload = format!("--upload-pack=touch {}", mark.display());
    for (number, url) in [
        evil.as_str(),
        &upload,
        "ssh://git@h/r",
        "git@h:r",
        "file:///r",
        "http://h/r",
        "https://me:hunter2@h/r",
        "r",
    ]
    .iter()
    .enumerate()
    {
        let error =
            source.checkout(&git_source(url, None, None), &format!("bad-{number}"), None).await.unwrap_err();
        assert!(matches!(error, PortError::Permanent(_)), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let (repo, _) = if has_git() { repository(&[("file", "text")]) } else { return };
    let url = repo.path().display().to_string();
    for (number, (branch, commit)) in
        [(Some(upload.as_str()), None), (Some("a..b"), None), (None, Some("HEAD")), (None, Some("--all"))]
            .iter()
            .enumerate()
    {
        let error =
            source.checkout(&git_source(&url, *branch, *commit), &format!("ref-{number}"), None).await;
        assert!(matches!(error, Err(PortError::Permanent(_))), "{branch:?} {commit:?}");
    }
    assert!(!mark.exists());
}

/// The repository, the branch, the commit.
pub async fn what_is_not_there_is_named(source: Arc<dyn Source>) {
    if !has_git() {
        return;
    }
    let (repo, _) = repository(&[("file", "text")]);
    let url = repo.path().display().to_string();
    let plain = folder(&[("file", "text")]);
    let plain = plain.path().display().to_string();
    let zeros = "0123456789".repeat(4);
    for (key, wanted, said) in [
        ("none", git_source("/no/such/repository", None, None), "doesn't exist"),
        ("plain", git_source(&plain, None, None), "no repository"),
        ("branch", git_source(&url, Some("nobody"), None), "`nobody`"),
        ("commit", git_source(&url, Some("main"), Some(&zeros)), zeros.as_str()),
    ] {
        let error = source.checkout(&wanted, key, None).await.unwrap_err();
        assert!(
            matches!(error, PortError::Permanent(_)) && error.to_string().contains(said),
            "{key}: {error}"
        );
    }
    // A failed fetch leaves nothing that a repeat could find.
    let (late, commit) = repository(&[("file", "late")]);
    let late = late.path().display().to_string();
    let found = source.checkout(&git_source(&late, None, None), "none", None).await.unwrap();
    assert_eq!(found.commit, commit);
}
