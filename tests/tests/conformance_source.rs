//! The machine's source passes the source's suite, keeps its bounds and keeps tokens to itself.

#![expect(clippy::unwrap_used, reason = "test code")]

use archive::Limits;
use machine::{
    clock::MachineClock,
    objects::Objects,
    source::{MachineSource, Options, address::Reach},
};
use model::port::{
    PortError, Source as _,
    source::{Fetched, SourceRef},
};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tests::conformance::source::{Made, fetch_as, has_git, opened, tenant, tree};

fn options(data: &Path) -> Options {
    let objects = Arc::new(Objects::open(&data.join("objects")).unwrap());
    let clock = Arc::new(MachineClock::open(data).unwrap());
    Options::new(data, "/usr/local/bin:/usr/bin:/bin", objects, clock)
}

fn open(data: &Path) -> MachineSource {
    MachineSource::open(options(data)).unwrap()
}

fn machine() -> Made {
    let data = tempfile::tempdir().unwrap();
    (Arc::new(open(data.path())), Box::new(data))
}

tests::source_suite!(async { machine() });

fn at(path: &Path) -> SourceRef {
    SourceRef::Folder { path: path.display().to_string() }
}

/// What a data folder holds of sources: half-done work, unpacked trees, objects.
fn left(data: &Path) -> Vec<PathBuf> {
    let folders = ["sources/work", "sources/trees", "objects/sources"];
    let entries = folders.iter().filter_map(|name| std::fs::read_dir(data.join(name)).ok()).flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn too_much_is_refused_and_nothing_of_it_stays() {
    let (data, app) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..10 {
        std::fs::write(app.path().join(number.to_string()), vec![b'x'; 300_000]).unwrap();
    }
    for (limits, said) in [
        (Limits { bytes: 2 << 20, files: 100, ..Limits::default() }, "2 MiB in 100 files is the most"),
        (Limits { files: 9, ..Limits::default() }, "1024 MiB in 9 files is the most"),
        (Limits { packed_bytes: 100, ..Limits::default() }, "archive has more than"),
    ] {
        let source = MachineSource::open(Options { limits, ..options(data.path()) }).unwrap();
        let error = fetch_as(&source, &at(app.path()), "large", None).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(left(data.path()), Vec::<PathBuf>::new());
        if has_git() && !app.path().join(".git").exists() {
            for arguments in [&["init", "--quiet"][..], &["add", "-A"], &["commit", "--quiet", "-m", "x"]] {
                tests::conformance::source::git(app.path(), arguments);
            }
        }
        if has_git() && limits.packed_bytes > 100 {
            let url = app.path().display().to_string();
            let repository = SourceRef::Git { url, branch: None, commit: None };
            let error = fetch_as(&source, &repository, "large", None).await.unwrap_err().to_string();
            assert!(error.contains("too large") && error.contains("10 files"), "{error}");
            assert_eq!(left(data.path()), Vec::<PathBuf>::new());
        }
    }
}

/// The folder itself, what it lies in, what lies in it; by any path, and as a repository too.
#[tokio::test]
async fn the_data_folder_is_never_a_source() {
    let app = tempfile::tempdir().unwrap();
    let data = app.path().join("inner/data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(app.path().join("file"), "text").unwrap();
    let source = open(&data);
    std::os::unix::fs::symlink(&data, app.path().join("link")).unwrap();
    for path in [
        app.path().to_owned(),
        app.path().join("inner"),
        data.clone(),
        data.join("sources"),
        data.join("sources/work"),
        app.path().join("link/objects"),
        app.path().join("inner/../inner/data"),
        PathBuf::from("/"),
    ] {
        let url = path.display().to_string();
        for wanted in [at(&path), SourceRef::Git { url, branch: None, commit: None }] {
            let checked = source.check(&wanted).await.unwrap_err();
            let fetched = fetch_as(&source, &wanted, "self", None).await.unwrap_err();
            for error in [checked, fetched] {
                assert!(
                    matches!(&error, PortError::Permanent(text) if text.contains("data folder")),
                    "{error}"
                );
            }
        }
    }
    assert_eq!(left(&data), Vec::<PathBuf>::new());
    std::fs::create_dir(app.path().join("beside")).unwrap();
    source.check(&at(&app.path().join("beside"))).await.unwrap();
}

/// Where several people share a server, its disk is nobody's source.
#[tokio::test]
async fn paths_are_sources_on_ones_own_machine_only() {
    let (data, app) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = MachineSource::open(Options { folders: false, ..options(data.path()) }).unwrap();
    let url = app.path().display().to_string();
    for wanted in
        [at(app.path()), SourceRef::Git { url, branch: None, commit: None }, at(Path::new("/no/such"))]
    {
        let checked = source.check(&wanted).await.unwrap_err();
        let fetched = fetch_as(&source, &wanted, "path", None).await.unwrap_err();
        for error in [checked, fetched] {
            let text = error.to_string();
            assert!(text.contains("server's own disk") && text.contains("sextant deploy"), "{text}");
        }
    }
}

/// A file that is read in the middle of being unpacked for somebody else, and room for one tree only.
#[tokio::test]
async fn trees_that_nobody_reads_make_room() {
    let data = tempfile::tempdir().unwrap();
    let source = MachineSource::open(Options { cache_bytes: 1500, ..options(data.path()) }).unwrap();
    let trees = || std::fs::read_dir(data.path().join("sources/trees")).unwrap().count();
    let mut archives = vec![];
    for text in ["a", "b", "c"] {
        let app = tempfile::tempdir().unwrap();
        std::fs::write(app.path().join("file"), text.repeat(1000)).unwrap();
        archives.push(fetch_as(&source, &at(app.path()), text, None).await.unwrap());
    }
    let first = opened(&source, &archives[0]).await.unwrap();
    drop(opened(&source, &archives[1]).await.unwrap());
    drop(opened(&source, &archives[2]).await.unwrap());
    assert_eq!(tree(&first.folder)["file"], "a".repeat(1000), "what is read stays");
    assert_eq!(trees(), 2, "and what was read last");
    drop(first);
    let again = opened(&source, &archives[1]).await.unwrap();
    assert_eq!(tree(&again.folder)["file"], "b".repeat(1000));
    assert_eq!(trees(), 1);
}

/// One at a time, the others told how long the queue is; and what is cancelled leaves it.
#[tokio::test(flavor = "multi_thread")]
async fn fetches_wait_for_their_turn_and_say_so() {
    let data = tempfile::tempdir().unwrap();
    let tools = tempfile::tempdir().unwrap();
    // A program called git that never ends.
    let git = tools.path().join("git");
    std::fs::write(&git, "#!/bin/sh\ncase \"$*\" in *init*) exec sleep 1000;; esac\n").unwrap();
    std::fs::set_permissions(&git, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let source = MachineSource::open(Options {
        fetches: 1,
        answer_within: Duration::from_millis(300),
        path: format!("{}:/usr/bin:/bin", tools.path().display()),
        ..options(data.path())
    })
    .unwrap();
    let (app, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = repository.path().display().to_string();
    let hanging = SourceRef::Git { url, branch: None, commit: None };
    let reason = |fetched| match fetched {
        Fetched::Waits { reason } => reason,
        Fetched::Archived(_) => panic!("it can't be done yet"),
    };
    let said = reason(source.fetch(&tenant(), &hanging, "dep_1", None).await.unwrap());
    assert!(said.contains("being fetched"), "{said}");
    for (key, place) in [("dep_2", "it is the next"), ("dep_3", "1 is ahead")] {
        let said = reason(source.fetch(&tenant(), &at(app.path()), key, None).await.unwrap());
        assert!(said.contains("one of 1 fetches") && said.contains(place), "{said}");
    }
    source.release(&tenant(), "dep_2").await.unwrap();
    source.release(&tenant(), "dep_1").await.unwrap();
    let done = fetch_as(&source, &at(app.path()), "dep_3", None).await.unwrap();
    assert_eq!(done.manifest.files, 0);
    // What was cancelled in the middle is removed beside us.
    let gone = async {
        while std::fs::read_dir(data.path().join("sources/work")).unwrap().count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("half a fetch stayed");
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
    let (patience, reach) = (Duration::from_secs(2), Reach::anywhere());
    let source = Arc::new(MachineSource::open(Options { patience, reach, ..options(data.path()) }).unwrap());
    let wanted = SourceRef::Git { url, branch: None, commit: None };
    let fetching = {
        let source = source.clone();
        tokio::spawn(async move { fetch_as(&*source, &wanted, "silent", Some(TOKEN)).await })
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
    assert!(
        arguments.iter().any(|line| line.contains("ls-remote") && line.contains("127.0.0.1")),
        "git runs"
    );
    assert!(!arguments.iter().any(|line| secret(line)), "the token is in an argument");
    for (name, text) in tree(data.path()) {
        assert!(!secret(&text), "the token is in {name}");
    }
    let error = fetching.await.unwrap().unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("longer than 2 s"), "{error}");
    assert!(!secret(&error.to_string()), "{error}");
    connection.write_all(b"late").ok();
    assert_eq!(left(data.path()), Vec::<PathBuf>::new());
}
