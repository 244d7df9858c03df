//! Against the embedded store.

use super::*;
use host::testing::{World, sample};
use machine::store::{Options, Store};
use model::document::log::{Head, head_path};
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
        for collection in ["deployments", "services", "actions", "baselines", "learned"] {
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

fn world(folder: &tempfile::TempDir) -> World {
    let store = Store::open(&folder.path().join("store"), Options::default()).unwrap();
    World::new(Arc::new(store))
}

#[tokio::test]
async fn every_page_of_a_shard_is_woken_while_there_is_time() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    let now = world.context().now();
    for number in 0..450 {
        let due = Deployment { shard: 0, next_due: Some(now), ..sample::deployment(number) };
        world.put(deployment_path(&sample::acme(), &due.id), &due).await;
    }
    let ctx = world.context();
    deployments::wake(&ctx, 0, now, ctx.real()).await.unwrap();
    assert_eq!(world.published(kind::DEPLOYMENT_DUE).len(), 200, "the time is over after the first page");
    world.state().messages.clear();
    sweep(&world).await.unwrap();
    assert_eq!(world.published(kind::DEPLOYMENT_DUE).len(), 450);
}

#[tokio::test]
async fn what_has_expired_goes_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    let (now, day) = (world.context().now(), model::time::DAY_MS);
    let sorts = [
        ("tenants/acme/idempotency", "expires_at", 0),
        ("tenants/other/idempotency", "expires_at", 0),
        ("links", "expires_at", -30 * day),
        ("tenants/acme/notices", "created_at", -90 * day),
        ("tenants/acme/actions", "ended_at", -90 * day),
    ];
    for (collection, field, age) in sorts {
        for (id, at) in [("over", age), ("not-yet", age + 1)] {
            let path = Path::new(format!("{collection}/{id}"));
            world.put(path, &json!({ field: now.plus(at) })).await;
        }
    }
    // Begun, and not ended yet.
    let open = Path::new("tenants/acme/actions/open");
    world.put(open.clone(), &json!({ "begun": {} })).await;
    sweep(&world).await.unwrap();
    for (collection, _, _) in sorts {
        let left = [("over", false), ("not-yet", true)];
        for (id, stays) in left {
            let found: Option<Value> = world.read(&Path::new(format!("{collection}/{id}"))).await;
            assert_eq!(found.is_some(), stays, "{collection}/{id}");
        }
    }
    assert!(world.read::<Value>(&open).await.is_some());
}

#[tokio::test]
async fn observations_go_when_they_are_old_and_nobody_is_asked_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).with_value("keep_days", "40");
    let mut service = sample::service();
    service.asking.ask_due = None;
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    for minute in 0..250 {
        let seen = sample::observation(1, minute, 10, 5);
        world.put(model::document::observation_path(&sample::acme(), &seen.id), &seen).await;
    }
    let count = || async {
        let query = Query::all(Scope::Collection("tenants/acme/observations".to_owned()), 1000);
        world.store().query(&query).await.unwrap().documents.len()
    };
    // The clock of schedules alone makes nothing old: windows are measured in real time.
    world.tick(50 * model::time::DAY_MS);
    sweep(&world).await.unwrap();
    assert_eq!(count().await, 250);
    let asked = service.clone();
    service.asking.ask_due = Some(host::testing::START);
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    world.pass(40 * model::time::DAY_MS + 100 * model::time::MINUTE_MS);
    sweep(&world).await.unwrap();
    assert_eq!(count().await, 250, "its owner is still to be asked");
    world.put(service_path(&sample::acme(), &sample::shop()), &asked).await;
    sweep(&world).await.unwrap();
    let left = count().await;
    assert!((140..=160).contains(&left), "{left}");
    world.pass(model::time::DAY_MS);
    sweep(&world).await.unwrap();
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn build_logs_go_with_age_unless_their_revision_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    let objects = Arc::new(machine::objects::Objects::open(&folder.path().join("objects")).unwrap());
    let ports = model::port::Ports { objects: objects.clone(), ..(*world.ports()).clone() };
    let ctx = Context::new(Arc::new(ports), world.context().config);
    let mut service = sample::service();
    service.serve(sample::kept(2, host::testing::START));
    service.slot.running = Some(sample::deployment_id(4));
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    for number in 1..=5 {
        let since =
            if number == 5 { ctx.real() } else { host::testing::START.plus(-91 * model::time::DAY_MS) };
        let ended = Deployment { log_since: Some(since), ..sample::deployment(number) };
        world.put(deployment_path(&sample::acme(), &ended.id), &ended).await;
        for segment in [0, 1, 100_000] {
            let key = model::document::log::segment_key(&ended.log_prefix(), segment);
            model::port::Objects::put(&*objects, &key, "{}".into()).await.unwrap();
        }
        let head = Head::new(&ended.tenant, &ended.id, 0, b"{}", host::testing::START);
        world.put(head_path(&ended.tenant, &ended.id), &head).await;
    }
    for _ in 0..2 {
        retention::clear(&ctx, ctx.real().plus(SECOND_MS)).await;
        for number in 1..=5 {
            let path = deployment_path(&sample::acme(), &sample::deployment_id(number));
            let deployment: Deployment = world.read(&path).await.unwrap();
            let folder = format!("{}/", deployment.log_prefix());
            let left = model::port::Objects::list(&*objects, &folder, None, 10).await.unwrap().len();
            let head: Option<Head> = world.read(&head_path(&deployment.tenant, &deployment.id)).await;
            // 1 and 2 are kept, 4 runs, 5 is young.
            let expected = if number == 3 { (false, 0, false) } else { (true, 3, true) };
            assert_eq!((deployment.log_since.is_some(), left, head.is_some()), expected, "{number}");
        }
    }
}

/// Of a deployment that runs, of one that ended, of one that was never stored, of a recommendation, and uploads.
#[tokio::test]
async fn claims_of_nobody_are_ended() {
    use host::testing::START;
    use model::{
        port::source::{Claim, upload_key},
        time::{DAY_MS, HOUR_MS},
    };
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    let runs =
        Deployment { status: model::document::Status::Building, ended_at: None, ..sample::deployment(1) };
    for deployment in [runs, sample::deployment(2)] {
        world.put(deployment_path(&sample::acme(), &deployment.id), &deployment).await;
    }
    let digits = |digit: &str| digit.repeat(64).parse().unwrap();
    let claim = |key: &str, digit: &str, age: i64| Claim {
        tenant: sample::acme(),
        key: key.to_owned(),
        digest: digits(digit),
        since: START.plus(-age),
    };
    let id = |n| sample::deployment_id(n).to_string();
    world.state().claims = vec![
        claim(&id(1), "1", 30 * DAY_MS),
        claim(&id(2), "2", 0),
        claim(&id(3), "3", 10),
        claim(&id(4), "4", 2 * HOUR_MS),
        claim("dec_5", "5", 10),
        claim("dec_6", "6", 2 * HOUR_MS),
        claim(&upload_key("ann"), "7", 2 * HOUR_MS),
        claim(&upload_key("bob"), "8", 2 * DAY_MS),
    ];
    let message =
        Message::new("schedules", kind::SCHEDULE, &sample::acme(), &serde_json::json!({"name": "sources"}));
    let (ctx, delivery) = world.delivery(message);
    assert_eq!(sources::tidy(ctx, delivery).await.unwrap(), Outcome::Done);
    assert_eq!(world.state().removed, [id(2), id(4), "dec_6".to_owned(), "8".repeat(64)]);
    assert_eq!(world.state().tidied, 1, "and what was never finished");
}

/// A deployment that ended then, with a claim on what it was made from.
async fn ended_with_source(world: &World, number: u32, at: Timestamp) {
    use host::testing::{START, archived};
    let mut deployment = sample::deployment(number);
    deployment.archive = Some(archived("c"));
    deployment.updated_at = at;
    world.put(deployment_path(&sample::acme(), &deployment.id), &deployment).await;
    let (key, digest) = (deployment.id.to_string(), "d".repeat(64).parse().unwrap());
    let claim = model::port::source::Claim { tenant: sample::acme(), key, digest, since: START };
    world.state().claims.push(claim);
}

async fn tidy_sources(world: &World) {
    let message =
        Message::new("schedules", kind::SCHEDULE, &sample::acme(), &serde_json::json!({"name": "sources"}));
    let (ctx, delivery) = world.delivery(message);
    assert_eq!(sources::tidy(ctx, delivery).await.unwrap(), Outcome::Done);
}

/// What a deployment was made from is kept for some days, and for as long as its service can go back to it.
#[tokio::test]
async fn the_source_of_an_ended_deployment_is_kept_to_put_it_to_work_again() {
    use host::testing::START;
    use model::{document::service_path, time::DAY_MS};
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    // The first one serves, the second one failed lately, the third long ago.
    world.put(service_path(&sample::acme(), &sample::shop()), &sample::service()).await;
    world.tick(30 * DAY_MS);
    for (number, age) in [(1, 20), (2, 6), (3, 8)] {
        ended_with_source(&world, number, START.plus((30 - age) * DAY_MS)).await;
    }
    tidy_sources(&world).await;
    assert_eq!(world.state().removed, [sample::deployment_id(3).to_string()]);
}

/// Twenty pushes a day don't fill the disk: of what ended lately only the newest are kept.
#[tokio::test]
async fn of_many_ended_lately_the_newest_sources_are_kept() {
    use host::testing::START;
    use model::time::HOUR_MS;
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder);
    world.tick(40 * HOUR_MS);
    for number in 1..=25 {
        ended_with_source(&world, number, START.plus(i64::from(number) * HOUR_MS)).await;
    }
    tidy_sources(&world).await;
    let mut removed = world.state().removed.clone();
    removed.sort();
    let mut oldest: Vec<String> = (1..=15).map(|number| sample::deployment_id(number).to_string()).collect();
    oldest.sort();
    assert_eq!(removed, oldest);
}
