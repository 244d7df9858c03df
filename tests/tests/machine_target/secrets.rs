//! No secret is in clear anywhere in the data folder: not while it is built, run, restarted or adopted.

use super::world;
use model::port::target::BuildState;
use std::path::Path;

const BUILD_SECRET: &str = "hunter2-hunter2-hunter2";
/// What the fixture gives each revision, and the test app writes to its log at its start.
const APP_SECRET: &str = "correct-horse-battery";

/// Files below `folder` that hold one of the secrets, and how many files there are.
fn leaks(folder: &Path) -> (Vec<String>, usize) {
    let (mut found, mut files, mut folders) = (Vec::new(), 0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file()
                && let Ok(data) = std::fs::read(entry.path())
            {
                files += 1;
                let has = |secret: &str| data.windows(secret.len()).any(|part| part == secret.as_bytes());
                if has(BUILD_SECRET) || has(APP_SECRET) {
                    found.push(entry.path().display().to_string());
                }
            }
        }
    }
    (found, files)
}

fn assert_none(folder: &Path, least: usize) {
    let (found, files) = leaks(folder);
    assert!(files >= least, "only {files} files were looked at");
    assert!(found.is_empty(), "in clear: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_leaves_no_secret_in_clear() {
    let (at, target) = world().await;
    let gate = target.data().join("gate");
    let script = format!(
        "echo it is {BUILD_SECRET}; while [ ! -e {} ]; do sleep 0.05; done; echo again {BUILD_SECRET}; exit 1",
        gate.display()
    );
    // The command itself is no secret, so the value comes to it as a variable.
    let script = script.replace(BUILD_SECRET, "$VALUE");
    let mut order = at.build_order("leaky", at.plan(None, Some(&script)));
    order.redact = vec![BUILD_SECRET.into()];
    order.variables.insert("VALUE".into(), BUILD_SECRET.into());
    at.target.start_build(order.clone()).await.unwrap();
    let prefix = format!("{}/", order.log_prefix);
    while at.objects.list(&prefix, None, 1).await.unwrap().is_empty() {
        assert_none(target.data(), 2);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_none(target.data(), 4);
    std::fs::write(gate, "").unwrap();
    let BuildState::Failed { tail, .. } = at.built(&order).await else { panic!("it must fail") };
    assert_eq!(tail, ["it is ***", "again ***"]);
    assert_none(target.data(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_app_leaves_no_secret_in_clear() {
    let (at, target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    // It has written its secret by now: the log shows where.
    let log = at.wrote(&one.revision, "secret").await;
    assert!(log.iter().any(|line| line.contains("secret ***")), "{log:?}");
    assert_none(target.data(), 5);
    at.target.restart(&at.service, &one.revision, "k2").await.unwrap();
    assert_none(target.data(), 5);
    let environment = tests::conformance::target::http::get(&one.url, "/environment").await.body;
    assert!(environment.contains(&format!("SECRET={APP_SECRET}")), "the app itself has it: {environment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_writes_at_its_end_is_known_and_hidden() {
    let (at, target) = world().await;
    let artifact = at.artifact("one").await;
    let mut order = at.revision_order("last", &artifact);
    order.plan.start_command =
        Some("echo a first line; printf 'no newline after %s' $SECRET >&2; exit 3".into());
    let revision = at.target.create_revision(order).await.unwrap().revision;
    let detail = loop {
        let probe = at.target.probe(&at.service, &revision, "/").await.unwrap();
        if probe.dead {
            break probe.detail;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(detail.contains("a first line | no newline after ***"), "{detail}");
    assert_none(target.data(), 3);
}
