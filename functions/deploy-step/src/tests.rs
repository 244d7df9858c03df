//! Against the embedded store, with a target and a source that remember what they were asked.

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
async fn the_fetched_source_goes_with_a_deployment_that_fails_before_its_release() {
    let (_folder, world) = scanned().await;
    let failed = wake(&world).await;
    assert_eq!(failed.status, Status::Failed);
    assert_eq!(failed.failure.map(|failure| failure.code).as_deref(), Some("source_unavailable"));
    assert_eq!(world.state().removed, [failed.id.to_string()]);
    assert_eq!(world.published(kind::DEPLOYMENT_ENDED).len(), 1);
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
