//! Against the embedded store, with a target that remembers what it was asked.

use super::*;
use host::testing::{START, World, sample};
use machine::store::{Options, Store};
use model::{
    document::{ActionRecord, Deployment, Service, Status, action_path, deployment_path, service_path},
    message::{Action, ActionDone, Message},
    time::DAY_MS,
};
use std::{collections::BTreeMap, sync::Arc};

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.with_service().await;
    world.with_deployment(2).await;
    let mut service = sample::service();
    service.serve(sample::kept(2, START.plus(DAY_MS)));
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    world.state().weights = BTreeMap::from([(sample::kept(2, START).revision, 100)]);
    world
}

async fn service(world: &World) -> Service {
    world.read(&service_path(&sample::acme(), &sample::shop())).await.unwrap()
}

fn request(id: &str, action: Action) -> ActionRequest {
    ActionRequest {
        id: id.into(),
        service: sample::shop(),
        action,
        to: None,
        min_instances: None,
        max_instances: None,
        requested_by: "ann".into(),
        reason: None,
    }
}

async fn deliver(world: &World, request: &ActionRequest) -> Result<Outcome, Error> {
    let message = Message::new(topic::ACTIONS, kind::ACTION_REQUESTED, &sample::acme(), request);
    let (ctx, delivery) = world.delivery(message);
    handle(ctx, delivery).await
}

fn told(world: &World) -> Vec<ActionDone> {
    world.published(kind::ACTION_DONE).iter().map(|message| message.body().unwrap()).collect()
}

#[tokio::test]
async fn a_stop_is_done_once_and_a_restart_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let stop = request("act_1", Action::Stop);
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Done);
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Duplicate);
    assert!(world.state().weights.is_empty());
    let (first, second) = (sample::kept(1, START).revision, sample::kept(2, START).revision);
    assert_eq!(
        world.state().acts,
        ["set_traffic {} act_1".to_owned(), format!("stop [{first:?}, {second:?}]")]
    );
    let stopped = service(&world).await;
    assert_eq!((stopped.measuring.metrics_due, stopped.slot.traffic.unwrap().0.as_str()), (None, "t1"));
    assert!(told(&world)[0].done && told(&world).len() == 1);
    deliver(&world, &request("act_late", Action::Restart)).await.unwrap();
    assert!(world.state().weights.is_empty(), "a restart that comes late doesn't start what was stopped");
    deliver(&world, &request("act_2", Action::Start)).await.unwrap();
    assert_eq!(world.state().weights, BTreeMap::from([(second.clone(), 100)]));
    assert!(service(&world).await.measuring.metrics_due.is_some());
    deliver(&world, &request("act_3", Action::Restart)).await.unwrap();
    assert_eq!(world.state().acts.last().unwrap(), &format!("restart {second} act_3"));
}

/// As the pipeline of a new deployment would have it, once traffic is its own.
async fn deploys(world: &World) {
    let mut taken = service(world).await;
    taken.slot.running = Some(sample::deployment_id(3));
    world.put(service_path(&sample::acme(), &sample::shop()), &taken).await;
    let mut state = world.state();
    state.token += 1;
    state.weights = BTreeMap::from([(sample::kept(3, START).revision, 100)]);
}

#[tokio::test]
async fn a_stop_that_a_deployment_overtakes_undoes_nothing_of_it_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let stop = request("act_1", Action::Stop);
    world.state().target_down = vec!["set_traffic"];
    assert!(deliver(&world, &stop).await.unwrap_err().is_transient());
    deploys(&world).await;
    let before = (service(&world).await, world.state().weights.clone());
    world.state().target_down.clear();
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Done);
    assert_eq!((service(&world).await, world.state().weights.clone()), before);
    assert!(world.state().acts.is_empty());
    let told = told(&world).pop().unwrap();
    assert!(!told.done && told.message.contains("Nothing was done"), "{}", told.message);
}

#[tokio::test]
async fn a_stop_that_a_deployment_follows_is_told_as_done() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let stop = request("act_1", Action::Stop);
    // Traffic is off; then it dies, and a deployment begins before it comes again.
    world.state().target_down = vec!["stop"];
    assert!(deliver(&world, &stop).await.unwrap_err().is_transient());
    assert!(world.state().weights.is_empty());
    deploys(&world).await;
    let before = (service(&world).await, world.state().weights.clone());
    world.state().target_down.clear();
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Done);
    assert_eq!((service(&world).await, world.state().weights.clone()), before);
    let told = told(&world).pop().unwrap();
    assert!(told.done && told.message.contains("Deployment `dep_3` came after it"), "{}", told.message);
    assert!(!told.message.contains("Nothing was done"), "{}", told.message);
}

#[tokio::test]
async fn a_restart_is_of_one_revision_and_once_whatever_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let restart = request("act_1", Action::Restart);
    deliver(&world, &restart).await.unwrap();
    // As if it had died before the end was written: another revision serves by the time it comes again.
    let path = action_path(&sample::acme(), "act_1");
    let ended: ActionRecord = world.read(&path).await.unwrap();
    let begun = ActionRecord { ended_at: None, outcome: None, outbox: vec![], ..ended };
    world.put(path, &begun).await;
    deploys(&world).await;
    assert_eq!(deliver(&world, &restart).await.unwrap(), Outcome::Done);
    assert_eq!(world.state().acts, [format!("restart {} act_1", sample::kept(2, START).revision)]);
    assert!(told(&world).iter().all(|told| told.done));
}

#[tokio::test]
async fn bounds_are_set_where_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.state().capabilities.scale = true;
    let scale = ActionRequest { max_instances: Some(3), ..request("act_1", Action::Scale) };
    deliver(&world, &scale).await.unwrap();
    assert_eq!(deliver(&world, &scale).await.unwrap(), Outcome::Duplicate);
    assert_eq!(world.state().acts, ["scale None to Some(3) act_1"]);
    let told = told(&world).pop().unwrap();
    assert!(told.done && told.message.contains("at most 3 instances"), "{}", told.message);
}

#[tokio::test]
async fn a_rollback_is_decided_by_the_state_machine() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let back = request("act_1", Action::RollBack);
    for expected in [Outcome::Done, Outcome::Duplicate, Outcome::Duplicate] {
        assert_eq!(deliver(&world, &back).await.unwrap(), expected);
    }
    let path = deployment_path(&sample::acme(), &sample::deployment_id(2));
    let deployment: Deployment = world.read(&path).await.unwrap();
    assert_eq!(deployment.status, Status::RollingBack);
    assert_eq!(deployment.last_good.unwrap().deployment, sample::deployment_id(1));
    assert_eq!(service(&world).await.slot.running, Some(sample::deployment_id(2)));
    assert_eq!(world.published(kind::DEPLOYMENT_DUE).len(), 1);
    assert_eq!(told(&world).len(), 1);
    let again = request("act_2", Action::RollBack);
    deliver(&world, &again).await.unwrap();
    let refused = told(&world).pop().unwrap();
    assert!(!refused.done && refused.message.contains("`dep_2` is running"), "{}", refused.message);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let before = service(&world).await;
    let current =
        ActionRequest { to: Some(sample::kept(2, START).revision), ..request("act_1", Action::RollBack) };
    let unknown = ActionRequest {
        service: model::ServiceName::new("other").unwrap(),
        ..request("act_3", Action::Stop)
    };
    for (wanted, says) in [
        (current, "not a kept revision"),
        (request("act_2", Action::Scale), "number of instances"),
        (unknown, "no service `other`"),
    ] {
        assert_eq!(deliver(&world, &wanted).await.unwrap(), Outcome::Done);
        let told = told(&world).pop().unwrap();
        assert!(!told.done && told.message.contains(says), "{}", told.message);
    }
    assert!(world.state().acts.is_empty());
    assert_eq!(service(&world).await, before);
    let path = deliver(&world, &request("../../x", Action::Stop)).await.unwrap();
    assert!(matches!(path, Outcome::Reject(_)));
}

#[tokio::test]
async fn what_could_not_be_told_is_told_when_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let stop = request("act_1", Action::Stop);
    world.state().broker_down = true;
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Done, "the commit stands");
    world.state().broker_down = false;
    assert!(told(&world).is_empty());
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Duplicate);
    assert_eq!(deliver(&world, &stop).await.unwrap(), Outcome::Duplicate);
    assert_eq!((told(&world).len(), world.state().acts.len()), (1, 2));
}

#[tokio::test]
async fn a_stopped_service_is_marked_and_a_start_brings_back_what_served() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    deliver(&world, &request("act_1", Action::Stop)).await.unwrap();
    let stopped = service(&world).await;
    assert_eq!(stopped.slot.stopped.as_ref().map(|stopped| stopped.by.as_str()), Some("ann"));
    assert!(stopped.slot.serving.is_some() && stopped.live().is_none());
    let acts = world.state().acts.len();
    deliver(&world, &request("act_2", Action::Stop)).await.unwrap();
    assert!(told(&world)[1].done && told(&world)[1].message.contains("stopped already"));
    assert_eq!(world.state().acts.len(), acts, "a second click does nothing");
    deliver(&world, &request("act_3", Action::Start)).await.unwrap();
    assert_eq!(world.state().weights, BTreeMap::from([(sample::kept(2, START).revision, 100)]));
    assert_eq!(service(&world).await.slot.stopped, None);
    let acts = world.state().acts.len();
    deliver(&world, &request("act_4", Action::Start)).await.unwrap();
    assert!(told(&world)[3].message.contains("runs already") && world.state().acts.len() == acts);
}

/// The target is done, then it dies; the second try finds the rest.
#[tokio::test]
async fn a_deletion_takes_what_is_secret_and_goes_on_where_it_died() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let first = deployment_path(&sample::acme(), &sample::deployment_id(1));
    let mut deployment: Deployment = world.read(&first).await.unwrap();
    let sealed =
        || model::document::Sealed { wrapped: "w".into(), nonce: "n".into(), ciphertext: "c".into() };
    (deployment.secrets, deployment.source_token) = ([("KEY".to_owned(), sealed())].into(), Some(sealed()));
    world.put(first.clone(), &deployment).await;
    let variables = model::document::variables_path(&sample::acme(), &sample::shop());
    let mut held = model::document::Variables::none(sample::acme(), sample::shop());
    held.plain.insert("A".into(), "1".into());
    world.put(variables.clone(), &held).await;

    let delete = request("act_1", Action::Delete);
    world.state().target_down = vec!["delete"];
    assert!(deliver(&world, &delete).await.unwrap_err().is_transient());
    assert_eq!(service(&world).await.slot.deleting.as_deref(), Some("act_1"));
    deliver(&world, &request("act_2", Action::Restart)).await.unwrap();
    assert!(!told(&world)[0].done && told(&world)[0].message.contains("being deleted"));
    world.state().target_down.clear();
    assert_eq!(deliver(&world, &delete).await.unwrap(), Outcome::Done);
    assert_eq!(deliver(&world, &delete).await.unwrap(), Outcome::Duplicate);
    let path = service_path(&sample::acme(), &sample::shop());
    assert!(world.read::<Service>(&path).await.is_none());
    assert!(world.read::<model::document::Variables>(&variables).await.is_none());
    let left: Deployment = world.read(&first).await.unwrap();
    assert_eq!((left.secrets.len(), left.source_token, left.status), (0, None, Status::Deployed));
    let told = told(&world).pop().unwrap();
    assert!(told.done && told.message.contains("is deleted"), "{}", told.message);
    assert_eq!(world.state().acts.last().unwrap(), "delete acme/shop");
}

#[tokio::test]
async fn a_deletion_while_a_deployment_runs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    deploys(&world).await;
    deliver(&world, &request("act_1", Action::Delete)).await.unwrap();
    let told = told(&world).pop().unwrap();
    assert!(!told.done && told.message.contains("is running"), "{}", told.message);
    assert_eq!(service(&world).await.slot.deleting, None);
}

/// For good: what can't be deleted is there as before, and not marked for ever.
#[tokio::test]
async fn a_deletion_that_the_target_refuses_leaves_the_service_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.state().refused = vec!["delete"];
    assert_eq!(deliver(&world, &request("act_1", Action::Delete)).await.unwrap(), Outcome::Done);
    let told = told(&world).pop().unwrap();
    assert!(!told.done && told.message.contains("could not be deleted"), "{}", told.message);
    assert_eq!(service(&world).await.slot.deleting, None);
}
