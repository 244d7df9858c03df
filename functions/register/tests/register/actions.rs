//! Actions on a service that runs.

use crate::world::World;
use model::message::{Action, ActionRequest};
use serde_json::json;

const PATH: &str = "/api/v1/services/shop/actions";

#[tokio::test]
async fn an_action_is_handed_on_once() {
    let world = World::new();
    world.deployed("shop").await;
    world.published();
    let body = json!({"action": "restart", "reason": "it leaks"});
    let answer = world.post(PATH, &body).await;
    assert_eq!((answer.status, answer.text("action")), (202, "restart"), "{answer:?}");
    let published = world.outside.state().messages.clone();
    let [message] = published.as_slice() else { panic!("{published:?}") };
    assert_eq!((message.topic.as_str(), message.kind.as_str()), ("actions", "action.requested"));
    let request: ActionRequest = message.body().unwrap();
    assert_eq!(
        (request.action, request.service.as_str(), request.requested_by.as_str()),
        (Action::Restart, "shop", "ann")
    );
    assert_eq!(
        (request.id.as_str(), request.reason.as_deref()),
        (answer.text("action_id"), Some("it leaks"))
    );
    let service = world.service("shop").await;
    assert!(service.outbox.is_empty() && service.next_due.is_none(), "it is not done again by the sweep");
}

#[tokio::test]
async fn what_could_not_be_published_is_owed() {
    let world = World::new();
    world.deployed("shop").await;
    world.outside.state().broker_down = true;
    world.outside.state().capabilities.scale = true;
    let body = json!({"action": "scale", "min_instances": 1, "max_instances": 3});
    let answer = world.post_with_key("k", PATH, &body).await;
    assert_eq!(answer.status, 202);
    let again = world.post_with_key("k", PATH, &body).await;
    assert_eq!(again.text("action_id"), answer.text("action_id"));
    let service = world.service("shop").await;
    assert_eq!(service.outbox.len(), 1);
    assert!(service.next_due.is_some());
}

#[tokio::test]
async fn what_the_target_cannot_do_is_refused_before_it_is_recorded() {
    let world = World::new();
    world.deployed("shop").await;
    world.published();
    let before = world.service("shop").await;
    let answer = world.post(PATH, &json!({"action": "scale", "max_instances": 3})).await;
    assert_eq!((answer.status, answer.text("type")), (409, "/errors#not-scalable"), "{answer:?}");
    assert!(answer.text("detail").contains("Nothing was done"), "{answer:?}");
    assert_eq!(world.service("shop").await, before);
    assert!(world.published().is_empty());
}

#[tokio::test]
async fn bad_input() {
    let world = World::new();
    world.deployed("shop").await;
    for (body, field) in [
        (json!({}), "action"),
        (json!({"action": "explode"}), "action"),
        (json!({"action": "scale"}), "min_instances"),
        (json!({"action": "stop", "min_instances": 1}), "min_instances"),
        (json!({"action": "stop", "to": "shop-r1"}), "to"),
        (json!({"action": "scale", "min_instances": 5, "max_instances": 2}), "max_instances"),
        (json!({"action": "scale", "max_instances": 0}), "max_instances"),
        (json!({"action": "scale", "min_instances": "1"}), "min_instances"),
        (json!({"action": "stop", "reason": "x".repeat(501)}), "reason"),
    ] {
        let answer = world.post(PATH, &body).await;
        assert_eq!((answer.status, answer.fields().contains(&field)), (422, true), "{body} {answer:?}");
    }
    let unkept = world.post(PATH, &json!({"action": "roll_back", "to": "shop-r1"})).await;
    assert_eq!((unkept.status, unkept.fields()), (422, vec!["to"]));
    let stop = json!({"action": "stop"});
    assert_eq!(world.post_as("other", PATH, &stop).await.status, 404);
    assert_eq!(world.post("/api/v1/services/unknown/actions", &stop).await.status, 404);
    assert_eq!(world.post("/api/v1/services/No_Name/actions", &stop).await.status, 422);
    world.start("new").await;
    let nothing = world.post("/api/v1/services/new/actions", &stop).await;
    assert_eq!((nothing.status, nothing.text("type")), (409, "/errors#nothing-serves"));
    world.start("shop").await;
    let busy = world.post(PATH, &json!({"action": "roll_back"})).await;
    assert_eq!((busy.status, busy.text("type")), (409, "/errors#service-busy"));
    assert!(world.service("shop").await.outbox.is_empty());
}

#[tokio::test]
async fn what_became_of_an_action_can_be_asked_for() {
    let world = World::new();
    world.deployed("shop").await;
    let asked = world.post(PATH, &json!({"action": "stop"})).await;
    let id = asked.text("action_id").to_owned();
    let look = world.get(&format!("{PATH}/{id}?wait_ms=1")).await;
    assert_eq!((look.status, &look.json["ended"], &look.json["message"]), (200, &json!(false), &json!(null)));
    let path = model::document::action_path(&crate::world::tenant(), &id);
    let mut record: model::document::ActionRecord = world.document(&path).await.unwrap();
    record.outcome = Some(model::message::ActionDone {
        id: id.clone(),
        service: "shop".parse().unwrap(),
        action: Action::Stop,
        done: true,
        message: "`shop` is stopped.".into(),
    });
    let write =
        model::port::store::Write::put(path, model::port::store::Precondition::Present, &record).unwrap();
    world.ports.store.commit(vec![write]).await.unwrap();
    let look = world.get(&format!("{PATH}/{id}?wait_ms=20000")).await;
    assert_eq!((&look.json["done"], look.text("message")), (&json!(true), "`shop` is stopped."));
    assert_eq!(world.get(&format!("/api/v1/services/other/actions/{id}")).await.status, 404);
    assert_eq!(world.get(&format!("{PATH}/act_nobody")).await.status, 404);
}

#[tokio::test]
async fn who_saw_another_deployment_serve_is_refused() {
    let world = World::new();
    let first = world.deployed("shop").await;
    let second = world.deployed("shop").await;
    let late = world.post(PATH, &json!({"action": "stop", "serving": first})).await;
    assert_eq!((late.status, late.text("type")), (409, "/errors#moved-on"), "{late:?}");
    assert_eq!(world.post(PATH, &json!({"action": "stop", "serving": second})).await.status, 202);
}

/// From the moment it is accepted nothing else begins, and a second one is the first.
#[tokio::test]
async fn a_service_that_is_being_deleted_takes_nothing_more() {
    let world = World::new();
    let first = world.built("shop").await;
    let asked = world.post(PATH, &json!({"action": "delete"})).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let again = world.post(PATH, &json!({"action": "delete"})).await;
    assert_eq!((again.status, again.text("action_id")), (202, asked.text("action_id")));
    // Under its own id, should the first message have been given up on; it isn't owed twice.
    let deletions =
        world.outside.state().messages.iter().filter(|told| told.kind == "action.requested").count();
    assert_eq!((deletions, world.service("shop").await.outbox.len()), (2, 0));
    let body = json!({"path": "/srv/app", "service": "shop"});
    for refused in [
        world.post("/api/v1/deployments", &body).await,
        world.post(PATH, &json!({"action": "restart"})).await,
        world.patch("/api/v1/services/shop/variables", &json!({"env": {"A": "1"}})).await,
        world.command(&first, "redeploy", &json!({})).await,
        world.command(&first, "rollback", &json!({})).await,
    ] {
        assert_eq!((refused.status, refused.text("type")), (409, "/errors#being-deleted"), "{refused:?}");
    }
    let running = world.start("mill").await;
    let busy = world.post("/api/v1/services/mill/actions", &json!({"action": "delete"})).await;
    assert_eq!((busy.status, &busy.json["running"]), (409, &json!(running)), "{busy:?}");
}
