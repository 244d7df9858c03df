//! Each bad request gets a clear problem, and changes nothing.

use crate::{customer, world::World};
use host::Role;
use serde_json::{Value, json};

const START: &str = "/api/v1/deployments";
const REGISTER: &str = "/api/v1/deployments/register";

#[tokio::test]
async fn deployments() {
    let world = World::new();
    let with = |name: &str, value: Value| {
        let mut body = json!({"path": "/srv/app"});
        body[name] = value;
        body
    };
    let synthetic = |synthetic: Value| with("canary", json!({"synthetic": synthetic}));
    let weights = |weights: Value| with("canary", json!({"weights": weights}));
    for (body, field) in [
        (json!({}), "source"),
        (json!({"path": "/a", "url": "https://h/a"}), "source"),
        (json!({"path": "/a", "branch": "main"}), "branch"),
        (json!({"path": "a/b"}), "path"),
        (json!({"path": "/a\u{0}b"}), "path"),
        (json!({"path": "/"}), "path"),
        (json!({"path": "/./..//", "service": "all"}), "path"),
        (json!({"path": "/..."}), "service"),
        (json!({"source": {"kind": "folder", "path": "../x"}}), "source.path"),
        (json!({"source": {"kind": "floppy", "path": "/x"}}), "source.kind"),
        (json!({"source": {"kind": "git", "url": "-uhttps://h/a"}}), "source.url"),
        (json!({"url": "ext::sh -c touch% /tmp/x"}), "url"),
        (json!({"url": "http://h/a"}), "url"),
        (json!({"url": "https://ann:pw@h/a"}), "url"),
        (json!({"url": "https://h/a", "branch": "--upload-pack=id"}), "branch"),
        (json!({"url": "https://h/a", "commit": "HEAD~1"}), "commit"),
        (with("service", json!("My_App")), "service"),
        (with("service", json!("a".repeat(35))), "service"),
        (json!({"path": "/a", "service": "a".repeat(30), "environment": "staging"}), "service"),
        (with("environment", json!("Pro/d")), "environment"),
        (with("environment", json!("")), "environment"),
        (with("strategy", json!("yolo")), "strategy"),
        (with("env", json!({"PORT": "1"})), "env.PORT"),
        (with("env", json!({"K_SERVICE": "1"})), "env.K_SERVICE"),
        (with("env", json!({"lower": "1"})), "env.lower"),
        (with("env", json!({"A": 1})), "env.A"),
        (with("env", json!({"A": "x\u{0}"})), "env.A"),
        (with("env", json!({"A": "x".repeat(40_000)})), "env.A"),
        (with("secrets", json!({"2X": "v"})), "secrets.2X"),
        (json!({"path": "/a", "env": {"A": "1"}, "secrets": {"A": "2"}}), "secrets.A"),
        (with("source_token", json!("t")), "source_token"),
        (weights(json!([])), "canary.weights"),
        (weights(json!([10, 50])), "canary.weights"),
        (weights(json!([50, 10, 100])), "canary.weights"),
        (weights(json!([0, 100])), "canary.weights"),
        (weights(json!([10, 100, 120])), "canary.weights"),
        (with("canary", json!({"bake_windows": 1441})), "canary.bake_windows"),
        (with("canary", json!({"power_percent": 100})), "canary.power_percent"),
        (with("canary", json!({"catch_percent": 0})), "canary.catch_percent"),
        (with("canary", json!({"catch_times": 1})), "canary.catch_times"),
        (with("canary", json!({"window_ms": -1})), "canary.window_ms"),
        (with("canary", json!({"bake_windows": 5, "deadline_windows": 4})), "canary.deadline_windows"),
        (synthetic(json!({"paths": []})), "canary.synthetic.paths"),
        (synthetic(json!({"paths": ["//evil.example/"]})), "canary.synthetic.paths[0]"),
        (synthetic(json!({"paths": ["/", "http://evil.example/"]})), "canary.synthetic.paths[1]"),
        (synthetic(json!({"paths": ["/a b"]})), "canary.synthetic.paths[0]"),
        (synthetic(json!({"paths": ["/\r\nx: y"]})), "canary.synthetic.paths[0]"),
        (synthetic(json!({"paths": [format!("/{}", "a".repeat(200))]})), "canary.synthetic.paths[0]"),
        (synthetic(json!({"paths": vec!["/"; 11]})), "canary.synthetic.paths"),
        (synthetic(json!({"requests": 4})), "canary.synthetic.requests"),
        (synthetic(json!({"requests": 201})), "canary.synthetic.requests"),
        (with("canary", json!({"synthetic": {}, "without_traffic": "wait"})), "canary.synthetic"),
        (with("limits", json!({"build_ms": 0})), "limits.build_ms"),
        (with("limits", json!({"build_ms": 3_600_001})), "limits.build_ms"),
        (with("limits", json!({"verify_ms": 600_001})), "limits.verify_ms"),
        (with("servise", json!("typo")), "servise"),
        (with("env", json!({"__X__": "1"})), "env.__X__"),
        (with("secrets", json!({"__X__": "1"})), "secrets.__X__"),
        (with("env", json!({"": "1"})), "env."),
        (with("env", json!({"A".repeat(1_501): "1"})), &format!("env.{}", "A".repeat(80))),
        (with("canary", json!([[50, 100]])), "canary"),
        (with("limits", json!([1_000, 1_000])), "limits"),
        (json!({"source": ["folder", {"path": "/srv/app"}]}), "source"),
    ] {
        let answer = world.post(START, &body).await;
        assert_eq!((answer.status, answer.text("type")), (422, "/errors#unprocessable"), "{body} {answer:?}");
        let named = answer.fields();
        assert!(
            named
                .iter()
                .any(|named| *named == field || (field.contains("kind") && named.starts_with("source"))),
            "{body}: {named:?}, not {field}"
        );
        assert!(answer.text("detail").len() > 20);
    }
    assert_eq!((world.count("deployments").await, world.count("services").await), (0, 0));
    assert_eq!(world.published(), Vec::<String>::new());
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let world = World::new();
    let body = json!({"path": "x", "service": "A", "env": {"PORT": "1"}, "limits": {"build_ms": 1}});
    let answer = world.post(START, &body).await;
    assert_eq!(answer.fields(), ["path", "service", "env.PORT", "limits.build_ms"]);
    assert!(answer.text("detail").contains("3 more fields are wrong"), "{answer:?}");
}

#[tokio::test]
async fn bodies_that_are_none() {
    let world = World::new();
    for path in [START, REGISTER, "/api/v1/decisions"] {
        for (text, status) in [
            (String::new(), 400),
            ("{".to_owned(), 400),
            ("not json".to_owned(), 400),
            ("[]".to_owned(), 422),
            ("[1]".to_owned(), 422),
            ("\"x\"".to_owned(), 422),
            ("{} {}".to_owned(), 400),
            (format!("{{\"path\":\"/{}\"}}", "a".repeat(2 << 20)), 413),
        ] {
            let start: String = text.chars().take(20).collect();
            let answer = world.send("acme", Role::Deployer, None, path, text).await;
            assert_eq!(answer.status, status, "{path} {start}: {answer:?}");
        }
        let viewer = world.send("acme", Role::Viewer, None, path, "{}".to_owned()).await;
        assert_eq!(viewer.status, 403);
    }
    assert_eq!(world.count("deployments").await, 0);
}

#[tokio::test]
async fn registrations() {
    let world = World::new();
    for (field, value) in [
        ("decision_id", json!("dep_1")),
        ("decision_id", json!("a/b")),
        ("decision_id", json!("")),
        ("decision_id", json!(7)),
        ("decision_id", json!("__x__")),
        ("user_id", json!("")),
        ("user_id", json!("x".repeat(201))),
        ("expected_launch_date", json!("2026-02-31")),
        ("expected_launch_date", json!("2026-02-31T10:00:00Z")),
        ("user_id", json!(" ")),
        ("session_id", json!("a\nb")),
        ("gcp_project_id", json!("Prod")),
        ("gcp_project_id", json!("a/b/c/d/e")),
        ("gcp_credentials", json!("")),
        ("gcp_credentials", json!({})),
        ("gcp_credentials", json!(1)),
        ("gcp_credentials", json!("k".repeat(70_000))),
        ("deployment_region", json!("mars-north1")),
        ("recommended_cost", json!("lots")),
        ("recommended_specs", json!([])),
        ("expected_launch_date", json!("soon")),
        ("should_collect_metrics", json!("yes")),
    ] {
        let mut body = customer::body("dec_1");
        body[field] = value.clone();
        let answer = world.post(REGISTER, &body).await;
        assert_eq!((answer.status, answer.fields()), (422, vec![field]), "{value} {answer:?}");
    }
    for field in ["decision_id", "user_id", "session_id", "gcp_project_id", "gcp_credentials"] {
        let mut body = customer::body("dec_1");
        body.as_object_mut().unwrap().remove(field);
        let answer = world.post(REGISTER, &body).await;
        assert_eq!((answer.status, answer.fields()), (422, vec![field]), "{answer:?}");
    }
    assert_eq!(
        (world.count("deployments").await, world.count("decisions").await, world.count("secrets").await),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn a_body_of_spaces_is_not_an_absent_one() {
    let world = World::new();
    let id = world.start("shop").await;
    let path = format!("/api/v1/deployments/{id}/cancel");
    let blank = world.send("acme", Role::Deployer, None, &path, "\t".to_owned()).await;
    assert_eq!((blank.status, blank.text("type")), (400, "/errors#bad-request"), "{blank:?}");
    let absent = world.send("acme", Role::Deployer, None, &path, String::new()).await;
    assert_eq!(absent.status, 202, "{absent:?}");
}
