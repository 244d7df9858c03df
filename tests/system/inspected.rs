//! What inspection knows of an app is used before anything is built, and while it is probed.

use crate::system;
use reqwest::Method;
use serde_json::{Value, json};
use tests::system::{Killed, System, tools};

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

#[tokio::test]
async fn a_variable_that_the_app_ends_without_is_asked_for_before_the_build() -> Result<(), Killed> {
    if !tools::has("node") {
        return Ok(());
    }
    let system = system().start().await;
    let refused = ended(&system, "needs-variable", json!({})).await?;
    assert_eq!(refused["failure"]["code"], "variables_missing", "{refused:#}");
    assert!(!built(&refused), "{:#}", refused["stages"]);
    let message = refused["failure"]["message"].as_str().unwrap();
    assert!(message.contains("DATABASE_URL (config.js:1)") && !message.contains("LOG_LEVEL"), "{message}");
    let hint = refused["failure"]["hint"].as_str().unwrap();
    assert!(hint.contains("sextant env set --service needs-variable DATABASE_URL=…"), "{hint}");

    // Who says that it runs without is let through, and it then fails for what it says itself.
    let order = json!({ "service": "needs-variable", "path": system.example_file("needs-variable"),
        "env": { "RELEASE": "v2" }, "may_lack": true });
    let id = system.deploy(&order).await?;
    let tried = system.rest(&id).await?;
    assert_eq!(tried["failure"]["stage"], "verify", "{tried:#}");
    assert_eq!(tried["diagnosis"]["variable"], "DATABASE_URL", "{:#}", tried["diagnosis"]);

    let set = json!({ "env": { "DATABASE_URL": "postgres://db" } });
    let path = "/api/v1/services/needs-variable/variables";
    let request = system.request(Method::PATCH, path, &system.address().token).json(&set);
    assert!(system.send(request).await?.status < 300);
    let order = json!({ "service": "needs-variable", "path": system.example_file("needs-variable"),
        "env": { "RELEASE": "v3" } });
    let id = system.deploy(&order).await?;
    assert_eq!(system.rest(&id).await?["pipeline_status"], "DEPLOYED");
    Ok(())
}

#[tokio::test]
async fn an_app_that_refuses_every_request_is_not_deployed() -> Result<(), Killed> {
    if !tools::has("node") {
        return Ok(());
    }
    let system = system().start().await;
    let refused = ended(&system, "refuses-hosts", json!({})).await?;
    assert_eq!(refused["pipeline_status"], "FAILED", "{refused:#}");
    let message = refused["failure"]["message"].as_str().unwrap();
    assert!(
        message.contains("it answers 400 to every request: DisallowedHost: set ALLOWED_HOSTS"),
        "{message}"
    );

    let limits = json!({ "limits": { "verify_ms": 20_000 } });
    let sick = ended(&system, "sick-health", limits).await?;
    let message = sick["failure"]["message"].as_str().unwrap();
    assert!(
        message.contains("GET /healthz (from server.js:4) answers 503: the database does not answer"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn an_api_without_a_root_is_deployed_unless_a_path_is_named() -> Result<(), Killed> {
    if !tools::has("node") {
        return Ok(());
    }
    let system = system().start().await;
    let deployed = ended(&system, "api-only", json!({})).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    let checks = deployed["checks"].as_array().unwrap();
    let told = |text: &str| checks.iter().any(|check| check.as_str().unwrap().contains(text));
    assert!(told("GET / answered 404: it runs, and no path is known that says more"), "{checks:?}");

    let named = json!({ "path": system.example_file("api-only"), "service": "api-only",
        "env": { "RELEASE": "v2" }, "run": { "health_path": "/health" }, "limits": { "verify_ms": 20_000 } });
    let id = system.deploy(&named).await?;
    let failed = system.rest(&id).await?;
    let message = failed["failure"]["message"].as_str().unwrap();
    assert!(message.contains("GET /health (as asked for) answers 404"), "{message}");
    Ok(())
}

#[tokio::test]
async fn what_its_own_file_says_counts_and_is_told_with_its_line() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let file =
        "memory = \"1Gi\"\nconcurrency = 20\nhealth_path = \"/healthz\"\nmax_instances = 3\nport = 8123\n";
    std::fs::write(app.folder.join("sextant.toml"), file).unwrap();
    let mut order = app.order("v1");
    order["run"] = json!({ "cpu_milli": 2000, "concurrency": 30 });
    let id = system.deploy(&order).await?;
    let deployed = system.rest(&id).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    let configuration = &deployed["configuration"];
    let size = ["vcpu", "memory_mib", "concurrency", "min_instances", "max_instances"];
    let size: Vec<f64> = size.iter().map(|name| configuration[*name].as_f64().unwrap()).collect();
    assert_eq!(size, [2.0, 1024.0, 30.0, 0.0, 3.0], "{configuration:#}");
    assert_eq!(deployed["plan"]["port"], 8123);
    let checks = deployed["checks"].as_array().unwrap();
    for said in [
        "configured: ",
        "memory 1024 MiB from sextant.toml:1",
        "health_path /healthz from sextant.toml:3",
        "max_instances 3 from sextant.toml:4",
        "port 8123 from sextant.toml:5",
        "concurrency 30 as asked for",
        "cpu 2 vCPU as asked for",
    ] {
        assert!(checks.iter().any(|check| check.as_str().unwrap().contains(said)), "{said} in {checks:#?}");
    }
    Ok(())
}
