//! Who comes in: tokens, roles, cookies, origins, host names.

use crate::{
    fake::{Documents, caller},
    server::{Server, key},
};
use host::{Context, Error, Function, Request, Response, Role, Route, testing::START, token};
use model::time::HOUR_MS;

async fn who(ctx: Context, _: Request) -> Result<Response, Error> {
    let caller = ctx
        .caller
        .as_ref()
        .map(|caller| format!("{} {} {}", ctx.tenant().unwrap(), caller.user, caller.role));
    Ok(Response::text(200, caller.unwrap_or_else(|| "nobody".into())))
}

fn functions() -> Vec<Function> {
    let mut function = Function::new("shop", "");
    for (path, role) in [
        ("/public", Role::Public),
        ("/viewer", Role::Viewer),
        ("/deployer", Role::Deployer),
        ("/owner", Role::Owner),
    ] {
        function = function.route(Route::get(path, role, "", who)).route(Route::post(path, role, "", who));
    }
    vec![function]
}

#[tokio::test]
async fn each_role_reaches_what_it_may() {
    let server = Server::start(functions()).await;
    let roles = [Role::Viewer, Role::Deployer, Role::Owner];
    for role in roles {
        for needed in roles {
            let answer = server.by(role, &format!("POST /{needed}"), "").await;
            if role >= needed {
                assert_eq!((answer.status, answer.body), (200, format!("acme ann {role}")));
            } else {
                assert_eq!(answer.problem(403), "forbidden");
                assert_eq!(answer.json()["needed"], needed.to_string());
            }
        }
        assert_eq!(server.by(role, "GET /public", "").await.body, "nobody");
    }
    for needed in roles {
        let answer = server.send(&format!("GET /{needed}"), &[], "").await;
        assert_eq!(answer.problem(401), "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("bearer"));
    }
    assert_eq!(server.send("GET /public", &[], "").await.body, "nobody");
}

#[tokio::test]
async fn tokens_that_are_over_or_not_ours_are_refused() {
    let server = Server::start(functions()).await;
    let token = server.token("acme", Role::Owner);
    let other = token::Key::new(vec![8; 32]).unwrap();
    let claims = token::Claims::new(&caller("acme", Role::Owner), START, 3600, 1);
    let forged = format!("Bearer {}", token::mint(&other, &claims).unwrap());
    for value in ["", "Bearer", "Bearer x.y.z", "Basic YTpi", &forged, &token[7..]] {
        let answer = server.send("GET /viewer", &[("authorization", value)], "").await;
        assert_eq!(answer.problem(401), "unauthenticated", "{value}");
    }
    server.world.pass(HOUR_MS);
    let answer = server.send("GET /viewer", &[("authorization", &token)], "").await;
    assert_eq!(answer.problem(401), "unauthenticated");
    assert!(answer.body.contains("expired"));
}

fn code(server: &Server) -> String {
    let link = server.runner.sign_in_link(&caller("acme", Role::Deployer));
    let path = link.strip_prefix(&format!("http://{}", server.host())).unwrap();
    format!("GET {path}")
}

#[tokio::test]
async fn a_link_signs_a_browser_in_once() {
    let server = Server::start(functions()).await;
    let line = code(&server);
    let answer = server.send(&line, &[], "").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["sextant_session=", "; path=/", "; httponly", "; samesite=strict", "max-age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("secure"));
    assert_eq!(server.send(&line, &[], "").await.problem(410), "gone");

    let late = code(&server);
    server.world.pass(5 * 60_000);
    assert_eq!(server.send(&late, &[], "").await.problem(410), "gone");
    assert_eq!(server.send("GET /session", &[], "").await.problem(410), "gone");
    assert_eq!(server.send("GET /session?code=x", &[], "").await.problem(410), "gone");
}

#[tokio::test]
async fn a_preview_does_not_use_the_link_up() {
    let server = Server::start(functions()).await;
    let line = code(&server);
    assert_eq!(server.send(&line.replace("GET", "HEAD"), &[], "").await.status, 404);
    assert_eq!(server.send(&line, &[], "").await.status, 303);
}

#[tokio::test]
async fn a_cookie_works_from_our_own_pages_only() {
    let server = Server::start(functions()).await;
    let jwt = server.token("acme", Role::Deployer).replace("Bearer ", "");
    let cookie = format!("theme=dark; sextant_session={jwt}; x=y");
    let own = format!("http://{}", server.host());
    let other_port = format!("http://localhost:{}", server.address.port() ^ 1);
    assert_eq!(server.send("GET /deployer", &[("cookie", &cookie)], "").await.body, "acme ann deployer");
    assert_eq!(server.send("POST /deployer", &[("cookie", &cookie), ("origin", &own)], "").await.status, 200);
    for origin in ["", "null", "http://evil.example", &other_port, "localhost"] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        let headers = if origin.is_empty() { &headers[..1] } else { &headers };
        assert_eq!(server.send("POST /deployer", headers, "").await.problem(403), "cross-site", "{origin}");
    }
    assert_eq!(server.send("GET /owner", &[("cookie", &cookie)], "").await.problem(403), "forbidden");
    // A bearer token is never sent by a browser on its own, so it needs no origin.
    let bearer = format!("Bearer {jwt}");
    let headers = [("authorization", bearer.as_str()), ("origin", "http://evil.example")];
    assert_eq!(server.send("POST /deployer", &headers, "").await.status, 200);
}

#[tokio::test]
async fn names_that_are_not_ours_are_not_answered() {
    let server = Server::configured(Documents::world(), functions(), |config| {
        config.hosts = vec!["console.example".into()];
    })
    .await;
    let port = server.address.port();
    let token = server.token("acme", Role::Owner);
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "localhost".into(),
        format!("0.0.0.0:{port}"),
    ] {
        for line in [
            "GET /public",
            "GET /owner",
            "GET /session?code=x",
            "GET /openapi.json",
            "GET /errors",
            "GET /none",
        ] {
            let answer = server.send(line, &[("host", &host), ("authorization", &token)], "").await;
            assert_eq!(answer.problem(421), "misdirected", "{host} {line}");
        }
    }
    let no_host = server.raw(b"GET /public HTTP/1.0\r\n\r\n").await;
    assert_eq!(no_host.problem(421), "misdirected");
    for host in ["console.example".to_owned(), format!("127.0.0.1:{port}"), format!("LOCALHOST:{port}")] {
        assert_eq!(server.send("GET /public", &[("host", &host)], "").await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_session_over_https_stays_on_https_and_can_be_off() {
    let secure = Server::configured(Documents::world(), functions(), |config| {
        config.public_url = config.public_url.replace("http:", "https:");
    })
    .await;
    let link = secure.runner.sign_in_link(&caller("acme", Role::Viewer));
    let path = link.split_once(&secure.host()).unwrap().1.to_owned();
    let answer = secure.send(&format!("GET {path}"), &[], "").await;
    assert!(answer.header("set-cookie").unwrap().ends_with("; secure"));
    let off =
        Server::configured(Documents::world(), functions(), |config| config.browser_sessions = false).await;
    let line = code(&off);
    assert_eq!(off.send(&line, &[], "").await.problem(404), "not-found");
}

#[tokio::test]
async fn the_session_cookie_is_a_token_like_any_other() {
    let server = Server::start(functions()).await;
    let mut stream_head = String::new();
    let answer = server.send(&code(&server), &[], "").await;
    stream_head.push_str(answer.header("set-cookie").unwrap());
    // The head is lower-cased by the client here, and a JWT is not: so only its shape is looked at.
    assert_eq!(stream_head.split(';').next().unwrap().matches('.').count(), 2);
    let claims = token::Claims::new(&caller("acme", Role::Viewer), START, 60, 2);
    let jwt = token::mint(&key(), &claims).unwrap();
    let cookie = format!("sextant_session={jwt}");
    assert_eq!(server.send("GET /viewer", &[("cookie", &cookie)], "").await.status, 200);
    server.world.pass(60_000);
    assert_eq!(server.send("GET /viewer", &[("cookie", &cookie)], "").await.problem(401), "unauthenticated");
}
