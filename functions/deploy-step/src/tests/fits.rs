//! What inspection knows is used before anything is built.

use super::{scan, scan_in, scanned};
use host::testing::sample;
use model::{
    document::{Deployment, Kept, Stage, Status, deployment_path},
    port::target::{Capabilities, Need, Plan},
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

const CONFIG: &str = "if (!process.env.DATABASE_URL) {\n  throw new Error('no database');\n}\nexports.from = process.env.MAIL_FROM;\n";
const NEEDS: [(&str, &str); 3] = [
    PACKAGE,
    ("server.js", "require('./config');\nrequire('./app').listen(process.env.PORT);\n"),
    ("config.js", CONFIG),
];

#[tokio::test]
async fn a_variable_that_is_certainly_needed_is_asked_for_before_the_build() {
    let (ended, story) = scan(&NEEDS, |_| {}).await;
    assert_eq!(ended.status, Status::Failed, "{story:?}");
    assert!(!built(&ended), "{story:?}");
    let failure = ended.failure.unwrap();
    assert_eq!((failure.stage, failure.code.as_str()), (Stage::Analyze, "variables_missing"));
    assert!(
        failure.message.contains("without DATABASE_URL (config.js:1), and nobody has set it"),
        "{}",
        failure.message
    );
    assert!(
        failure.hint.contains("env set --service shop DATABASE_URL=…") && failure.hint.contains("--yes"),
        "{}",
        failure.hint
    );
}

#[tokio::test]
async fn what_is_set_or_may_be_lacking_goes_on() {
    let set = |deployment: &mut Deployment| {
        deployment.variables.insert("DATABASE_URL".to_owned(), "postgres://db".to_owned());
    };
    let (on, story) = scan(&NEEDS, set).await;
    assert!(built(&on), "{story:?}");
    // A variable that is only read is named, and no more.
    let warning = "warning: the code reads MAIL_FROM (config.js:4), which nobody has set";
    assert!(on.checks.iter().any(|check| check == warning), "{:?}", on.checks);
    let (on, story) = scan(&NEEDS, |deployment| deployment.may_lack = true).await;
    assert!(built(&on), "{story:?}");
    assert!(on.checks.iter().any(|check| check.contains("DATABASE_URL (config.js:1)")), "{:?}", on.checks);
}

/// What serves without a variable that it reads as well is better evidence than what its source says.
#[tokio::test]
async fn what_serves_without_it_is_believed() {
    for (before, goes_on) in [
        (Some(vec!["DATABASE_URL"]), true),
        (Some(vec![]), false),
        // Deployed before that was looked for.
        (None, true),
    ] {
        let (_folder, world) = scanned().await;
        let needs = before.map(|names| {
            let need = |name: &&str| Need { name: (*name).to_owned(), ..Need::default() };
            names.iter().map(need).collect()
        });
        let serving = Deployment { plan: Some(Plan { needs, ..Plan::default() }), ..sample::deployment(2) };
        world.put(deployment_path(&sample::acme(), &serving.id), &serving).await;
        let kept = Kept {
            revision: "shop-2".to_owned(),
            deployment: serving.id.clone(),
            decision: None,
            commit: None,
            since: serving.created_at,
        };
        let (on, story) = scan_in(&world, &NEEDS, |deployment| deployment.last_good = Some(kept)).await;
        assert_eq!(built(&on), goes_on, "{story:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_had_is_refused_with_its_line() {
    let files = [
        PACKAGE,
        ("server.js", "require('./app').listen(process.env.PORT);\n"),
        ("sextant.toml", "\ncpu = 99\n"),
    ];
    let (ended, story) = scan(&files, |_| {}).await;
    assert!(!built(&ended), "{story:?}");
    let message = ended.failure.unwrap().message;
    assert!(message.starts_with("`cpu` from sextant.toml:2 can't be had: 80 to 8000"), "{message}");
}
