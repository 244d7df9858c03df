//! The machine's source passes the source's suite, keeps its bounds and keeps tokens to itself.

#![expect(clippy::unwrap_used, reason = "test code")]

use machine::source::{MachineSource, tree::Bounds};
use model::port::{Source as _, source::SourceRef};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tests::conformance::source::{Made, has_git};

fn open(data: &Path) -> MachineSource {
    MachineSource::open(data, "/usr/local/bin:/usr/bin:/bin").unwrap()
}

fn machine() -> Made {
    let data = tempfile::tempdir().unwrap();
    (Arc::new(open(data.path())), Box::new(data))
}

tests::source_suite!(async { machine() });

#[tokio::test]
async fn too_much_is_refused_and_nothing_of_it_stays() {
    let (data, app) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..10 {
        std::fs::write(app.path().join(number.to_string()), vec![b'x'; 300_000]).unwrap();
    }
    let here = SourceRef::Folder { path: app.path().display().to_string() };
    for (bounds, said) in [
        (Bounds { bytes: 2 << 20, entries: 100 }, "more than 2 MiB"),
        (Bounds { bytes: 100 << 20, entries: 9 }, "more than 9 files"),
    ] {
        let source = open(data.path()).bounded(bounds, Duration::from_mins(1));
        let error = source.checkout(&here, "large", None).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(std::fs::read_dir(data.path().join("sources")).unwrap().count(), 0);
        if has_git() && !app.path().join(".git").exists() {
            for arguments in [&["init", "--quiet"][..], &["add", "-A"], &["commit", "--quiet", "-m", "x"]] {
                tests::conformance::source::git(app.path(), arguments);
            }
        }
        if has_git() {
            let url = app.path().display().to_string();
            let repository = SourceRef::Git { url, branch: None, commit: None };
            let error = source.checkout(&repository, "large", None).await.unwrap_err().to_string();
            assert!(error.contains("too large") && error.contains("10 files"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_data_folder_inside_an_app_is_not_copied() {
    let app = tempfile::tempdir().unwrap();
    let data = app.path().join(".data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(app.path().join("file"), "text").unwrap();
    let source = open(&data);
    let here = SourceRef::Folder { path: app.path().display().to_string() };
    let found = source.checkout(&here, "self", None).await.unwrap();
    let files: Vec<String> = tests::conformance::source::tree(&found.folder).into_keys().collect();
    assert_eq!(files, ["file"]);
}

/// A server that takes connections and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_given_up_and_the_token_stays_secret() {
    if !has_git() {
        return;
    }
    const TOKEN: &str = "ghp_correcthorsebatterystaple";
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/a/b", silent.local_addr().unwrap().port());
    let data = tempfile::tempdir().unwrap();
    let source = Arc::new(open(data.path()).bounded(Bounds::default(), Duration::from_secs(2)));
    let wanted = SourceRef::Git { url, branch: None, commit: None };
    let fetching = {
        let source = source.clone();
        tokio::spawn(async move { source.checkout(&wanted, "silent", Some(TOKEN)).await })
    };
    // git has connected: it runs now, with the token somewhere.
    let (mut connection, _) = tokio::task::spawn_blocking(move || silent.accept()).await.unwrap().unwrap();
    let mut hello = [0; 16];
    connection.read_exact(&mut hello).unwrap();
    let encoded = "Z2hwX2NvcnJlY3Rob3JzZWJhdHRlcnlzdGFw";
    let secret = |text: &str| text.contains(TOKEN) || text.contains(encoded);
    let arguments: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect();
    assert!(arguments.iter().any(|line| line.contains("fetch") && line.contains("127.0.0.1")), "git runs");
    assert!(!arguments.iter().any(|line| secret(line)), "the token is in an argument");
    for (name, text) in tests::conformance::source::tree(data.path()) {
        assert!(!secret(&text), "the token is in {name}");
    }
    let error = fetching.await.unwrap().unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("longer than 2 s"), "{error}");
    assert!(!secret(&error.to_string()), "{error}");
    connection.write_all(b"late").ok();
    assert_eq!(std::fs::read_dir(data.path().join("sources")).unwrap().count(), 0);
}
