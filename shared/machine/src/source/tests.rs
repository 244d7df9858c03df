use super::*;
use crate::{clock::MachineClock, objects};
use std::{fs, os::unix::fs::PermissionsExt as _};

fn open(data: &Path, path: &str) -> MachineSource {
    let objects = Arc::new(objects::Objects::open(&data.join("objects")).unwrap());
    let clock = Arc::new(MachineClock::open(data).unwrap());
    MachineSource::open(Options::new(data, path, objects, clock)).unwrap()
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// A program called git that waits in `fetch` until somebody writes to a pipe, and can't fetch twice.
fn slow_git(tools: &Path) -> String {
    let here = tools.display();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*\"fetch --quiet\"*) mkdir {here}/once || exit 1; read line < {here}/pipe;;\n\
         *rev-parse*) echo 0123456789012345678901234567890123456789;;\nesac\n"
    );
    fs::write(tools.join("git"), script).unwrap();
    fs::set_permissions(tools.join("git"), fs::Permissions::from_mode(0o700)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(tools.join("pipe")).status().unwrap();
    assert!(made.success());
    format!("{here}:/usr/bin:/bin")
}

#[tokio::test]
async fn a_fetch_goes_on_when_its_callers_time_is_up() {
    let (data, tools, repository) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = open(data.path(), &slow_git(tools.path()));
    let url = repository.path().display().to_string();
    let wanted = SourceRef::Git { url, branch: None, commit: None };
    let (first, asked) = (source.clone(), wanted.clone());
    let caller = tokio::spawn(async move { first.fetch(&acme(), &asked, "dep_1", None).await });
    let pipe = tools.path().join("pipe");
    // Opening it waits for git to be in the middle of its fetch.
    let pipe = tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(pipe));
    let mut pipe = pipe.await.unwrap().unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    std::io::Write::write_all(&mut pipe, b"go on\n").ok();
    drop(pipe);
    let Fetched::Archived(found) = source.fetch(&acme(), &wanted, "dep_1", None).await.unwrap() else {
        panic!("it was to be done")
    };
    assert_eq!(found.manifest.revision(), "0123456789012345678901234567890123456789");
}

#[tokio::test]
async fn what_a_crash_left_of_a_fetch_goes_with_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    for left in [
        "sources/work/1/repository",
        "sources/trees/.x.partial",
        "sources/.dep_1.partial/tree",
        "sources/dep_0/tree",
    ] {
        files::folder(&data.path().join(left)).unwrap();
    }
    open(data.path(), "/usr/bin:/bin");
    let left: Vec<PathBuf> = ["work", "trees"]
        .iter()
        .flat_map(|name| fs::read_dir(data.path().join("sources").join(name)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(files::subfolders(&data.path().join("sources")).len(), 2);
}
