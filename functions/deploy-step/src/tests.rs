//! Against the embedded store, with a target and a source that remember what they were asked.

mod fits;

use super::*;
use host::{
    seal::{self, SecretString},
    testing::{World, sample},
};
use machine::store::{Options, Store};
use model::{
    document::{Deployment, Status, Step, deployment_path},
    message::Message,
    port::source::SourceRef,
};
use std::sync::Arc;

fn git(commit: Option<&str>) -> SourceRef {
    SourceRef::Git {
        url: "https://git.example/a/b.git".to_owned(),
        branch: Some("main".to_owned()),
        commit: commit.map(str::to_owned),
    }
}

/// A private repository that was scanned, whose copy is lost; there is no other.
async fn scanned() -> (tempfile::TempDir, World) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    let mut deployment = Deployment {
        step: Step::Analyze,
        status: Status::Analyzing,
        ended_at: None,
        ..sample::deployment(1)
    };
    deployment.source = Some(git(None));
    deployment.archive = Some(host::testing::archived(&"a".repeat(40)));
    deployment.commit = Some("a".repeat(40));
    let context = effect::sealed_for(&deployment, "source_token");
    let token = SecretString::from("t0ken".to_owned());
    deployment.source_token = Some(seal::seal(&world.ports(), &context, &token).await.unwrap());
    world.put(deployment_path(&sample::acme(), &deployment.id), &deployment).await;
    (folder, world)
}

async fn wake(world: &World) -> Deployment {
    let id = sample::deployment_id(1);
    let (ctx, delivery) = world.delivery(Message::about(kind::DEPLOYMENT_DUE, &sample::acme(), &id));
    assert_eq!(handle(ctx, delivery).await.unwrap(), Outcome::Done);
    world.read(&deployment_path(&sample::acme(), &id)).await.unwrap()
}

#[tokio::test]
async fn a_lost_copy_is_fetched_again_by_its_token_and_at_the_commit_that_was_scanned() {
    let (_folder, world) = scanned().await;
    let id = wake(&world).await.id.to_string();
    let wanted = world.state().fetched.clone();
    assert_eq!(wanted, [(git(Some(&"a".repeat(40))), id, Some("t0ken".to_owned()))]);
}

/// Another content than was scanned is not analyzed.
#[tokio::test]
async fn a_lost_archive_that_comes_out_otherwise_ends_the_deployment() {
    let (folder, world) = scanned().await;
    world.state().repository = Some(folder.path().to_owned());
    let path = deployment_path(&sample::acme(), &sample::deployment_id(1));
    let mut deployment: Deployment = world.read(&path).await.unwrap();
    deployment.archive.as_mut().unwrap().manifest.digest = "e".repeat(64).parse().unwrap();
    world.put(path, &deployment).await;
    let failed = wake(&world).await;
    assert_eq!(failed.failure.map(|failure| failure.code).as_deref(), Some("source_changed"));
}

/// What a deployment whose source is this folder comes to.
async fn scan(files: &[(&str, &str)], change: impl FnOnce(&mut Deployment)) -> (Deployment, Vec<String>) {
    let (_folder, world) = scanned().await;
    scan_in(&world, files, change).await
}

async fn scan_in(
    world: &World,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut Deployment),
) -> (Deployment, Vec<String>) {
    let source = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(source.path().join(name), text).unwrap();
    }
    world.state().repository = Some(source.path().to_owned());
    let path = deployment_path(&sample::acme(), &sample::deployment_id(1));
    let mut deployment: Deployment = world.read(&path).await.unwrap();
    (deployment.step, deployment.status) = (Step::Scan, Status::SecurityScanning);
    (deployment.archive, deployment.commit) = (None, None);
    change(&mut deployment);
    world.put(path, &deployment).await;
    let ended = Box::pin(wake(world)).await;
    let story = ended.timeline.iter().map(|entry| entry.text.clone()).collect();
    (ended, story)
}

/// Whole, so that no other scanner takes this file for one that holds a key.
fn stripe() -> String {
    format!("const stripe = require('stripe')('{}{}');\n", "sk_live_", "a8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG")
}

const GUESS: &str = "module.exports = { password: 'kettle-Brine-42!' };\n";

#[tokio::test]
async fn a_live_key_in_the_source_ends_the_deployment_before_anything_else() {
    let (ended, story) = scan(&[("pay.js", &format!("\n{}", stripe())), ("db.js", GUESS)], |_| {}).await;
    assert_eq!(ended.status, Status::SecurityFailed, "{story:?}");
    let failure = ended.failure.unwrap();
    assert_eq!(failure.code, "live_secret");
    assert_eq!(failure.message, "What has the form of a Stripe key stands in pay.js, line 2");
    assert!(
        failure.hint.contains("Revoke") && failure.hint.contains("--allow stripe-key:pay.js:2 --why"),
        "{}",
        failure.hint
    );
    let found = ended.scan.unwrap();
    assert_eq!((found.files, found.found, found.stopping), (2, 2, 1));
    let places: Vec<(&str, u64, bool)> =
        found.findings.iter().map(|one| (one.file.as_str(), one.line, one.stops)).collect();
    assert_eq!(places, [("pay.js", 2, true), ("db.js", 1, false)]);
    assert!(!format!("{story:?}{found:?}").contains("a8Kq3Z"), "its value is told nowhere");
}

#[tokio::test]
async fn what_is_allowed_goes_on_and_is_on_record() {
    let allow = |deployment: &mut Deployment| {
        let one = |finding: &str, why: &str| model::document::Allowance {
            finding: finding.into(),
            why: why.into(),
        };
        deployment.allow =
            vec![one("stripe-key:pay.js:1", "revoked in May"), one("stripe-key:gone.js:1", "old")];
    };
    let (on, story) = scan(&[("pay.js", &stripe()), ("db.js", GUESS), ("index.html", "hi")], allow).await;
    assert!(on.archive.is_some() && on.status != Status::SecurityFailed, "{story:?}");
    assert!(
        story.iter().any(|text| text == "ann allows stripe-key:pay.js:1 (a Stripe key): revoked in May"),
        "{story:?}"
    );
    let found = on.scan.unwrap();
    assert_eq!(
        (found.stopping, found.allowed, found.findings[0].allowed.as_deref()),
        (0, 1, Some("revoked in May"))
    );
    for said in [
        "source scanned 3 files, 2 findings, 1 of them allowed though a live key",
        "allowed by ann: stripe-key:pay.js:1 (a Stripe key): revoked in May",
        "warning: a password (db.js, line 1)",
        "allowed and not found: stripe-key:gone.js:1; leave it out of the next deployment",
    ] {
        assert!(on.checks.iter().any(|check| check == said), "{said} in {:?}", on.checks);
    }
}

/// A line further down is another finding: whoever allowed it hasn't seen this one.
#[tokio::test]
async fn an_allowance_is_for_one_place() {
    let allow = |deployment: &mut Deployment| {
        let (finding, why) = ("stripe-key:pay.js:1".to_owned(), "revoked".to_owned());
        deployment.allow = vec![model::document::Allowance { finding, why }];
    };
    let (ended, _) = scan(&[("pay.js", &stripe().repeat(2))], allow).await;
    let (scan, failure) = (ended.scan.unwrap(), ended.failure.unwrap());
    assert_eq!((scan.allowed, scan.stopping), (1, 1));
    assert!(failure.message.ends_with("pay.js, line 2"), "{}", failure.message);
}

#[tokio::test]
async fn a_dockerfile_stops_it_where_its_policy_says_so() {
    let files = [("Dockerfile", "FROM a:1\nADD x /y\nUSER 1000\n")];
    let (on, story) = scan(&files, |_| {}).await;
    assert_ne!(on.status, Status::SecurityFailed, "{story:?}");
    assert!(on.scan.unwrap().found > 0);
    let strict = |deployment: &mut Deployment| {
        deployment.scan_policy.dockerfile = Some(model::document::ScanSeverity::Error);
    };
    let (ended, _) = scan(&files, strict).await;
    let failure = ended.failure.unwrap();
    assert_eq!((ended.status, failure.code.as_str()), (Status::SecurityFailed, "dockerfile_refused"));
    assert!(failure.message.starts_with("Dockerfile, line 2: "), "{}", failure.message);
}

/// A deployment whose source has so many files, of which each takes a second to look at.
async fn large(files: u64) -> (Vec<tempfile::TempDir>, World) {
    let (folder, world) = scanned().await;
    let source = tempfile::tempdir().unwrap();
    for at in 0..files {
        std::fs::write(source.path().join(format!("{at:03}.js")), GUESS).unwrap();
    }
    world.state().repository = Some(source.path().to_owned());
    let path = deployment_path(&sample::acme(), &sample::deployment_id(1));
    let mut deployment: Deployment = world.read(&path).await.unwrap();
    (deployment.step, deployment.status) = (Step::Scan, Status::SecurityScanning);
    (deployment.archive, deployment.commit) = (None, None);
    world.put(path, &deployment).await;
    world.state().passing = 1_000;
    (vec![folder, source], world)
}

/// It takes longer than any lease holds, and each stretch goes on where the one before it ended.
#[tokio::test]
async fn a_large_source_is_scanned_in_stretches_within_their_leases() {
    let (_folders, world) = large(100).await;
    let began = world.state().real;
    let mut last = 0;
    let after = loop {
        let after = wake(&world).await;
        if after.step != Step::Scan {
            break after;
        }
        assert_eq!((after.tries, after.lease.is_none()), (0, true), "{:?}", after.timeline);
        let known = after.scanning.as_deref().unwrap();
        assert!(known.scan.files > last, "{} of 100 after {last}", known.scan.files);
        assert!(after.waits.unwrap().starts_with(&format!("Scanned {} of", known.scan.files)));
        // The message that goes on with it is out, or still owed.
        assert!(!world.published(kind::DEPLOYMENT_DUE).is_empty());
        last = known.scan.files;
    };
    assert!(world.state().real - began > 100_000 && last > 50, "{last}");
    let scan = after.scan.unwrap();
    assert_eq!((scan.files, scan.found, after.scanning), (100, 100, None));
}

/// One dies in the middle of a stretch, another comes when its lease is over: what was looked at is not lost, and what
/// the first one finds too late changes nothing.
#[tokio::test]
async fn a_scan_goes_on_where_it_was_after_a_crash_and_only_one_counts() {
    let (_folders, world) = large(100).await;
    let first = wake(&world).await;
    let known = first.scanning.clone().unwrap();
    let path = deployment_path(&sample::acme(), &first.id);
    let real = model::Timestamp(world.state().real);
    let lease = model::document::Lease {
        owner: "another".to_owned(),
        until: real.plus(40_000),
        step: Some(Step::Scan),
    };
    world.put(path.clone(), &Deployment { lease: Some(lease), ..first.clone() }).await;
    let meanwhile = wake(&world).await;
    assert_eq!(meanwhile.scanning, first.scanning, "somebody is at it");
    world.pass(60_000);
    let gone_on = wake(&world).await;
    assert!(gone_on.scanning.as_ref().unwrap().beyond(&known));
    assert_eq!(gone_on.tries, 0, "the stretch after it has worked");
    let late = model::deployment::Outcome::Scanning {
        archive: Box::new(host::testing::archived(&"c".repeat(40))),
        scanning: known,
    };
    let input =
        model::deployment::Input::Result { step: Step::Scan, attempt: gone_on.attempt, outcome: late };
    let at = model::deployment::At {
        now: real,
        real,
        owner: "another",
        alone: false,
        can_act: true,
        window: world.ports().target.window_policy(),
    };
    assert!(model::deployment::decide(&gone_on, input, &at).next.is_none());
}

#[tokio::test]
async fn a_scan_that_is_cancelled_between_two_stretches_comes_to_rest() {
    let (_folders, world) = large(100).await;
    let first = wake(&world).await;
    assert_eq!(first.step, Step::Scan);
    let path = deployment_path(&sample::acme(), &first.id);
    let real = model::Timestamp(world.state().real);
    let at = model::deployment::At {
        now: real,
        real,
        owner: "register",
        alone: false,
        can_act: false,
        window: world.ports().target.window_policy(),
    };
    let cancelled = model::deployment::decide(&first, model::deployment::Input::Cancel, &at).next.unwrap();
    assert_eq!(cancelled.scanning, None);
    world.put(path, &*cancelled).await;
    let ended = wake(&world).await;
    assert!(ended.status.at_rest(), "{:?}", ended.timeline);
    assert_eq!((ended.scan, ended.scanning), (None, None), "no stretch has followed");
}

/// It is shown for what it waits, and asked again without a failure.
#[tokio::test]
async fn a_fetch_that_waits_for_its_turn_is_asked_for_again() {
    let (folder, world) = scanned().await;
    world.state().repository = Some(folder.path().to_owned());
    world.state().fetch_waits = vec!["Waits for one of 4 fetches; 2 are ahead".to_owned()];
    let waiting = wake(&world).await;
    assert_eq!((waiting.step, waiting.tries), (Step::Analyze, 0));
    assert_eq!(waiting.waits.as_deref(), Some("Waits for one of 4 fetches; 2 are ahead"));
    assert_eq!(world.state().fetched.len(), 1);
    world.pass(2_000);
    wake(&world).await;
    assert!(world.state().fetched.len() > 1, "it was asked again");
}

#[tokio::test]
async fn the_source_of_a_deployment_that_fails_is_kept_to_try_it_again() {
    let (_folder, world) = scanned().await;
    let failed = wake(&world).await;
    assert_eq!(failed.status, Status::Failed);
    assert_eq!(failed.failure.map(|failure| failure.code).as_deref(), Some("source_unavailable"));
    assert!(world.state().removed.is_empty());
    assert_eq!(world.published(kind::DEPLOYMENT_ENDED).len(), 1);
}

#[tokio::test]
async fn what_was_refused_for_what_is_in_it_or_never_packed_goes() {
    for packed in [true, false] {
        let (_folder, world) = scanned().await;
        let source = tempfile::tempdir().unwrap();
        std::fs::write(source.path().join("pay.js"), stripe()).unwrap();
        world.state().repository = packed.then(|| source.path().to_owned());
        let path = deployment_path(&sample::acme(), &sample::deployment_id(1));
        let mut deployment: Deployment = world.read(&path).await.unwrap();
        (deployment.step, deployment.status) = (Step::Scan, Status::SecurityScanning);
        (deployment.archive, deployment.commit) = (None, None);
        world.put(path, &deployment).await;
        let ended = wake(&world).await;
        assert_eq!(ended.status, if packed { Status::SecurityFailed } else { Status::Failed });
        assert_eq!(world.state().removed, [ended.id.to_string()]);
    }
}

/// At rest, with a revision that came up late and could not be discarded.
async fn left_behind() -> (tempfile::TempDir, World, Deployment) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.state().target_down = vec!["discard"];
    let path = deployment_path(&sample::acme(), &sample::deployment_id(1));
    let ended = Deployment { status: Status::Cancelled, ..sample::deployment(1) };
    world.put(path.clone(), &ended).await;
    let ctx = world.context().with_tenant(sample::acme());
    let driven = ctx.read::<Deployment>(&path).await.unwrap().unwrap();
    // Somebody else writes in between.
    world.put(path.clone(), &Deployment { awaited: true, ..ended.clone() }).await;
    let done = left_over::discard(&ctx, driven, &ended.revision_name()).await.unwrap();
    assert_eq!(done, Outcome::Done);
    let noted: Deployment = world.read(&path).await.unwrap();
    assert!(noted.awaited, "what was written in between stays");
    assert_eq!((noted.left_over, noted.next_due), (true, Some(ctx.now().plus(model::time::MINUTE_MS))));
    (folder, world, noted)
}

#[tokio::test]
async fn what_a_late_effect_left_behind_goes_once_the_target_answers() {
    let (_folder, world, noted) = left_behind().await;
    let wake = || {
        let message = Message::about(kind::DEPLOYMENT_DUE, &noted.tenant, &noted.id);
        let (ctx, delivery) = world.delivery(message);
        handle(ctx, delivery)
    };
    let path = deployment_path(&noted.tenant, &noted.id);
    assert!(wake().await.unwrap_err().is_transient());
    assert_eq!(world.read::<Deployment>(&path).await.unwrap(), noted, "the sweep finds it again");
    world.state().target_down.clear();
    wake().await.unwrap();
    let settled: Deployment = world.read(&path).await.unwrap();
    assert_eq!((settled.left_over, settled.next_due), (false, None));
    wake().await.unwrap();
    assert_eq!(world.state().acts, [format!("discard {}", noted.revision_name())]);
}
