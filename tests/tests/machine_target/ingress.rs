//! What the ingress does beyond the port: hosts, own ports, headers, static sites, problems, large bodies.

use super::world;
use model::port::target::{BuildState, Plan};
use tests::conformance::target::{
    Fixture, archived,
    http::{get, open, read_until, send},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn problems_say_what_there_is() {
    let (at, target) = world().await;
    let port = target.ingress_port();
    let one = at.release("one").await;
    let reply = get(&format!("http://nobody.localhost:{port}"), "/").await;
    assert_eq!(reply.status, 404);
    assert!(reply.head.contains("application/problem+json"), "{}", reply.head);
    let problem: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("sextant list") && !detail.contains(at.service.service.as_str()), "{detail}");
    let reply = get(&one.url, "/").await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("takes traffic"), "{}", reply.body);
    let reply = get(&format!("http://nine---{}.localhost:{port}", at.service.service), "/").await;
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("it has one"), "{}", reply.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_its_own_port_and_a_second_tenant_another_host() {
    let (at, target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let addresses = target.addresses(&at.service).unwrap();
    assert_eq!(get(&addresses.own, "/").await.body, "version one\n");
    let twin = Fixture {
        service: model::port::target::ServiceKey { tenant: Fixture::service().tenant, ..at.service.clone() },
        target: at.target.clone(),
        objects: at.objects.clone(),
        store: at.store.clone(),
        heard: at.heard.clone(),
        app: at.app.clone(),
        now_ms: at.now_ms,
        guard: Box::new(()),
    };
    let order = twin.revision_order("twin", &at.artifact("twin").await);
    let two = twin.target.create_revision(order).await.unwrap();
    twin.healthy(&two.revision).await;
    twin.shift(&[(&two, 100)], "k").await;
    assert!(
        two.url.contains(&format!("{}-{}.localhost", twin.service.service, twin.service.tenant)),
        "{}",
        two.url
    );
    assert_eq!(get(&two.url, "/").await.body, "version twin\n");
    assert_eq!(get(&one.url, "/").await.body, "version one\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_sees_who_asked_and_no_header_of_the_connection() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let headers = "x-forwarded-for: 10.1.2.3\r\nx-forwarded-proto: https\r\nforwarded: for=1.1.1.1\r\nx-forwarded-host: bank.example\r\nkeep-alive: 5\r\nte: trailers\r\nx-mine: 1\r\nconnection: x-drop\r\nx-drop: 1\r\n";
    let reply = send(&one.url, "GET /headers/a%20b?c=d", headers).await;
    let seen = reply.body.to_lowercase();
    let host = one.url.trim_start_matches("http://");
    assert!(seen.starts_with("get /headers/a%20b?c=d\n"), "{seen}");
    for line in [
        &format!("host: {host}"),
        &format!("x-forwarded-host: {host}"),
        "x-forwarded-for: 10.1.2.3, 127.0.0.1",
        "x-forwarded-proto: http",
        "forwarded: for=127.0.0.1;proto=http",
        "x-mine: 1",
    ] {
        assert!(seen.contains(line), "{line} is not in {seen}");
    }
    for gone in ["keep-alive:", "te:", "x-drop:"] {
        assert!(!seen.lines().any(|line| line.starts_with(gone)), "{gone} is in {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_whole_in_both_directions() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let size = 8 * 1024 * 1024;
    let body: Vec<u8> = (0..size).map(|at: usize| (at % 251) as u8).collect();
    let stream =
        open(&one.url, "POST /echo", &format!("connection: close\r\ncontent-length: {size}\r\n")).await;
    let (mut reader, mut writer) = stream.into_split();
    let copy = body.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&copy).await.unwrap();
        writer
    });
    let mut all = Vec::new();
    reader.read_to_end(&mut all).await.unwrap();
    drop(sending.await.unwrap());
    assert!(all.ends_with(&body), "{} bytes came back", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_got_the_apps_status() {
    let (at, _target) = world().await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k").await;
    let from = model::Timestamp(super::now_ms() - 1000);
    let mut answered = open(&one.url, "GET /stream", "").await;
    read_until(&mut answered, b"one\n").await;
    drop(answered);
    let window = || model::port::target::Window { from, to: model::Timestamp(super::now_ms() + 2000) };
    let counted = |wanted: u64| {
        let (at, one) = (&at, &one);
        async move {
            loop {
                let seen =
                    at.target.observe(&at.service, window()).await.unwrap().revisions[&one.revision].clone();
                if seen.requests >= wanted {
                    return (seen.requests, seen.server_errors);
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    assert_eq!(counted(1).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_site_is_served_and_nothing_around_it() {
    let (at, target) = world().await;
    let source = tempfile::tempdir().unwrap();
    let file = |path: &str, text: &str| {
        let path = source.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file("secret.txt", "outside");
    file("site/index.html", "<h1>home</h1>");
    file("site/about.html", "about");
    file("site/app.js", "0123456789");
    file("site/blog/index.html", "blog");
    file("site/.env", "hidden");
    std::os::unix::fs::symlink("../secret.txt", source.path().join("site/out")).unwrap();
    let plan = Plan { provider: "staticfile".into(), static_folder: Some("site".into()), ..Plan::default() };
    let mut order = at.build_order("site", plan.clone());
    order.archive = archived(&*at.objects, source.path()).await;
    at.target.start_build(order.clone()).await.unwrap();
    let BuildState::Succeeded { artifact, .. } = at.built(&order).await else { panic!("it must succeed") };
    let mut revision = at.revision_order("one", &artifact);
    revision.plan = plan;
    let one = at.target.create_revision(revision.clone()).await.unwrap();
    at.healthy(&one.revision).await;
    at.shift(&[(&one, 100)], "k").await;
    for (path, status, body, kind) in [
        ("/", 200, "<h1>home</h1>", "text/html; charset=utf-8"),
        ("/about", 200, "about", "text/html; charset=utf-8"),
        ("/app.js?x=1", 200, "0123456789", "text/javascript; charset=utf-8"),
        ("/blog/", 200, "blog", "text/html; charset=utf-8"),
        ("/blog", 308, "", "text/plain; charset=utf-8"),
    ] {
        let reply = get(&one.url, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{path}");
        assert!(
            reply.head.to_lowercase().contains(&format!("content-type: {kind}")),
            "{path}: {}",
            reply.head
        );
    }
    for path in [
        "/nothing",
        "/out",
        "/.env",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "//etc/passwd",
        "/site/../../secret.txt",
    ] {
        let reply = get(&one.url, path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.body);
    }
    assert_eq!(send(&one.url, "POST /", "content-length: 0\r\n").await.status, 405);
    let reply = send(&one.url, "GET /app.js", "range: bytes=2-4\r\n").await;
    assert_eq!((reply.status, reply.body.as_str()), (206, "234"));
    let head = send(&one.url, "HEAD /app.js", "").await;
    assert!(head.head.to_lowercase().contains("content-length: 10") && head.body.is_empty(), "{head:?}");
    let tag = head.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    assert_eq!(send(&one.url, "GET /app.js", &format!("if-none-match: {tag}\r\n")).await.status, 304);
    // A single-page app answers every path that names no file.
    let mut spa = at.revision_order("two", &artifact);
    spa.plan = Plan { single_page: true, ..revision.plan };
    let two = at.target.create_revision(spa).await.unwrap();
    assert_eq!(get(&two.revision_url, "/deep/link").await.body, "<h1>home</h1>");
    assert_eq!(get(&two.revision_url, "/.env").await.body, "<h1>home</h1>");
    // A folder that the build didn't make is refused with its name.
    let mut broken = at.revision_order("three", &artifact);
    broken.plan = Plan { static_folder: Some("dist".into()), ..Plan::default() };
    let error = at.target.create_revision(broken).await.unwrap_err().to_string();
    assert!(error.contains("`dist`"), "{error}");
    let mut outside = at.revision_order("four", &artifact);
    outside.plan = Plan { static_folder: Some("../../..".into()), ..Plan::default() };
    at.target.create_revision(outside).await.unwrap_err();
    // Requests to files are counted like any.
    let window = model::port::target::Window {
        from: model::Timestamp(0),
        to: model::Timestamp(super::now_ms() + 2000),
    };
    let seen = target_window(&*at.target, &at, window).await;
    assert!(seen.requests > 10 && seen.client_errors >= 8, "{seen:?}");
    drop(target);
}

async fn target_window(
    target: &dyn model::port::Target,
    at: &Fixture,
    window: model::port::target::Window,
) -> model::port::target::RevisionWindow {
    let revision = format!("{}-one", at.service.service);
    target.observe(&at.service, window).await.unwrap().revisions.remove(&revision).unwrap()
}
