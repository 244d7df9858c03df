//! Against the embedded store.

use super::*;
use host::testing::{World, sample};
use machine::store::{Options, Store};
use model::{
    document::{Deployment, deployment_path, service_path, shard},
    message::{Message, kind},
    port::store::Path,
};
use serde_json::{Value, json};
use std::sync::Arc;

async fn sweep(world: &World) -> Result<Outcome, Error> {
    let body = json!({ "name": "sweep" });
    let (_, delivery) = world.delivery(Message::new("schedule", kind::SCHEDULE, &sample::acme(), &body));
    handle(world.context(), delivery).await
}

/// Documents that are due before all others and can't be read.
async fn unreadable(world: &World) {
    for shard in 0..SHARDS {
        let broken: Value =
            json!({ "shard": shard, "next_due": 1, "schema": 9_999, "status": "NOBODY_KNOWS" });
        for collection in ["deployments", "services"] {
            let path = Path::new(format!("tenants/acme/{collection}/broken{shard}"));
            world.put(path, &broken).await;
        }
    }
}

#[tokio::test]
async fn one_document_that_cannot_be_read_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    unreadable(&world).await;
    let due = Deployment { next_due: Some(world.context().now()), ..sample::deployment(1) };
    assert_eq!(due.shard, shard("dep_1"));
    world.put(deployment_path(&sample::acme(), &due.id), &due).await;
    let mut service = sample::service();
    service.outbox = vec![Message::about(kind::DEPLOYMENT_ENDED, &sample::acme(), &due.id)];
    service.next_due = Some(world.context().now());
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    assert_eq!(sweep(&world).await.unwrap(), Outcome::Done);
    assert_eq!(world.published(kind::DEPLOYMENT_DUE).len(), 1);
    assert_eq!(world.published(kind::DEPLOYMENT_ENDED).len(), 1);
    let service: model::document::Service =
        world.read(&service_path(&sample::acme(), &sample::shop())).await.unwrap();
    assert_eq!((service.outbox, service.next_due), (vec![], None));
}
