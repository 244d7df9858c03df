//! What inspection knows is used before anything is built.

use super::{scan, scan_in, scanned};
use model::{
    document::{Deployment, Stage, Status},
    port::target::Capabilities,
};

const PACKAGE: (&str, &str) = ("package.json", r#"{"scripts": {"start": "node server.js"}}"#);
const FIXED: &str =
    "const http = require('node:http');\n\nhttp.createServer((q, r) => r.end()).listen(3000);\n";

/// Whether it came as far as the build.
fn built(deployment: &Deployment) -> bool {
    deployment.stages.iter().any(|time| time.stage == Stage::Build)
}

#[tokio::test]
async fn a_port_that_is_certainly_fixed_is_refused_before_the_build() {
    let (ended, story) = scan(&[PACKAGE, ("server.js", FIXED)], |_| {}).await;
    assert_eq!(ended.status, Status::Failed, "{story:?}");
    assert!(!built(&ended), "{story:?}");
    let failure = ended.failure.unwrap();
    assert_eq!((failure.stage, failure.code.as_str()), (Stage::Analyze, "port_fixed"));
    assert!(failure.message.starts_with("server.js:3 listens on port 3000"), "{}", failure.message);
    assert!(failure.message.contains("Listen on $PORT: `process.env.PORT || 3000`"), "{}", failure.message);
    assert!(failure.hint.contains("--port 3000"), "{}", failure.hint);
}

#[tokio::test]
async fn a_port_that_seems_fixed_is_a_warning() {
    let doubt = "const config = require('./config');\nif (config.serve) require('./app').listen(3000);\n";
    let (on, story) = scan(&[PACKAGE, ("server.js", doubt)], |_| {}).await;
    assert!(built(&on), "{story:?}");
    assert!(
        on.checks.iter().any(|check| check.starts_with("warning: it seems that server.js:2")),
        "{:?}",
        on.checks
    );
}

#[tokio::test]
async fn who_says_the_port_is_believed() {
    let files = [PACKAGE, ("server.js", FIXED)];
    let (on, story) = scan(&files, |deployment| deployment.run.port = Some(3000)).await;
    assert!(built(&on), "{story:?}");
    let (on, story) = scan(&[files[0], files[1], ("sextant.toml", "port = 3000\n")], |_| {}).await;
    assert!(built(&on), "{story:?}");
    assert_eq!(on.plan.unwrap().port, Some(3000));
}

#[tokio::test]
async fn a_fixed_port_is_mapped_where_the_target_can() {
    let (_folder, world) = scanned().await;
    world.state().capabilities = Capabilities { own_port: true, ..Capabilities::default() };
    let (on, story) = scan_in(&world, &[PACKAGE, ("server.js", FIXED)], |_| {}).await;
    assert!(built(&on), "{story:?}");
    assert!(on.checks.iter().any(|check| check.contains("3000 is mapped")), "{:?}", on.checks);
    assert_eq!(on.plan.unwrap().port, Some(3000));
}
