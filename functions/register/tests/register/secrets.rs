//! Secrets are nowhere in clear: not in the store's bytes, not in an answer, not in a message. They open again.

use crate::world::{TENANT, World, tenant};
use host::seal::{self, ExposeSecret};
use model::{document::deployment_path, port::KeyContext};
use serde_json::json;
use std::{fs, path::Path};

const MARKS: [&str; 4] =
    ["hunter2-plainly-visible", "ghp_token-plainly-visible", "PRIVATE-KEY-plainly", "object-key-plainly"];

fn bytes_under(folder: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { bytes_under(&path, all) } else { all.extend(fs::read(path).unwrap()) }
    }
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn nowhere_in_clear() {
    let world = World::new();
    let body = json!({
        "url": "https://github.com/ann/shop", "source_token": MARKS[1],
        "secrets": {"DB_PASSWORD": MARKS[0]}, "env": {"SHOWN": "this-one-is-visible"},
    });
    let started = world.post_with_key("k", "/api/v1/deployments", &body).await;
    assert_eq!(started.status, 201, "{started:?}");
    let mut register = crate::customer::body("dec_text");
    register["gcp_credentials"] = MARKS[2].into();
    let registered = world.post_with_key("k", "/api/v1/deployments/register", &register).await;
    let secret = registered.text("webhook_secret").to_owned();
    let mut register = crate::customer::body("dec_object");
    register["gcp_credentials"] = json!({"type": "service_account", "private_key": MARKS[3]});
    assert_eq!(world.post("/api/v1/deployments/register", &register).await.status, 200);

    let mut bytes = vec![];
    bytes_under(world.folder.path(), &mut bytes);
    assert!(contains(&bytes, "this-one-is-visible"), "the scan sees what is stored");
    let published = format!("{:?}", world.outside.state().messages);
    for mark in MARKS.into_iter().chain([secret.as_str(), secret.trim_start_matches("whsec_")]) {
        assert!(!contains(&bytes, mark), "{mark} is in the data folder");
        assert!(!published.contains(mark), "{mark} was published");
        assert!(!started.json.to_string().contains(mark), "{mark} came back");
    }

    let id = started.text("deployment_id").parse().unwrap();
    let stored = world.deployment(&id).await;
    let context = |field: &str| KeyContext {
        tenant: tenant(),
        record: deployment_path(&tenant(), &id).as_str().to_owned(),
        field: field.to_owned(),
    };
    let variable = stored.variable_context("DB_PASSWORD");
    let opened = seal::open(&world.ports, &variable, &stored.secrets["DB_PASSWORD"]).await;
    assert_eq!(opened.unwrap().expose_secret(), MARKS[0]);
    let opened =
        seal::open(&world.ports, &context("source_token"), stored.source_token.as_ref().unwrap()).await;
    assert_eq!(opened.unwrap().expose_secret(), MARKS[1]);
    let other = stored.variable_context("OTHER");
    let moved = seal::open(&world.ports, &other, &stored.secrets["DB_PASSWORD"]).await;
    assert!(moved.is_err(), "sealed for its own field only");

    let path = model::port::store::Path::new(format!("tenants/{TENANT}/secrets/dec_text"));
    let document: serde_json::Value = world.document(&path).await.unwrap();
    let sealed = serde_json::from_value(document["gcp_credentials"].clone()).unwrap();
    let context =
        KeyContext { tenant: tenant(), record: path.as_str().to_owned(), field: "gcp_credentials".into() };
    assert_eq!(seal::open(&world.ports, &context, &sealed).await.unwrap().expose_secret(), MARKS[2]);
}

#[tokio::test]
async fn errors_repeat_no_secret() {
    let world = World::new();
    for body in [
        json!({"path": "/a", "secrets": MARKS[0]}),
        json!({"path": "/a", "secrets": {"A": [MARKS[0]]}}),
        json!({"path": "/a", "secrets": {"lower": MARKS[0]}}),
        json!({"path": "/a", "secrets": {"A": format!("{}\u{0}", MARKS[0])}}),
        json!({"path": "/a", "source_token": MARKS[0]}),
        json!({"url": "https://h/a", "source_token": {"t": MARKS[0]}}),
        json!({"url": format!("https://ann:{}@h/a", MARKS[0])}),
    ] {
        let answer = world.post("/api/v1/deployments", &body).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(!answer.json.to_string().contains(MARKS[0]), "{answer:?}");
    }
    let mut register = crate::customer::body("dec_1");
    register["gcp_credentials"] = json!([MARKS[2]]);
    let answer = world.post("/api/v1/deployments/register", &register).await;
    assert_eq!((answer.status, answer.fields()), (422, vec!["gcp_credentials"]));
    assert!(!answer.json.to_string().contains(MARKS[2]));
}
