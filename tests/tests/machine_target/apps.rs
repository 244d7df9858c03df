//! Real apps with their own toolchains, from `tests/apps`.

use super::{has, world};
use model::port::target::{BuildState, Plan};
use std::path::{Path, PathBuf};
use tests::conformance::target::{Fixture, archived, http::get};

fn app(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(name)
}

async fn build(at: &Fixture, name: &str, plan: &Plan, timeout_ms: i64) -> BuildState {
    let mut order = at.build_order(name, plan.clone());
    order.archive = archived(&*at.objects, &app(name)).await;
    order.timeout_ms = timeout_ms;
    at.target.start_build(order.clone()).await.unwrap();
    at.built(&order).await
}

/// Builds, releases, waits until it is well, gives it all traffic; answers what `/` says.
async fn home(at: &Fixture, name: &str, plan: Plan) -> String {
    let state = build(at, name, &plan, 300_000).await;
    let BuildState::Succeeded { artifact, .. } = state else { panic!("{name} was not built: {state:?}") };
    let mut order = at.revision_order("one", &artifact);
    order.plan = plan;
    let one = at.target.create_revision(order).await.unwrap();
    at.healthy(&one.revision).await;
    at.shift(&[(&one, 100)], "k").await;
    let reply = get(&one.url, "/").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

fn plan(start: &str) -> Plan {
    Plan { start_command: Some(start.into()), health_path: Some("/healthz".into()), ..Plan::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_app() {
    if !has("node") || !has("npm") {
        return;
    }
    let (at, _target) = world().await;
    let body = home(&at, "node-http", plan("npm start")).await;
    assert!(body.contains("node-http"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_app_in_its_own_environment() {
    if !has("python3") {
        return;
    }
    let (at, _target) = world().await;
    let install = "python3 -m venv .venv && .venv/bin/python -c 'import sys; print(sys.prefix)'";
    let plan = Plan { install_command: Some(install.into()), ..plan("python main.py") };
    let body = home(&at, "python-http", plan).await;
    assert!(body.contains("python-http"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_app() {
    if !has("cargo") {
        return;
    }
    let (at, _target) = world().await;
    let plan =
        Plan { build_command: Some("cargo build --offline".into()), ..plan("./target/debug/rust-http") };
    let body = home(&at, "rust-http", plan).await;
    assert!(body.starts_with("hello from version"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_floods_its_log_is_bounded() {
    let (at, target) = world().await;
    let artifact = at.artifact("flood").await;
    let mut order = at.revision_order("flood", &artifact);
    order.plan.start_command =
        Some(format!("yes 'a flood of the log' | head -c 50000000 & exec {}", at.app.start_command));
    let one = at.target.create_revision(order).await.unwrap();
    at.healthy(&one.revision).await;
    // Until the flood is over and was cut, the log is larger than what is kept.
    let folder = format!("services/{}/{}/revisions/{}", at.service.tenant, at.service.service, one.revision);
    let data = target.data().join(folder);
    let size = |name: &str| std::fs::metadata(data.join(name)).map_or(0, |file| file.len());
    let older = || {
        let names = std::fs::read_dir(&data)
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with("log.")).collect::<Vec<_>>()
    };
    while older().is_empty() || size("log") > 4 * 1024 * 1024 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(older().iter().all(|name| size(name) <= 4 * 1024 * 1024));
    let log = at.target.runtime_log(&at.service, &one.revision, None, 100).await.unwrap();
    assert_eq!(log.lines.len(), 100);
}
