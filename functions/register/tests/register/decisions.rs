//! Recommendations without a deployment.

use crate::world::World;
use model::{document::decision_path, port::source::SourceRef};
use serde_json::json;
use std::fs;

#[tokio::test]
async fn by_class() {
    let world = World::new();
    let body = json!({"class": "FastAPI", "requests_month": 5_000_000, "duration_ms": 120, "region": "europe-west1"});
    let answer = world.post("/api/v1/decisions", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.text("class"), "python/fastapi");
    assert_eq!(answer.json["demand"], json!({"requests_month": 5_000_000, "duration_ms": 120}));
    assert_eq!(answer.json["configuration"]["region"], "europe-west1");
    let cost = &answer.json["prediction"]["cost_month_usd"];
    let number = |name: &str| cost[name].as_f64().unwrap();
    assert!(number("low") < number("value") && number("value") < number("high"), "{cost}");
    let cpu = answer.json["prediction"]["cpu_utilization"]["value"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&cpu));
    assert!(answer.json["reasons"].as_array().unwrap().len() > 3);
    assert!(answer.text("created_at").ends_with('Z'));
    let id = model::DecisionId::new(answer.text("decision_id")).unwrap();
    let stored: model::document::Decision =
        world.document(&decision_path(&crate::world::tenant(), &id)).await.unwrap();
    assert_eq!(stored.class, "python/fastapi");
    assert_eq!(world.count("deployments").await, 0);
}

#[tokio::test]
async fn by_repository() {
    let world = World::new();
    let app = tempfile::tempdir().unwrap();
    fs::write(
        app.path().join("package.json"),
        r#"{"name":"web","scripts":{"start":"node index.js"},"dependencies":{"express":"4"}}"#,
    )
    .unwrap();
    fs::write(app.path().join("index.js"), "require('express')().listen(process.env.PORT)").unwrap();
    world.outside.state().repository = Some(app.path().to_owned());
    let body = json!({"url": "https://github.com/ann/web", "branch": "main", "source_token": "ghp_once"});
    let answer = world.post("/api/v1/decisions", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(
        (answer.text("class"), answer.json["plan"]["provider"].as_str()),
        ("node/express", Some("node"))
    );
    let fetched = world.outside.state().fetched.clone();
    let [(source, key, token)] = fetched.as_slice() else { panic!("{fetched:?}") };
    assert!(matches!(source, SourceRef::Git { branch: Some(branch), .. } if branch == "main"));
    assert_eq!(token.as_deref(), Some("ghp_once"));
    assert_eq!(world.outside.state().removed, std::slice::from_ref(key), "nothing is left behind");
    let by_name = world.post("/api/v1/decisions", &json!({"repository": "/srv/web"})).await;
    assert_eq!(by_name.status, 201);
}

#[tokio::test]
async fn a_repository_that_does_not_exist() {
    let world = World::new();
    let answer = world.post("/api/v1/decisions", &json!({"url": "https://github.com/ann/gone"})).await;
    assert_eq!((answer.status, answer.text("type")), (422, "/errors#repository-not-found"));
    assert!(answer.text("detail").contains("there is no such repository"), "{answer:?}");
    assert_eq!(world.count("decisions").await, 0);
    assert_eq!(world.outside.state().removed.len(), 1);
}

#[tokio::test]
async fn bad_input() {
    let world = World::new();
    for (body, field) in [
        (json!({}), "repository"),
        (json!({"class": "a b\n"}), "class"),
        (json!({"class": ""}), "class"),
        (json!({"class": "node", "url": "https://h/a"}), "class"),
        (json!({"class": "node", "region": "mars-north1"}), "region"),
        (json!({"class": "node", "duration_ms": 0}), "duration_ms"),
        (json!({"class": "node", "requests_month": -1}), "requests_month"),
        (json!({"class": "node", "requests_month": 9e15 as u64}), "requests_month"),
        (json!({"class": "node", "service": "My App"}), "service"),
        (json!({"repository": "ext::sh -c id"}), "url"),
        (json!({"repository": "/a", "path": "/b"}), "repository"),
        (json!({"branch": "main"}), "source"),
        (json!({"clas": "node"}), "clas"),
    ] {
        let answer = world.post("/api/v1/decisions", &body).await;
        assert_eq!((answer.status, answer.fields().contains(&field)), (422, true), "{body} {answer:?}");
    }
    assert_eq!(world.count("decisions").await, 0);
    assert!(world.outside.state().fetched.is_empty());
}
