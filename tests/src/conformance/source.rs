//! What every source of trees must do with folders, with Git and with uploads.

use futures::{StreamExt as _, stream};
use model::{
    TenantId,
    port::{
        PortError, Source,
        objects::Stream,
        source::{
            Archived, Checkout, Digest, Fetched, MOST_UPLOADS, Manifest, Opened, Origin, SourceRef, Upload,
            is_upload, upload_key,
        },
    },
};
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
            a_folder_is_packed_once_per_key,
            a_digest_is_of_the_content,
            links_that_lead_out_are_refused_with_their_path,
            what_is_not_a_folder_is_refused,
            a_repository_is_fetched_at_a_branch_and_at_a_commit,
            nothing_of_a_repository_runs,
            a_repositorys_links_that_lead_out_are_refused,
            what_git_could_misunderstand_is_refused,
            what_is_not_there_is_named,
            an_upload_is_kept_as_what_it_is,
            an_upload_is_its_tenants_own,
            an_upload_that_is_not_what_it_says_leaves_nothing,
            an_archive_goes_with_its_last_claim,
            an_archive_that_is_here_is_kept_for_whoever_asks,
            uploads_of_one_user_are_bounded,
            claims_are_listed_page_by_page,
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

/// Whose everything is.
pub fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// Fetches to the end.
pub async fn fetch_as(
    source: &dyn Source,
    wanted: &SourceRef,
    key: &str,
    token: Option<&str>,
) -> Result<Archived, PortError> {
    loop {
        if let Fetched::Archived(archived) = source.fetch(&tenant(), wanted, key, token).await? {
            return Ok(archived);
        }
    }
}

/// Fetches to the end and answers the revision, the files and their bytes.
async fn fetch(
    source: &dyn Source,
    wanted: &SourceRef,
    key: &str,
) -> Result<(Archived, BTreeMap<String, String>), PortError> {
    let archived = fetch_as(source, wanted, key, None).await?;
    let files = files(source, &archived).await.expect("what was just fetched can be opened");
    assert_eq!(archived.manifest.files, files.len() as u64);
    Ok((archived, files))
}

/// What is in an archive; `None` if it is gone.
async fn files(source: &dyn Source, archived: &Archived) -> Option<BTreeMap<String, String>> {
    Some(tree(&opened(source, archived).await?.folder))
}

/// The tree of an archive, once it is unpacked; `None` if the archive is gone.
pub async fn opened(source: &dyn Source, archived: &Archived) -> Option<Checkout> {
    loop {
        match source.open(archived).await.unwrap() {
            Opened::Tree(checkout) => return Some(checkout),
            Opened::Waits { .. } => {}
            Opened::Gone => return None,
        }
    }
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

/// Later edits don't change it, and one that nobody wants any more is fetched anew.
pub async fn a_folder_is_packed_once_per_key(source: Arc<dyn Source>) {
    let kept = [("a.txt", "one"), ("b/c.txt", "two"), (".env.example", "three")];
    let app = folder(&kept);
    write(app.path(), &[(".git/config", "[core]"), (".env", "SECRET=1"), ("node_modules/x.js", "x")]);
    let (key, here) = ("a-folder-1", at(app.path()));
    let calls = (0..4).map(|_| fetch(&*source, &here, key));
    let first = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).next().unwrap();
    assert_eq!(first.1, pairs(&kept));
    assert_eq!((first.0.manifest.bytes, first.0.manifest.files), (11, 3));
    write(app.path(), &[("a.txt", "changed")]);
    assert_eq!(fetch(&*source, &here, key).await.unwrap(), first);
    source.release(&tenant(), key).await.unwrap();
    source.release(&tenant(), key).await.unwrap();
    assert_eq!(files(&*source, &first.0).await, None);
    let later = fetch(&*source, &here, key).await.unwrap();
    assert_eq!(later.1["a.txt"], "changed");
    assert_ne!(later.0.manifest.digest, first.0.manifest.digest);
}

/// Two folders with the same files have the same.
pub async fn a_digest_is_of_the_content(source: Arc<dyn Source>) {
    let files = [("a", "1"), ("b/c", "2")];
    let (one, two, other) = (folder(&files), folder(&files), folder(&[("a", "1"), ("b/c", "3")]));
    let mut all = Vec::new();
    for (number, app) in [&one, &two, &other].into_iter().enumerate() {
        all.push(fetch(&*source, &at(app.path()), &format!("hash-{number}")).await.unwrap().0);
    }
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0].manifest.digest, all[2].manifest.digest);
    assert_eq!(all[0].manifest.revision(), all[0].manifest.digest.short());
}

/// Alone or through each other; those that stay inside are kept as links.
pub async fn links_that_lead_out_are_refused_with_their_path(source: Arc<dyn Source>) {
    let app = folder(&[("a/file", "text")]);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, app.path().join(name)).unwrap();
    link("a/file", "inside");
    link("a", "folder");
    link("..", "a/up");
    let found = fetch(&*source, &at(app.path()), "links").await.unwrap();
    let expected =
        pairs(&[("a/file", "text"), ("a/up", "-> .."), ("inside", "-> a/file"), ("folder", "-> a")]);
    assert_eq!(found.1, expected);
    for (number, to) in ["/etc/passwd", "../../../etc/passwd", "/", "a/up/../x"].into_iter().enumerate() {
        link(to, "out");
        let error = fetch(&*source, &at(app.path()), &format!("out-{number}")).await.unwrap_err();
        assert!(matches!(error, PortError::Permanent(_)), "{error}");
        assert!(error.to_string().contains(&format!("`out` -> `{to}`")), "{error}");
        fs::remove_file(app.path().join("out")).unwrap();
    }
}

/// With what to do about it.
pub async fn what_is_not_a_folder_is_refused(source: Arc<dyn Source>) {
    let app = folder(&[("file", "text")]);
    let file = app.path().join("file");
    for (number, path) in ["relative/path", "/no/such/folder", &file.display().to_string()].iter().enumerate()
    {
        let wanted = SourceRef::Folder { path: (*path).into() };
        let checked = source.check(&wanted).await.unwrap_err();
        let error = fetch(&*source, &wanted, &format!("no-{number}")).await.unwrap_err();
        assert_eq!(checked.to_string(), error.to_string());
        assert!(matches!(error, PortError::Permanent(_)), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    for key in ["../escape", "a/b", "a.b", ""] {
        assert!(fetch(&*source, &at(app.path()), key).await.is_err());
        assert!(source.release(&tenant(), key).await.is_err());
    }
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
        let (found, files) = fetch(&*source, &git_source(&url, branch, commit), key).await.unwrap();
        assert_eq!(found.manifest.revision(), expected, "{key}");
        assert_eq!(files, pairs(&[("file", text)]), "{key}");
        let origin = &found.manifest.origin;
        assert_eq!((origin.author.as_deref(), origin.message.as_deref()), (Some("t"), Some("change")));
        let named = (origin.branch.as_deref(), origin.tag.as_deref());
        match key {
            "branch" => assert_eq!(named, (Some("feature/x"), None)),
            "tag" => assert_eq!(named, (None, Some("v1"))),
            "older" => assert_eq!(named, (Some("main"), None)),
            _ => assert_eq!(named.1, None),
        }
    }
    // A repeat is the first tree although the branch moved on.
    write(repo.path(), &[("file", "fourth")]);
    commit(repo.path());
    let again = fetch(&*source, &git_source(&url, None, None), "head").await.unwrap().0;
    assert_eq!(again.manifest.revision(), second);
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
    let (_, files) = fetch(&*source, &git_source(&url, None, None), "evil").await.unwrap();
    assert_eq!(files["file"], "text");
    assert!(!files.keys().any(|name| name.starts_with("sub/") || name.starts_with(".git/")), "{files:?}");
    let ran: Vec<_> = fs::read_dir(marks.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(ran.is_empty(), "{ran:?} ran");
}

/// As those of a folder.
pub async fn a_repositorys_links_that_lead_out_are_refused(source: Arc<dyn Source>) {
    if !has_git() {
        return;
    }
    let (repo, _) = repository(&[("file", "text")]);
    std::os::unix::fs::symlink("file", repo.path().join("in")).unwrap();
    commit(repo.path());
    let wanted = git_source(&repo.path().display().to_string(), None, None);
    let found = fetch(&*source, &wanted, "git-links").await.unwrap();
    assert_eq!(found.1, pairs(&[("file", "text"), ("in", "-> file")]));
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("out")).unwrap();
    commit(repo.path());
    let error = fetch(&*source, &wanted, "git-links-out").await.unwrap_err();
    assert!(matches!(error, PortError::Permanent(_)), "{error}");
    assert!(error.to_string().contains("`out` -> `/etc/passwd`"), "{error}");
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
            fetch(&*source, &git_source(url, None, None), &format!("bad-{number}")).await.unwrap_err();
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
        let error = fetch(&*source, &git_source(&url, *branch, *commit), &format!("ref-{number}")).await;
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
        ("none", git_source("/no/such/repository", None, None), "/no/such/repository"),
        ("plain", git_source(&plain, None, None), "no repository"),
        ("branch", git_source(&url, Some("nobody"), None), "`nobody`"),
        ("commit", git_source(&url, Some("main"), Some(&zeros)), zeros.as_str()),
    ] {
        let error = fetch(&*source, &wanted, key).await.unwrap_err();
        assert!(
            matches!(error, PortError::Permanent(_)) && error.to_string().contains(said),
            "{key}: {error}"
        );
    }
    // A failed fetch leaves nothing that a repeat could find.
    let (late, commit) = repository(&[("file", "late")]);
    let late = late.path().display().to_string();
    let found = fetch(&*source, &git_source(&late, None, None), "none").await.unwrap().0;
    assert_eq!(found.manifest.revision(), commit);
}

/// A folder, packed as a client packs it.
fn packed(folder: &Path) -> (Digest, Vec<u8>) {
    let tree = archive::walk(folder, &archive::Rules::default()).unwrap();
    let mut bytes = Vec::new();
    let contents = archive::pack(&tree, &mut bytes, archive::Limits::default(), &mut |_| {}).unwrap();
    (contents.digest, bytes)
}

/// In pieces, as they come.
fn sent(bytes: &[u8]) -> Stream {
    let pieces: Vec<_> = bytes.chunks(100).map(|piece| Ok(piece.to_vec().into())).collect();
    stream::iter(pieces).boxed()
}

/// As a user's upload.
fn of_ann(digest: &Digest, data: Stream) -> Upload {
    Upload { key: upload_key("ann"), digest: digest.clone(), tracked: false, data }
}

/// What is known of an archive, without a claim that stays.
async fn there(source: &dyn Source, tenant: &TenantId, digest: &Digest) -> Option<Manifest> {
    let found = source.keep(tenant, "looks", digest).await.unwrap();
    source.release(tenant, "looks").await.unwrap();
    found
}

fn uploaded(digest: &Digest) -> SourceRef {
    let origin = Origin { commit: Some("c".repeat(40)), dirty: true, ..Origin::default() };
    SourceRef::Archive { digest: digest.clone(), origin, name: Some("shop".into()) }
}

/// With its sizes, and with what its sender says of it when it is deployed.
pub async fn an_upload_is_kept_as_what_it_is(source: Arc<dyn Source>) {
    let app = folder(&[("a", "1"), ("b/c", &"2".repeat(1000))]);
    let (digest, bytes) = packed(app.path());
    assert_eq!(there(&*source, &tenant(), &digest).await, None);
    let manifest = source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap();
    assert_eq!((manifest.files, manifest.bytes, manifest.packed_bytes), (2, 1001, bytes.len() as u64));
    assert_eq!(source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap(), manifest, "a repeat");
    assert_eq!(there(&*source, &tenant(), &digest).await, Some(manifest));
    let (found, files) = fetch(&*source, &uploaded(&digest), "dep_1").await.unwrap();
    assert_eq!(files, pairs(&[("a", "1"), ("b/c", &"2".repeat(1000))]));
    let shown = (found.manifest.origin.commit.as_deref(), found.manifest.revision());
    assert_eq!(shown, (Some("c".repeat(40).as_str()), digest.short()), "with changes it is no commit");
    // It is the same archive as one that is fetched from the folder.
    let fetched = fetch(&*source, &at(app.path()), "dep_2").await.unwrap().0;
    assert_eq!((fetched.key, fetched.manifest.digest), (found.key, digest));
}

/// Who knows its digest has nothing of it.
pub async fn an_upload_is_its_tenants_own(source: Arc<dyn Source>) {
    let (digest, bytes) = packed(folder(&[("a", "1")]).path());
    source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap();
    let other = TenantId::new("other").unwrap();
    assert_eq!(there(&*source, &other, &digest).await, None);
    let error = source.fetch(&other, &uploaded(&digest), "dep_1", None).await.unwrap_err();
    assert!(matches!(&error, PortError::Permanent(text) if text.contains("no archive")), "{error}");
    assert_eq!(source.claims(None, 10).await.unwrap().len(), 1, "a refused claim leaves nothing");
}

/// Another digest, half of it, no archive, or one whose sender goes away.
pub async fn an_upload_that_is_not_what_it_says_leaves_nothing(source: Arc<dyn Source>) {
    let (digest, bytes) = packed(folder(&[("a", "1")]).path());
    let (other, _) = packed(folder(&[("a", "2")]).path());
    for (digest, data) in
        [(&other, bytes.as_slice()), (&digest, &bytes[..bytes.len() / 2]), (&digest, b"text")]
    {
        let error = source.receive(&tenant(), of_ann(digest, sent(data))).await.unwrap_err();
        assert!(matches!(error, PortError::Permanent(_)), "{error}");
    }
    let broken = sent(&bytes[..50]).chain(stream::iter([Err(PortError::Transient("gone".into()))]));
    let error = source.receive(&tenant(), of_ann(&digest, broken.boxed())).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let hanging = sent(&bytes[..50]).chain(stream::pending()).boxed();
    let receiving = tokio::spawn({
        let (source, digest) = (source.clone(), digest.clone());
        async move { source.receive(&tenant(), of_ann(&digest, hanging)).await }
    });
    receiving.abort();
    receiving.await.ok();
    assert_eq!(source.claims(None, 10).await.unwrap(), []);
    for digest in [&digest, &other] {
        assert_eq!(there(&*source, &tenant(), digest).await, None);
    }
    source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap();
}

/// And not before.
pub async fn an_archive_goes_with_its_last_claim(source: Arc<dyn Source>) {
    let app = folder(&[("a", "1")]);
    let (digest, bytes) = packed(app.path());
    source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap();
    let one = fetch(&*source, &uploaded(&digest), "dep_1").await.unwrap().0;
    fetch(&*source, &at(app.path()), "dep_2").await.unwrap();
    let upload =
        source.claims(None, 10).await.unwrap().into_iter().find(|claim| is_upload(&claim.key)).unwrap();
    source.forget(&upload).await.unwrap();
    source.forget(&upload).await.unwrap();
    source.release(&tenant(), "dep_1").await.unwrap();
    // Whoever reads it just now goes on reading.
    let reading = opened(&*source, &one).await.expect("dep_2 wants it");
    source.release(&tenant(), "dep_2").await.unwrap();
    assert_eq!(tree(&reading.folder), pairs(&[("a", "1")]));
    assert_eq!(there(&*source, &tenant(), &digest).await, None);
    assert_eq!(source.claims(None, 10).await.unwrap(), []);
    let gone = source.fetch(&tenant(), &uploaded(&digest), "dep_3", None).await.unwrap_err();
    assert!(matches!(&gone, PortError::Permanent(text) if text.contains("upload it again")), "{gone}");
    // Two that are added and taken away at once: what is claimed is there.
    for round in 0..8 {
        let (digest, bytes) = packed(folder(&[("a", &format!("race {round}"))]).path());
        source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap();
        let upload =
            source.claims(None, 10).await.unwrap().into_iter().find(|claim| is_upload(&claim.key)).unwrap();
        let (wanted, tenant) = (uploaded(&digest), tenant());
        let (claimed, forgotten) =
            tokio::join!(source.fetch(&tenant, &wanted, "racer", None), source.forget(&upload));
        forgotten.unwrap();
        let there = there(&*source, &tenant, &digest).await.is_some();
        assert_eq!(claimed.is_ok(), there);
        source.release(&tenant, "racer").await.unwrap();
    }
}

/// However it came here, and whoever else's claim ends.
pub async fn an_archive_that_is_here_is_kept_for_whoever_asks(source: Arc<dyn Source>) {
    let app = folder(&[("a", "1")]);
    let archived = fetch(&*source, &at(app.path()), "dep_1").await.unwrap().0;
    let (digest, key) = (archived.manifest.digest, upload_key("bob"));
    let kept = source.keep(&tenant(), &key, &digest).await.unwrap().expect("it is here");
    assert_eq!((kept.files, kept.origin.is_unknown()), (1, true));
    source.release(&tenant(), "dep_1").await.unwrap();
    let found = fetch(&*source, &uploaded(&digest), "dep_2").await.unwrap().1;
    assert_eq!(found, pairs(&[("a", "1")]), "the upload's own claim holds it");
    let zeros = "0".repeat(64).parse().unwrap();
    assert_eq!(source.keep(&tenant(), &key, &zeros).await.unwrap(), None);
    assert_eq!(source.claims(None, 10).await.unwrap().len(), 2, "what isn't here is not claimed");
}

/// The oldest make room, of one user alone.
pub async fn uploads_of_one_user_are_bounded(source: Arc<dyn Source>) {
    let (first, bytes) = packed(folder(&[("a", "first")]).path());
    let others = Upload { key: upload_key("bob"), ..of_ann(&first, sent(&bytes)) };
    source.receive(&tenant(), others).await.unwrap();
    for number in 0..=MOST_UPLOADS {
        let (digest, bytes) = packed(folder(&[("a", &number.to_string())]).path());
        source.receive(&tenant(), of_ann(&digest, sent(&bytes))).await.unwrap();
    }
    let claims = source.claims(None, 1_000).await.unwrap();
    let of = |user: &str| claims.iter().filter(|claim| claim.key == upload_key(user)).count();
    assert_eq!((of("ann"), of("bob")), (MOST_UPLOADS, 1));
    assert!(there(&*source, &tenant(), &first).await.is_some());
}

/// With their times.
pub async fn claims_are_listed_page_by_page(source: Arc<dyn Source>) {
    let app = folder(&[("a", "1")]);
    for number in 0..5 {
        fetch(&*source, &at(app.path()), &format!("dep_{number}")).await.unwrap();
    }
    let all = source.claims(None, 100).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|claim| claim.tenant == tenant() && claim.since.0 > 0), "{all:?}");
    for size in [1, 2, 5] {
        let mut pages: Vec<_> = vec![];
        loop {
            let page = source.claims(pages.last(), size).await.unwrap();
            assert!(page.len() <= size);
            if page.is_empty() {
                break;
            }
            pages.extend(page);
        }
        assert_eq!(pages, all, "by {size}");
    }
}
