//! What people do when something went wrong, or is to end: put to work again without a build, stopped, started, deleted.
//! Builds and starts are counted by the app's own journal.

use crate::system;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use tests::system::{Killed, System, app::App};

const VARIABLES: &str = "/api/v1/services/shop/variables";

async fn deployed(system: &System, app: &App, release: &str) -> Result<String, Killed> {
    let mut order = app.order(release);
    order["strategy"] = "instant".into();
    let id = system.deploy(&order).await?;
    let ended = system.rest(&id).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    Ok(id)
}

async fn redeploy(system: &System, id: &str) -> Result<Value, Killed> {
    let path = format!("/api/v1/deployments/{id}/redeploy");
    let started = system.post(&path, &json!({ "strategy": "instant" })).await?.expect(201);
    system.rest(started["deployment_id"].as_str().unwrap()).await
}

async fn patch(system: &System, body: &Value) -> Result<Value, Killed> {
    let request = system.request(Method::PATCH, VARIABLES, &system.address().token).json(body);
    let reply = system.send(request).await?;
    assert!(matches!(reply.status, 200 | 202), "{}", reply.text);
    Ok(reply.json())
}

/// Asks for an action and answers what became of it.
async fn act(system: &System, action: &str) -> Result<Value, Killed> {
    let path = "/api/v1/services/shop/actions";
    let asked = system.post(path, &json!({ "action": action })).await?.expect(202);
    ended(system, asked["action_id"].as_str().unwrap()).await
}

async fn ended(system: &System, action: &str) -> Result<Value, Killed> {
    loop {
        let look = format!("/api/v1/services/shop/actions/{action}?wait_ms=20000");
        let look = system.get(&look).await?.expect(200);
        if look["ended"] == true {
            return Ok(look);
        }
    }
}

#[tokio::test]
async fn a_rollback_is_undone_without_a_build() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    deployed(&system, &app, "v1").await?;
    let second = deployed(&system, &app, "v2").await?;
    system.post(&format!("/api/v1/deployments/{second}/rollback"), &json!({})).await?.expect(202);
    assert_eq!(system.rest(&second).await?["pipeline_status"], "ROLLED_BACK");
    assert_eq!(system.visit("shop").await?.1, "hello from version v1\n");
    let undone = redeploy(&system, &second).await?;
    assert_eq!((&undone["pipeline_status"], &undone["redeploys"]), (&json!("DEPLOYED"), &json!(second)));
    assert_eq!(system.visit("shop").await?.1, "hello from version v2\n");
    assert_eq!((app.builds("v2"), app.starts("v2")), (1, 2), "{}", app.journal());
    let stages = undone["stages"].as_array().unwrap();
    assert!(stages.iter().all(|stage| stage["stage"] != "build"), "{stages:?}");
    Ok(())
}

/// What failed for want of a variable is given it, and tried again by what it built.
#[tokio::test]
async fn what_failed_is_tried_again_with_other_variables_and_no_build() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let start = fs::read_to_string(app.folder.join("start.sh")).unwrap();
    fs::write(app.folder.join("start.sh"), format!("[ -n \"$NEEDED\" ] || exit 3\n{start}")).unwrap();
    let id = system.deploy(&app.order("v1")).await?;
    let failed = system.rest(&id).await?;
    assert_eq!(failed["pipeline_status"], "FAILED", "{failed:#}");
    let kept = patch(&system, &json!({ "secrets": { "NEEDED": "s3cret-Value" } })).await?;
    assert_eq!((&kept["version"], &kept["deployment"]), (&json!(2), &Value::Null));
    let again = redeploy(&system, &id).await?;
    assert_eq!(again["pipeline_status"], "DEPLOYED", "{again:#}");
    assert_eq!((app.builds("v1"), app.starts("v1")), (1, 1), "{}", app.journal());
    assert_eq!(
        (&again["variables"]["version"], &again["variables"]["names"]["NEEDED"]),
        (&json!(2), &json!(2))
    );
    Ok(())
}

#[tokio::test]
async fn a_change_of_a_variable_is_a_revision_of_its_own() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    deployed(&system, &app, "v1").await?;
    let changed = patch(&system, &json!({ "env": { "APP_VERSION": "v1-red" } })).await?;
    let ended = system.rest(changed["deployment"]["deployment_id"].as_str().unwrap()).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert_eq!(system.visit("shop").await?.1, "hello from version v1-red\n");
    assert_eq!((app.builds("v1"), app.starts("v1")), (1, 2), "{}", app.journal());
    let repeat = patch(&system, &json!({ "env": { "APP_VERSION": "v1-red" } })).await?;
    assert_eq!(repeat["changed"], false);
    Ok(())
}

/// Killed at each of these points, it goes on where it was: nothing is built, nothing is started twice.
#[tokio::test]
async fn killed_while_it_is_put_to_work_again() {
    for point in [
        "register.after-commit",
        "deploy-step.after-analyze",
        "deploy-step.after-release",
        "deploy-step.after-set-traffic",
        "deploy-step.after-retire",
    ] {
        let mut system = system().start().await;
        let app = system.app("shop");
        let first = deployed(&system, &app, "v1").await.unwrap();
        system.kill().await;
        system.restart(Some(point)).await;
        let (path, body) =
            (format!("/api/v1/deployments/{first}/redeploy"), json!({ "strategy": "instant" }));
        let started = system.surviving(async |system| system.post_once(&path, &body, "again").await).await;
        let id = started.expect(201)["deployment_id"].as_str().unwrap().to_owned();
        let ended = system.surviving(async |system| system.rest(&id).await).await;
        assert_eq!(ended["pipeline_status"], "DEPLOYED", "{point}: {ended:#}");
        assert_eq!((app.builds("v1"), app.starts("v1")), (1, 2), "{point}: {}", app.journal());
        assert!(system.deaths > 1, "{point} was never reached");
    }
}

#[tokio::test]
async fn a_stopped_service_says_so_and_stays_stopped_until_it_is_started() -> Result<(), Killed> {
    let mut system = system().start().await;
    let app = system.app("shop");
    deployed(&system, &app, "v1").await?;
    assert_eq!(act(&system, "stop").await?["done"], true);
    assert!(app.running("v1").is_empty());
    let stopped = system.visit("shop").await?;
    assert!(stopped.0 == 503 && stopped.1.contains("was stopped"), "{stopped:?}");
    let url = format!("http://127.0.0.1:{}/", system.address().ingress_port);
    let page = system.http().get(url).header("host", "shop.localhost").header("accept", "text/html");
    let page = page.send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains("<h1>This app is stopped</h1>"));

    system.kill().await;
    system.restart(None).await;
    assert_eq!(system.visit("shop").await?.0, 503);
    assert_eq!((app.starts("v1"), app.running("v1").len()), (1, 0), "{}", app.journal());
    let service = system.get("/api/v1/services/shop").await?.expect(200);
    assert!(service["stopped_at"].is_string() && service["serving"].is_object(), "{service:#}");
    assert_eq!(act(&system, "start").await?["done"], true);
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));
    assert_eq!(app.starts("v1"), 2);

    // A deployment to a stopped service starts it, and says so; one that fails leaves it stopped.
    act(&system, "stop").await?;
    let mut failing = app.order_with("v2", "BUILD_EXIT", "1");
    failing["strategy"] = "instant".into();
    let failed = system.deploy(&failing).await?;
    assert_eq!(system.rest(&failed).await?["pipeline_status"], "FAILED");
    assert_eq!(system.visit("shop").await?.0, 503);
    let mut order = app.order_with("v3", "BUILD_EXIT", "0");
    order["strategy"] = "instant".into();
    let started = system.post("/api/v1/deployments", &order).await?.expect(201);
    assert!(started["notes"].to_string().contains("`shop` was stopped by"), "{started:#}");
    let ended = system.rest(started["deployment_id"].as_str().unwrap()).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert_eq!(system.visit("shop").await?, (200, "hello from version v3\n".to_owned()));
    assert_eq!(app.starts("v1"), 2, "{}", app.journal());
    Ok(())
}

/// Killed between the target and the store, the deletion is carried to its end; the name is free, and what was deleted
/// can be made anew from its source.
#[tokio::test]
async fn a_service_is_deleted_also_over_a_death() {
    let mut system = system().start().await;
    let app = system.app("shop");
    let first = deployed(&system, &app, "v1").await.unwrap();
    patch(&system, &json!({ "secrets": { "KEY": "s3cret-Value" }, "deploy": false })).await.unwrap();
    system.kill().await;
    system.restart(Some("act.after-delete")).await;
    let (path, body) = ("/api/v1/services/shop/actions", json!({ "action": "delete" }));
    let asked = system.surviving(async |system| system.post_once(path, &body, "delete").await).await;
    let action = asked.expect(202)["action_id"].as_str().unwrap().to_owned();
    let done = system.surviving(async |system| ended(system, &action).await).await;
    assert!(done["done"] == true && system.deaths > 1, "{done:#}");
    assert!(app.running("v1").is_empty());
    assert_eq!(system.visit("shop").await.unwrap().0, 404);
    for gone in ["/api/v1/services/shop", VARIABLES] {
        assert_eq!(system.get(gone).await.unwrap().status, 404, "{gone}");
    }
    assert_eq!(
        system.deployment(&first).await.unwrap()["pipeline_status"],
        "DEPLOYED",
        "it stays to be read"
    );
    let again = redeploy(&system, &first).await.unwrap();
    assert_eq!(again["pipeline_status"], "DEPLOYED", "{again:#}");
    assert_eq!(again["variables"]["version"], 0, "its variables went with it: {again:#}");
}
