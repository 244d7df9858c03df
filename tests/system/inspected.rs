//! What inspection knows of an app is used before anything is built, and while it is probed.

use crate::system;
use serde_json::{Value, json};
use tests::system::{Killed, System};

/// Deploys an example, and answers how it ended.
async fn ended(system: &System, name: &str, more: Value) -> Result<Value, Killed> {
    let mut order = json!({ "service": name, "path": system.example(name), "strategy": "instant" });
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let id = system.deploy(&order).await?;
    system.rest(&id).await
}

fn built(ended: &Value) -> bool {
    ended["stages"].as_array().unwrap().iter().any(|stage| stage["stage"] == "build")
}

#[tokio::test]
async fn a_fixed_port_is_refused_with_its_place_before_the_build() -> Result<(), Killed> {
    let system = system().start().await;
    let refused = ended(&system, "fixed-port", json!({})).await?;
    assert_eq!(refused["pipeline_status"], "FAILED", "{refused:#}");
    assert!(!built(&refused), "{:#}", refused["stages"]);
    assert_eq!(refused["failure"]["code"], "port_fixed");
    let message = refused["failure"]["message"].as_str().unwrap();
    assert!(message.starts_with("server.js:5 listens on port 3000"), "{message}");
    assert!(message.contains("`process.env.PORT || 3000`"), "{message}");
    Ok(())
}
