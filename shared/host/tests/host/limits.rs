//! Crowds, slow senders and guessers: what one of them may cost the others.

use crate::{
    fake::Documents,
    server::{Answer, Server},
};
use host::{
    Context, Error, Function, Request, Response, Role, Route,
    limit::{Class, Limits},
};
use std::{sync::Arc, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream};

async fn done(_: Context, _: Request) -> Result<Response, Error> {
    Ok(Response::text(200, "done"))
}

async fn guess(_: Context, request: Request) -> Result<Response, Error> {
    match request.param("token") {
        "right" => Ok(Response::text(200, "done")),
        _ => Err(Error::unauthenticated("That is not the secret. Nothing was done; sign with yours.")),
    }
}

fn functions() -> Vec<Function> {
    let shop = Function::new("shop", "")
        .concurrency(4)
        .route(Route::post("/orders", Role::Public, "", done))
        .route(Route::get("/orders", Role::Viewer, "", done))
        .route(Route::post("/hook/{token}", Role::Public, "", guess).limit(Class::Webhook))
        .route(Route::get("/feedback/{token}", Role::Public, "", done).limit(Class::FeedbackLink))
        .route(Route::post("/back", Role::Deployer, "", done).limit(Class::Rollback));
    vec![shop]
}

/// A connection whose request's body is half there.
async fn half_sent(server: &Server) -> TcpStream {
    let mut stream = server.connect().await;
    let head = server.head("POST /orders", &[]);
    stream.write_all(format!("{head}content-length: 100\r\n\r\nhalf").as_bytes()).await.unwrap();
    stream
}

/// The wait that a 429 tells.
#[track_caller]
fn wait(answer: &Answer) -> u64 {
    assert_eq!(answer.problem(429), "too-many");
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn slow_bodies_keep_nobody_from_being_answered() {
    let server = Server::start(functions()).await;
    let mut slow = vec![];
    for _ in 0..80 {
        slow.push(half_sent(&server).await);
    }
    // Whoever has a place has it only while it is answered, so there is one for a whole request.
    let quick = tokio::time::timeout(Duration::from_secs(2), server.send("POST /orders", &[], "whole"));
    assert_eq!(quick.await.unwrap().status, 200);
    slow[0].write_all(&[b'x'; 96]).await.unwrap();
    assert_eq!(Answer::read(&mut slow[0]).await.status, 200, "and they are answered when they are through");
}

#[tokio::test]
async fn bodies_under_way_are_bounded() {
    let server = Server::start(functions()).await;
    let mut slow = vec![];
    for _ in 0..256 {
        slow.push(half_sent(&server).await);
    }
    // The last ones may not have been read yet.
    let refused = async {
        loop {
            let answer = server.send("POST /orders", &[], "whole").await;
            if answer.status != 200 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(5), refused).await.unwrap();
    assert_eq!(refused.problem(503), "busy");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.by(Role::Viewer, "GET /orders", "").await.status, 200, "what has no body goes on");
    slow.clear();
    let freed = async {
        while server.send("POST /orders", &[], "whole").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), freed).await.unwrap();
}

#[tokio::test]
async fn whoever_guesses_is_told_to_wait() {
    let server = Server::start(functions()).await;
    for _ in 0..30 {
        let wrong = [("authorization", "Bearer x.y.z")];
        assert_eq!(server.send("GET /orders", &wrong, "").await.problem(401), "unauthenticated");
        assert_eq!(server.send("POST /hook/wrong", &[], "{}").await.problem(401), "unauthenticated");
    }
    for line in ["GET /orders", "POST /hook/wrong"] {
        let answer = server.send(line, &[], "").await;
        assert_eq!(wait(&answer), 1);
        assert_eq!(answer.json()["limit"], "failed-sign-in");
    }
    assert_eq!(
        server.by(Role::Viewer, "GET /orders", "").await.status,
        200,
        "whoever is known is not concerned"
    );
    assert_eq!(server.send("POST /hook/right", &[], "{}").await.status, 200);
    server.world.pass(2_000);
    assert_eq!(server.send("GET /orders", &[], "").await.problem(401), "unauthenticated");
}

#[tokio::test]
async fn links_are_followed_so_often_and_no_more() {
    let server = Server::start(functions()).await;
    for _ in 0..60 {
        assert_eq!(server.send("GET /feedback/x", &[], "").await.status, 200);
    }
    assert_eq!(wait(&server.send("GET /feedback/y", &[], "").await), 1);
    assert_eq!(server.send("POST /orders", &[], "x").await.status, 200, "only links are counted");
}

#[tokio::test]
async fn rollbacks_are_bounded_by_tenant_and_cost_no_write_on_one_machine() {
    let server = Server::start(functions()).await;
    for _ in 0..5 {
        assert_eq!(server.by(Role::Deployer, "POST /back", "").await.status, 200);
    }
    assert_eq!(wait(&server.by(Role::Deployer, "POST /back", "").await), 12);
    let other = server.token("other", Role::Deployer);
    assert_eq!(server.send("POST /back", &[("authorization", &other)], "").await.status, 200);
    assert_eq!(server.documents.counted().1, 0);
    server.world.pass(12_100);
    assert_eq!(server.by(Role::Deployer, "POST /back", "").await.status, 200);
}

#[tokio::test]
async fn instances_keep_to_a_limit_together_without_a_write_a_request() {
    let (documents, world) = Documents::world();
    let mut instances = vec![];
    for _ in 0..3 {
        let shared = (Arc::clone(&documents), world.clone());
        let limited = |config: &mut host::Config| config.limits = Limits::Shared;
        instances.push(Server::configured(shared, functions(), limited).await);
    }
    let mut taken = 0;
    for round in 0..12 {
        let answer = instances[round % 3].by(Role::Deployer, "POST /back", "").await;
        if answer.status == 200 {
            taken += 1;
        } else {
            assert!((1..=60).contains(&wait(&answer)));
        }
    }
    assert_eq!(taken, 5);
    assert_eq!(documents.counted().1, 3, "blocks of two, two and one");
    world.pass(60_000);
    assert_eq!(instances[0].by(Role::Deployer, "POST /back", "").await.status, 200);
    // Reading costs the store nothing at all.
    let before = documents.counted();
    for _ in 0..20 {
        assert_eq!(instances[0].by(Role::Viewer, "GET /orders", "").await.status, 200);
    }
    assert_eq!(documents.counted(), before);
}

#[tokio::test]
async fn pages_of_other_origins_call_only_where_they_are_allowed() {
    let app = "https://app.example.com";
    let ask = |method| [("origin", app), ("access-control-request-method", method)];
    let closed = Server::start(functions()).await;
    let answer = closed.send("OPTIONS /orders", &ask("POST"), "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
    let answer = closed.send("POST /orders", &[("origin", app)], "x").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));

    let allow = |config: &mut host::Config| config.origins = vec![app.to_owned()];
    let open = Server::configured(Documents::world(), functions(), allow).await;
    let answer = open.send("OPTIONS /orders", &ask("POST"), "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some(app)));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    // Errors are to be read as well.
    let answer = open.send("GET /orders", &[("origin", app)], "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, Some(app)));
    assert_eq!(answer.header("vary"), Some("origin"));
    for other in ["https://app.example.com.evil.example", "http://app.example.com", "null"] {
        let answer = open.send("POST /orders", &[("origin", other)], "x").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None), "{other}");
        let asked = [("origin", other), ("access-control-request-method", "POST")];
        assert_eq!(open.send("OPTIONS /orders", &asked, "").await.status, 405, "{other}");
    }
    let any = |config: &mut host::Config| config.origins = vec!["*".to_owned()];
    let any = Server::configured(Documents::world(), functions(), any).await;
    let answer = any.send("POST /orders", &[("origin", app)], "x").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}
