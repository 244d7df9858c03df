//! An earlier deployment is put to work again.

use crate::world::{World, tenant};
use host::seal;
use model::{
    DeploymentId,
    document::{Deployment, Sealed, Status, Stopped, Strategy, deployment_path},
    port::{KeyContext, source::SourceRef},
};
use serde_json::json;

async fn redeployed(world: &World, id: &DeploymentId, body: &serde_json::Value) -> Deployment {
    let answer = world.command(id, "redeploy", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    world.deployment(&answer.text("deployment_id").parse().unwrap()).await
}

#[tokio::test]
async fn what_was_built_is_taken_over_and_a_double_click_begins_one() {
    let world = World::new();
    let first = world.built("shop").await;
    let again = redeployed(&world, &first, &json!({})).await;
    let taken = again.again.clone().unwrap();
    assert_eq!((&taken.of, taken.built.unwrap().artifact), (&first, format!("{first}-b1")));
    assert_eq!((again.archive, again.last_good.unwrap().deployment), (Some(taken.archive), first.clone()));
    let (kept, key, _) = world.outside.state().fetched.last().cloned().unwrap();
    assert!(matches!(kept, SourceRef::Archive { .. }) && key == again.id.as_str(), "claimed: {kept:?} {key}");
    let second = world.command(&first, "redeploy", &json!({})).await;
    assert_eq!((second.status, second.text("deployment_id")), (200, again.id.as_str()), "{second:?}");
    assert_eq!(world.count("deployments").await, 2);
}

#[tokio::test]
async fn how_it_is_put_to_work_can_be_chosen() {
    let world = World::new();
    let first = world.built("shop").await;
    let again = redeployed(&world, &first, &json!({"strategy": "instant", "build": true})).await;
    assert_eq!((again.strategy, again.again.unwrap().built), (Strategy::Instant, None));
}

#[tokio::test]
async fn one_that_runs_or_whose_source_is_gone_is_refused() {
    let world = World::new();
    let running = world.start("shop").await;
    let answer = world.command(&running, "redeploy", &json!({})).await;
    assert_eq!((answer.status, answer.text("type")), (409, "/errors#refused"), "{answer:?}");
    let built = world.built("mill").await;
    world.outside.state().repository = None;
    let answer = world.command(&built, "redeploy", &json!({})).await;
    assert_eq!((answer.status, answer.text("type")), (409, "/errors#source-gone"), "{answer:?}");
    world.alter(&built, |deployment| deployment.archive = None).await;
    let answer = world.command(&built, "redeploy", &json!({})).await;
    assert_eq!((answer.status, answer.text("type")), (409, "/errors#source-gone"), "{answer:?}");
    let unknown = world.post("/api/v1/deployments/dep_nobody/redeploy", &json!({})).await;
    assert_eq!(unknown.status, 404);
    let other = world.post_as("other", &format!("/api/v1/deployments/{built}/redeploy"), &json!({})).await;
    assert_eq!(other.status, 404, "another tenant's");
}

/// The branch may have moved, and the token is sealed for each deployment.
#[tokio::test]
async fn a_repository_is_pinned_to_its_commit_and_its_token_goes_along() {
    let world = World::new();
    let first = world.built("shop").await;
    let context = |id: &DeploymentId| KeyContext {
        tenant: tenant(),
        record: deployment_path(&tenant(), id).as_str().to_owned(),
        field: "source_token".to_owned(),
    };
    let token: seal::SecretString = "t0ken".to_owned().into();
    let sealed: Sealed = seal::seal(&world.ports, &context(&first), &token).await.unwrap();
    world
        .alter(&first, |deployment| {
            let url = "https://example.com/a/b".to_owned();
            deployment.source = Some(SourceRef::Git { url, branch: Some("main".into()), commit: None });
            deployment.source_token = Some(sealed);
        })
        .await;
    world.outside.state().repository = None;
    let again = redeployed(&world, &first, &json!({})).await;
    let Some(SourceRef::Git { commit, .. }) = &again.source else { panic!("{:?}", again.source) };
    assert_eq!(commit.as_deref(), Some("c".repeat(40).as_str()));
    let opened = seal::open(&world.ports, &context(&again.id), &again.source_token.unwrap()).await.unwrap();
    assert_eq!(seal::ExposeSecret::expose_secret(&opened), "t0ken");
}

#[tokio::test]
async fn what_a_browser_gets_is_built_again_when_its_variables_have_changed() {
    let world = World::new();
    let first = world.built("shop").await;
    let path = "/api/v1/services/shop/variables";
    world.patch(path, &json!({"env": {"COLOUR": "red"}, "deploy": false})).await;
    let again = redeployed(&world, &first, &json!({})).await;
    assert!(again.again.unwrap().built.is_some(), "a server reads its environment when it starts");
    world.alter_service("shop", |service| service.slot.running = None).await;
    world.patch(path, &json!({"env": {"VITE_COLOUR": "red"}, "deploy": false})).await;
    let built = redeployed(&world, &first, &json!({})).await;
    assert_eq!(built.again.unwrap().built, None);
}

#[tokio::test]
async fn a_deployment_of_a_stopped_service_says_that_it_starts_it() {
    let world = World::new();
    let first = world.built("shop").await;
    let at = world.service("shop").await.created_at;
    world
        .alter_service("shop", |service| service.slot.stopped = Some(Stopped { at, by: "bob".into() }))
        .await;
    let again = redeployed(&world, &first, &json!({})).await;
    assert_eq!((again.last_good.as_ref(), again.status), (None, Status::Pending));
    assert!(again.checks.iter().any(|check| check.contains("was stopped by bob")), "{:?}", again.checks);
}
