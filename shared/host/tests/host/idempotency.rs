//! `Idempotency-Key`: one effect, one answer, whatever is repeated, raced or changed.

use crate::{
    fake::Documents,
    server::{Answer, Server},
};
use host::{Context, Error, Function, Port, Request, Response, Role, Route};
use model::{
    port::store::{Path, Precondition, Write},
    time::{DAY_MS, HOUR_MS},
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// Creates a thing and answers with a secret that is shown once.
async fn create(ctx: Context, request: Request) -> Result<Response, Error> {
    let id = format!("{:032x}", ctx.random());
    let response = Response::json(201, &json!({ "id": id, "secret": "hunter2" }))
        .header("location", format!("/things/{id}"));
    let path = Path::new(format!("tenants/{}/things/{id}", ctx.tenant()?));
    let body = json!({ "text": String::from_utf8_lossy(&request.body) });
    ctx.commit(vec![Write::put(path, Precondition::Absent, &body)?], &response).await?;
    Ok(response)
}

/// Creates a thing, but leaves the answer to the host.
async fn create_apart(ctx: Context, _: Request) -> Result<Response, Error> {
    let id = format!("{:032x}", ctx.random());
    let write = Write::put(Path::new(format!("tenants/acme/things/{id}")), Precondition::Absent, &json!({}))?;
    ctx.ports.store.commit(vec![write]).await?;
    Ok(Response::json(200, &json!({ "id": id })))
}

async fn refuse(ctx: Context, _: Request) -> Result<Response, Error> {
    ctx.ports
        .store
        .commit(vec![Write::put(
            Path::new(format!("tries/{}", ctx.random())),
            Precondition::None,
            &json!({}),
        )?])
        .await?;
    Err(Error::unprocessable("That can't be created. Choose another."))
}

async fn contended(ctx: Context, _: Request) -> Result<Response, Error> {
    let response = Response::empty(204);
    let write = Write::put(Path::new("there/already"), Precondition::Absent, &json!({}))?;
    ctx.commit(vec![write], &response).await?;
    Ok(response)
}

fn functions() -> Vec<Function> {
    let function = Function::new("shop", "")
        .uses(&[Port::Store])
        .route(Route::post("/things", Role::Deployer, "", create).creates())
        .route(Route::post("/things/{id}/parts", Role::Deployer, "", create).creates())
        .route(Route::post("/apart", Role::Deployer, "", create_apart).creates())
        .route(Route::post("/refuse", Role::Deployer, "", refuse).creates())
        .route(Route::post("/contended", Role::Deployer, "", contended).creates())
        .route(Route::post("/plain", Role::Deployer, "", create));
    vec![function]
}

async fn post(server: &Server, tenant: &str, path: &str, key: &str, body: &str) -> Answer {
    let token = server.token(tenant, Role::Deployer);
    server.send(&format!("POST {path}"), &[("authorization", &token), ("idempotency-key", key)], body).await
}

fn things(server: &Server, tenant: &str) -> usize {
    server.documents.under(&format!("tenants/{tenant}/things/")).len()
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_does_nothing() {
    let server = Server::start(functions()).await;
    let first = post(&server, "acme", "/things", "k1", "a").await;
    assert_eq!((first.status, first.header("idempotent-replay")), (201, None));
    let again = post(&server, "acme", "/things", "k1", "a").await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replay"), Some("true"));
    assert_eq!(
        (again.header("location"), again.header("content-type")),
        (first.header("location"), first.header("content-type"))
    );
    assert_eq!(things(&server, "acme"), 1);
}

#[tokio::test]
async fn it_costs_one_read_and_one_write() {
    let server = Server::start(functions()).await;
    assert_eq!(server.by(Role::Deployer, "POST /things", "a").await.status, 201);
    assert_eq!(server.documents.counted(), (0, 1));
    assert_eq!(post(&server, "acme", "/things", "k1", "a").await.status, 201);
    assert_eq!(server.documents.counted(), (1, 3));
    assert_eq!(post(&server, "acme", "/things", "k1", "a").await.status, 201);
    assert_eq!(server.documents.counted(), (2, 3));
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let server = Server::start(functions()).await;
    post(&server, "acme", "/things", "k1", "a").await;
    assert_eq!(post(&server, "acme", "/things", "k1", "b").await.problem(422), "idempotency-reused");
    assert_eq!(post(&server, "acme", "/things?x=1", "k1", "a").await.problem(422), "idempotency-reused");
    post(&server, "acme", "/things/1/parts", "k1", "a").await;
    assert_eq!(post(&server, "acme", "/things/2/parts", "k1", "a").await.problem(422), "idempotency-reused");
    assert_eq!(things(&server, "acme"), 2);
}

#[tokio::test]
async fn keys_belong_to_a_tenant_and_a_route() {
    let server = Server::start(functions()).await;
    let ours = post(&server, "acme", "/things", "k1", "a").await;
    let theirs = post(&server, "other", "/things", "k1", "a").await;
    assert_eq!((ours.status, theirs.status, theirs.header("idempotent-replay")), (201, 201, None));
    assert_ne!(ours.body, theirs.body);
    assert_eq!(post(&server, "acme", "/apart", "k1", "a").await.header("idempotent-replay"), None);
    post(&server, "acme", "/plain", "k1", "a").await;
    assert_eq!(post(&server, "acme", "/plain", "k1", "a").await.header("idempotent-replay"), None);
    for key in ["", "a b", "ü", &"x".repeat(256)] {
        let answer = post(&server, "acme", "/things", key, "a").await;
        assert_eq!(answer.problem(422), "unprocessable", "{key}");
        assert_eq!(answer.json()["errors"][0]["field"], "idempotency-key");
    }
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let server = Server::start(functions()).await;
    let first = post(&server, "acme", "/things", "k1", "a").await;
    server.world.pass(23 * HOUR_MS);
    assert_eq!(post(&server, "acme", "/things", "k1", "a").await.body, first.body);
    server.world.pass(HOUR_MS);
    let later = post(&server, "acme", "/things", "k1", "b").await;
    assert_eq!((later.status, later.header("idempotent-replay")), (201, None));
    assert_eq!(post(&server, "acme", "/things", "k1", "b").await.body, later.body);
    server.world.pass(DAY_MS - 1);
    assert_eq!(post(&server, "acme", "/things", "k1", "b").await.body, later.body);
    assert_eq!(things(&server, "acme"), 2);
}

#[tokio::test]
async fn what_is_kept_cannot_be_read_from_the_store() {
    let server = Server::start(functions()).await;
    post(&server, "acme", "/things", "my-key-1", "a").await;
    let kept = server.documents.under("tenants/acme/idempotency/");
    assert_eq!(kept.len(), 1);
    assert!(
        kept[0].contains("\"expires_at\"") && !kept[0].contains("hunter2") && !kept[0].contains("my-key-1"),
        "{kept:?}"
    );
}

#[tokio::test]
async fn after_a_change_of_key_nothing_is_done_twice() {
    let server = Server::start(functions()).await;
    post(&server, "acme", "/things", "k1", "a").await;
    let other = host::token::Key::new(vec![9; 32]).unwrap();
    let changed =
        Server::configured((server.documents.clone(), server.world.clone()), functions(), |config| {
            config.token_key = other.clone();
        })
        .await;
    let claims = host::token::Claims::new(
        &crate::fake::caller("acme", Role::Deployer),
        model::port::Clock::real(&changed.world),
        60,
        1,
    );
    let bearer = format!("Bearer {}", host::token::mint(&other, &claims).unwrap());
    let answer =
        changed.send("POST /things", &[("authorization", &bearer), ("idempotency-key", "k1")], "a").await;
    assert_eq!(answer.problem(409), "conflict");
    assert_eq!(things(&server, "acme"), 1);
}

#[tokio::test]
async fn the_host_keeps_the_answer_of_a_handler_that_did_not() {
    let server = Server::start(functions()).await;
    let first = post(&server, "acme", "/apart", "k1", "").await;
    assert_eq!(post(&server, "acme", "/apart", "k1", "").await.body, first.body);
    assert_eq!(things(&server, "acme"), 1);
}

#[tokio::test]
async fn failures_are_not_kept() {
    let server = Server::start(functions()).await;
    for _ in 0..2 {
        let answer = post(&server, "acme", "/refuse", "k1", "").await;
        assert_eq!(answer.problem(422), "unprocessable");
    }
    assert_eq!(server.documents.under("tries/").len(), 2);
    let documents = &server.documents.all;
    let body = model::port::store::Body::of(&json!({})).unwrap();
    documents.lock().unwrap().insert("there/already".into(), (1, body));
    assert_eq!(post(&server, "acme", "/contended", "k2", "").await.problem(409), "conflict");
    assert!(server.documents.under("tenants/acme/idempotency/").is_empty());
}

/// A function whose handler waits before it commits.
fn gated(entered: &Arc<Notify>, go: &Arc<Notify>, runs: &Arc<AtomicU64>) -> Vec<Function> {
    let gates = (entered.clone(), go.clone(), runs.clone());
    let handler = move |ctx: Context, request: Request| {
        let (entered, go, runs) = gates.clone();
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            entered.notify_one();
            go.notified().await;
            create(ctx, request).await
        }
    };
    vec![
        Function::new("shop", "")
            .uses(&[Port::Store])
            .route(Route::post("/things", Role::Deployer, "", handler).creates()),
    ]
}

#[tokio::test]
async fn while_the_first_runs_a_repeat_is_told_to_wait() {
    let (entered, go, runs) = (Arc::default(), Arc::default(), Arc::default());
    let server = Arc::new(Server::start(gated(&entered, &go, &runs)).await);
    let first = tokio::spawn({
        let server = server.clone();
        async move { post(&server, "acme", "/things", "k1", "a").await }
    });
    entered.notified().await;
    let second = post(&server, "acme", "/things", "k1", "a").await;
    assert_eq!(second.problem(409), "idempotency-running");
    assert_eq!(second.header("retry-after"), Some("1"));
    go.notify_one();
    let first = first.await.unwrap();
    assert_eq!(post(&server, "acme", "/things", "k1", "a").await.body, first.body);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn of_two_processes_one_commits_and_both_answer_alike() {
    let (documents, world) = Documents::world();
    let (entered, go, runs) = (Arc::default(), Arc::default(), Arc::default());
    let one = Arc::new(
        Server::configured((documents.clone(), world.clone()), gated(&entered, &go, &runs), |_| {}).await,
    );
    let two = Arc::new(
        Server::configured((documents.clone(), world.clone()), gated(&entered, &go, &runs), |_| {}).await,
    );
    let requests = [one.clone(), two.clone()]
        .map(|server| tokio::spawn(async move { post(&server, "acme", "/things", "k1", "a").await }));
    entered.notified().await;
    while runs.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    // The second permit is kept until the second handler waits for it.
    while documents.under("tenants/acme/things/").is_empty() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let mut answers = vec![];
    for request in requests {
        answers.push(request.await.unwrap());
    }
    assert_eq!((answers[0].status, &answers[0].body), (201, &answers[1].body));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replay").is_some()).count(), 1);
    assert_eq!(things(&one, "acme"), 1);
}
