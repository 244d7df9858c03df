//! A function is handed what it declares; a call of any other port fails with a sentence.

use crate::{fake::Documents, server::Server};
use host::{
    Context, Delivery, Error, Function, Outcome, Port, Request, Response, Role, Route, port::lazy,
    testing::START,
};
use model::{
    TenantId,
    message::{Message, kind, topic},
    port::{
        PortError, Subscriber as _, Verdict,
        store::{Path, StoreError},
        target::TargetError,
    },
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

async fn read(ctx: Context, _: Request) -> Result<Response, Error> {
    ctx.ports.store.get(&Path::new("a/b")).await?;
    Ok(Response::empty(204))
}

async fn policy(ctx: Context, _: Request) -> Result<Response, Error> {
    let policy = ctx.ports.target.window_policy();
    Ok(Response::text(200, policy.lag_ms.to_string()))
}

async fn publish(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    ctx.publish(vec![message()]).await?;
    Ok(Outcome::Done)
}

fn message() -> Message {
    Message::new(topic::ACTIONS, kind::ACTION_REQUESTED, &TenantId::new("acme").unwrap(), &json!({}))
}

#[tokio::test]
async fn what_is_declared_works_and_nothing_else_does() {
    let declared = Function::new("declared", "").uses(&[Port::Store, Port::Target]);
    let declared = declared.route(Route::get("/a", Role::Public, "", read)).route(Route::get(
        "/b",
        Role::Public,
        "",
        policy,
    ));
    let bare = Function::new("bare", "").route(Route::get("/c", Role::Public, "", read));
    let bare = bare.route(Route::get("/d", Role::Public, "", policy)).topic(topic::ACTIONS, &[], publish);
    let server = Server::start(vec![declared, bare]).await;
    assert_eq!(server.send("GET /a", &[], "").await.status, 204);
    assert_eq!(server.send("GET /b", &[], "").await.status, 200);
    assert_eq!(server.send("GET /c", &[], "").await.status, 500, "the store of nobody");
    assert_eq!(server.send("GET /d", &[], "").await.status, 500, "an answer would be made up");
    let delivery = Delivery {
        subscription: "bare.actions".to_owned(),
        id: "1".to_owned(),
        published_at: START,
        attempt: 1,
        message: message(),
    };
    assert_eq!(server.runner.deliver(delivery).await, Verdict::Ack, "no repeat helps");
    assert!(server.world.published(kind::ACTION_REQUESTED).is_empty());
}

#[tokio::test]
async fn a_port_that_is_not_there_says_so() {
    let (_, world) = Documents::world();
    let all = world.ports();
    let function = Function::new("learn", "").uses(&[Port::Store, Port::Broker]);
    let handed = host::port::handed(&all, &function);
    let Err(PortError::Permanent(said)) = handed.objects.get("x").await else { panic!("it isn't declared") };
    assert!(said.contains("`learn`") && said.contains("store, broker"), "{said}");
    handed.broker.publish(vec![message()]).await.unwrap();
}

#[tokio::test]
async fn everything_is_opened_once_and_tried_again_while_it_fails() {
    let (_, world) = Documents::world();
    let (ports, tries) = (world.ports(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&tries);
    let opened = Arc::clone(&ports);
    let open = Box::new(move || {
        let (first, opened) = (counted.fetch_add(1, Ordering::SeqCst) == 0, Arc::clone(&opened));
        Box::pin(
            async move { if first { Err(PortError::Transient("locked".to_owned())) } else { Ok(opened) } },
        ) as _
    });
    let lazy = lazy::ports(open, ports.clock.clone(), ports.random.clone());
    let failed = lazy.store.get(&Path::new("a/b")).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(why)) if why.contains("locked")));
    assert_eq!(lazy.store.get(&Path::new("a/b")).await.unwrap(), None);
    lazy.broker.publish(vec![message()]).await.unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    let none = lazy::none("there is none".to_owned(), ports.clock.clone(), ports.random.clone());
    let build = none.target.read_build("x").await;
    assert!(matches!(build, Err(TargetError::Port(PortError::Permanent(_)))), "{build:?}");
}
