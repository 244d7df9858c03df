//! What was published is taken out of what others have made of the document meanwhile, and nothing of theirs is lost.

use crate::world::World;
use host::{Stored, testing::sample};
use model::{
    document::{Owes, Service, service_path},
    message::{Message, kind},
    port::store::Path,
    time::MINUTE_MS,
};
use serde_json::{Value, json};

fn news(number: u32) -> Message {
    Message::about(kind::DEPLOYMENT_ENDED, &sample::acme(), &sample::deployment_id(number))
}

fn path() -> Path {
    service_path(&sample::acme(), &sample::shop())
}

async fn read(world: &World) -> Stored<Service> {
    world.outside.context().read(&path()).await.unwrap().unwrap()
}

/// A service that owes a message, as whoever committed that has it.
async fn owing(world: &World) -> Stored<Service> {
    let mut service = read(world).await.document;
    service.owe(news(1), world.outside.context().now());
    world.outside.put(path(), &service).await;
    read(world).await
}

#[tokio::test]
async fn what_others_wrote_meanwhile_stays() {
    let world = World::new().await;
    let mut ours = owing(&world).await;
    let due = ours.document.next_due;
    world.outside.pass(MINUTE_MS / 2);
    let mut theirs = ours.document.clone();
    theirs.owner = "bob".into();
    theirs.owe(news(2), world.outside.context().now());
    world.outside.put(path(), &theirs).await;
    ours.hand_on(&world.outside.context(), &[news(1)]).await;
    let left = read(&world).await.document;
    assert_eq!((left.outbox, left.next_due, left.owner.as_str()), (vec![news(2)], due, "bob"));
    assert_eq!(world.outside.published(kind::DEPLOYMENT_ENDED).len(), 1, "theirs is theirs to publish");
}

#[tokio::test]
async fn what_somebody_cleared_already_is_not_written_again() {
    let world = World::new().await;
    let mut ours = owing(&world).await;
    let mut theirs = ours.document.clone();
    theirs.settle(&[news(1)]);
    world.outside.put(path(), &theirs).await;
    let before = read(&world).await;
    ours.hand_on(&world.outside.context(), &[news(1)]).await;
    let after = read(&world).await;
    assert_eq!((after.version, after.document), (before.version, theirs));
}

#[tokio::test]
async fn a_document_that_is_gone_does_not_come_back() {
    let world = World::new().await;
    let mut ours = owing(&world).await;
    let removed = model::port::store::Write::delete(path(), model::port::store::Precondition::None);
    world.outside.store().commit(vec![removed]).await.unwrap();
    ours.hand_on(&world.outside.context(), &[news(1)]).await;
    assert!(world.outside.read::<Value>(&path()).await.is_none());
    assert_eq!(world.outside.published(kind::DEPLOYMENT_ENDED).len(), 1);
}

/// An older sweep beside newer functions.
#[tokio::test]
async fn the_sweep_keeps_what_a_later_release_has_added() {
    let world = World::new().await;
    owing(&world).await;
    let mut newer: Value = world.outside.read(&path()).await.unwrap();
    newer["field_of_a_later_release"] = json!({ "any": [1, 2] });
    world.outside.put(path(), &newer).await;
    world.outside.pass(MINUTE_MS);
    world.sweep().await;
    let kept: Value = world.outside.read(&path()).await.unwrap();
    assert_eq!(kept["field_of_a_later_release"], newer["field_of_a_later_release"]);
    assert_eq!((&kept["outbox"], &kept["next_due"]), (&Value::Null, &Value::Null));
}
