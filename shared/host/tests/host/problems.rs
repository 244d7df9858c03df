//! Whatever goes wrong with a request becomes a problem that says what happened and what to do.

use crate::{
    fake::Documents,
    server::{Answer, Server},
};
use host::{Context, Error, Function, Port, Request, Response, Role, Route};
use model::{DeploymentId, port::PortError, port::store::Path};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};
use tokio::{io::AsyncWriteExt, sync::Notify};
use tracing_subscriber::layer::SubscriberExt;

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
struct Order {
    name: String,
    #[serde(deserialize_with = "host::request::object")]
    inner: Inner,
}

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
struct Inner {
    count: u8,
}

async fn order(_: Context, request: Request) -> Result<Response, Error> {
    Ok(Response::json(200, &request.json::<Order>()?))
}

async fn show(_: Context, request: Request) -> Result<Response, Error> {
    let id: DeploymentId = request.id("id")?;
    Ok(Response::text(200, id.to_string()))
}

async fn page(_: Context, request: Request) -> Result<Response, Error> {
    #[derive(Deserialize)]
    struct Params {
        limit: u32,
    }
    let params: Params = if request.body.is_empty() { request.query()? } else { request.form()? };
    Ok(Response::text(200, params.limit.to_string()))
}

async fn broken(ctx: Context, request: Request) -> Result<Response, Error> {
    match request.param("how") {
        "panic" => panic!("hunter2"),
        "store" => Ok(Response::json(200, &ctx.ports.store.get(&Path::new("a/b")).await?.is_some())),
        "port" => Err(PortError::Permanent("hunter2".into()).into()),
        "hang" => std::future::pending().await,
        "header" => Ok(Response::text(200, "ok").header("x", "a\r\nset-cookie: b=c")),
        "own" => Err(Error::gone("That link was used. Ask for another.").slug("used-link").with("by", "ann")),
        _ => Err(Error::internal("hunter2")),
    }
}

fn functions() -> Vec<Function> {
    let function = Function::new("shop", "")
        .uses(&[Port::Store, Port::Source])
        .route(Route::post("/orders", Role::Public, "", order).body_limit(1000))
        .route(Route::get("/d/{id}", Role::Public, "", show))
        .route(Route::get("/page", Role::Public, "", page))
        .route(Route::get("/inside", Role::Viewer, "", page))
        .route(Route::post("/page", Role::Public, "", page))
        .route(Route::get("/broken/{how}", Role::Public, "", broken))
        .problem("used-link", "The link was used.");
    vec![function]
}

#[tokio::test]
async fn unknown_addresses_and_methods() {
    let server = Server::start(functions()).await;
    assert_eq!(server.send("GET /nothing", &[], "").await.problem(404), "not-found");
    let answer = server.send("DELETE /page", &[], "").await;
    assert_eq!(answer.problem(405), "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("get, post"));
    assert_eq!(answer.json()["allowed"], serde_json::json!(["GET", "POST"]));
    assert_eq!(server.send("OPTIONS /orders", &[], "").await.problem(405), "method-not-allowed");
    let head = server.send("HEAD /page?limit=3", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_body_that_is_wrong_is_told_by_field_and_line() {
    let server = Server::start(functions()).await;
    let cases = [
        (
            "{\n \"name\": \"x\",\n \"inner\": {\"count\": \"3\"}}",
            "inner.count",
            3,
            "expected a whole number from 0 to 255",
        ),
        ("{\"name\": \"x\", \"inner\": {}}", "inner.count", 1, "missing field"),
        ("{\"name\": \"x\"\n}", "inner", 2, "missing field"),
        (
            "{\"name\": \"x\", \"inner\": {\"count\": 300}}",
            "inner.count",
            1,
            "expected a whole number from 0 to 255",
        ),
        ("\"x\"", ".", 1, "expected an object"),
        ("[]", ".", 1, "expected an object, found a list"),
        (" [\"x\", {\"count\": 1}]", ".", 1, "expected an object, found a list"),
        ("{\"name\": \"x\", \"inner\": [1]}", "inner", 1, "expected an object"),
    ];
    for (body, field, line, what) in cases {
        let answer = server.send("POST /orders", &[], body).await;
        assert_eq!(answer.problem(422), "unprocessable", "{body}");
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (error["field"].as_str(), error["line"].as_u64()),
            (Some(field), Some(line)),
            "{body}: {error}"
        );
        assert!(error["problem"].as_str().unwrap().contains(what), "{body}: {error}");
    }
    for body in ["", "  ", "{", "[", "nonsense", "{\"name\":\"x\",\"inner\":{\"count\":1}} x", "\u{0}"] {
        assert_eq!(server.send("POST /orders", &[], body).await.problem(400), "bad-request", "{body}");
    }
    let fine = "{\"name\":\"x\",\"inner\":{\"count\":1}}";
    assert_eq!(server.send("POST /orders", &[("content-type", "text/plain")], fine).await.body, fine);
}

#[tokio::test]
async fn ids_queries_and_forms_that_are_wrong() {
    let server = Server::start(functions()).await;
    let answer = server.send("GET /d/..%2F..%2Fetc", &[], "").await;
    assert_eq!(answer.problem(422), "unprocessable");
    assert_eq!(answer.json()["errors"][0]["field"], "id");
    assert_eq!(server.send("GET /d/dep_1", &[], "").await.body, "dep_1");
    assert_eq!(server.send("GET /page?limit=20", &[], "").await.body, "20");
    for line in ["GET /page?limit=x", "GET /page"] {
        let answer = server.send(line, &[], "").await;
        assert_eq!(answer.problem(422), "unprocessable");
        assert_eq!(answer.json()["errors"][0]["field"], "limit");
    }
    assert_eq!(server.send("POST /page", &[], "limit=7&x=%41").await.body, "7");
    assert_eq!(server.send("POST /page", &[], "limit=-7").await.problem(422), "unprocessable");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let server = Server::start(functions()).await;
    let body = "x".repeat(3_000_000);
    let answer = server.send("POST /orders", &[], &body).await;
    assert_eq!(answer.problem(413), "too-large");
    assert_eq!(answer.json()["limit_bytes"], 1000);
    let head = server.head("POST /orders", &[("transfer-encoding", "chunked")]);
    let chunked = format!("{head}\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(server.raw(chunked.as_bytes()).await.problem(413), "too-large");
}

#[tokio::test]
async fn what_is_inside_stays_inside() {
    let server = Server::start(functions()).await;
    for (how, status, slug) in
        [("panic", 500, "internal"), ("other", 500, "internal"), ("port", 502, "dependency")]
    {
        let answer = server.send(&format!("GET /broken/{how}"), &[], "").await;
        assert_eq!(answer.problem(status), slug);
        assert!(
            !answer.body.contains("hunter2")
                && answer.json()["error_id"].as_str().unwrap().starts_with("err_")
        );
    }
    server.documents.unreachable.store(true, Ordering::SeqCst);
    let answer = server.send("GET /broken/store", &[], "").await;
    assert_eq!(answer.problem(503), "unavailable");
    assert!(answer.header("retry-after").is_some() && !answer.body.contains("10.1.2.3"));
    assert_eq!(server.send("GET /readyz", &[], "").await.problem(503), "unavailable");
    assert_eq!(server.send("GET /healthz", &[("host", "10.0.0.1")], "").await.status, 200);
    server.documents.unreachable.store(false, Ordering::SeqCst);
    assert_eq!(server.send("GET /readyz", &[], "").await.status, 200);
}

#[tokio::test]
async fn slugs_lead_to_the_page_that_explains_them() {
    let server = Server::start(functions()).await;
    let answer = server.send("GET /broken/own", &[], "").await;
    assert_eq!(answer.problem(410), "used-link");
    assert_eq!(answer.json()["by"], "ann");
    let page = server.send("GET /errors", &[], "").await;
    for slug in ["used-link", "busy", "idempotency-reused", "bad-request", "timeout"] {
        assert!(page.body.contains(&format!("id=\"{slug}\"")), "{slug}");
    }
    assert_eq!(page.header("x-frame-options"), Some("deny"));
}

#[tokio::test]
async fn a_header_cannot_be_smuggled_in() {
    let server = Server::start(functions()).await;
    let answer = server.send("GET /broken/header", &[], "").await;
    assert_eq!((answer.status, answer.header("set-cookie"), answer.header("x")), (200, None, None));
}

#[tokio::test]
async fn slow_handlers_and_slow_clients_are_cut_off() {
    let server = Server::configured(Documents::world(), functions(), |config| {
        config.timeout = Some(Duration::from_millis(50));
        config.read_timeout = Duration::from_millis(50);
    })
    .await;
    assert_eq!(server.send("GET /broken/hang", &[], "").await.problem(504), "timeout");
    let mut stream = server.connect().await;
    let head = server.head("POST /orders", &[("content-length", "10")]);
    stream.write_all(format!("{head}\r\n{{").as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut stream).await.problem(408), "request-timeout");
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_sent_away() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (entered.clone(), go.clone());
    let wait = move |_: Context, _: Request| {
        let (entered, go) = gates.clone();
        async move {
            entered.notify_one();
            go.notified().await;
            Ok::<_, Error>(Response::text(200, "done"))
        }
    };
    let functions = vec![
        Function::new("slow", "").concurrency(1).route(Route::get("/slow", Role::Public, "", wait)),
        Function::new("shop", "").route(Route::get("/d/{id}", Role::Public, "", show)),
    ];
    let server = Arc::new(Server::start(functions).await);
    let first = tokio::spawn({
        let server = server.clone();
        async move { server.send("GET /slow", &[], "").await }
    });
    entered.notified().await;
    let second = server.send("GET /slow", &[], "").await;
    assert_eq!(second.problem(503), "busy");
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(server.send("GET /d/dep_1", &[], "").await.status, 200);
    go.notify_one();
    assert_eq!(first.await.unwrap().body, "done");
}

#[tokio::test]
async fn a_person_gets_the_same_words_on_a_page() {
    let server = Server::start(functions()).await;
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let answer = server.send("GET /d/%3Cscript%3E", &browser, "").await;
    assert_eq!((answer.status, answer.header("content-type")), (422, Some("text/html; charset=utf-8")));
    assert!(answer.body.contains("wrong or not possible") && answer.body.contains("/errors#unprocessable"));
    assert!(!answer.body.contains("<script>") && answer.body.contains("&lt;script&gt;"), "{}", answer.body);
    assert!(answer.body.contains("<style>") && answer.body.contains("lang=\"en\""), "{}", answer.body);
    let answer = server.send("GET /broken/panic", &browser, "").await;
    assert!(answer.status == 500 && answer.body.contains("err_") && !answer.body.contains("hunter2"));
}

/// Every plain page has the one layout, runs nothing, and says how to get in.
#[tokio::test]
async fn whoever_is_not_signed_in_is_told_how_on_a_page() {
    let server = Server::start(functions()).await;
    let browser = [("accept", "text/html"), ("authorization", "Bearer nonsense")];
    let answer = server.send("GET /inside", &browser, "").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("bearer")));
    assert!(
        answer.body.contains("<h1>Sign in</h1>") && answer.body.contains("sextant open"),
        "{}",
        answer.body
    );
    let policy = answer.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for path in ["GET /errors", "GET /nothing/here"] {
        let answer = server.send(path, &[("accept", "text/html")], "").await;
        assert_eq!(answer.header("content-security-policy"), Some(policy.as_str()), "{path}");
    }
}

#[tokio::test]
async fn a_failure_of_ours_is_logged_once_with_the_id_that_was_answered() {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_ansi(false);
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let server = Server::start(functions()).await;
    let answer = server.send("GET /broken/other", &[], "").await;
    let id = answer.json()["error_id"].as_str().unwrap().to_owned();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(lines.len(), 1, "{text}");
    for part in ["ERROR", "hunter2", "function=\"shop\"", "route=\"/broken/{how}\"", "trace_id="] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert_eq!(text.matches("hunter2").count(), 1);
    let before = text.lines().count();
    assert_eq!(server.send("GET /d/x", &[], "").await.status, 422);
    assert_eq!(String::from_utf8(log.0.lock().unwrap().clone()).unwrap().lines().count(), before);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
