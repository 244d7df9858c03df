//! Delivery as bad as it may be: twice, late, out of order, acknowledgements lost. Two services, three deployments
//! each, one of them rolled back in the middle of its shift, one cancelled in the middle of its build.

use crate::system;
use serde_json::json;
use std::collections::BTreeSet;
use tests::system::{Killed, System, app::App, events::Event};

#[tokio::test]
async fn seed_1() -> Result<(), Killed> {
    two_services(1).await
}

#[tokio::test]
async fn seed_2() -> Result<(), Killed> {
    two_services(2).await
}

#[tokio::test]
async fn seed_3() -> Result<(), Killed> {
    two_services(3).await
}

async fn two_services(seed: u64) -> Result<(), Killed> {
    let system = system().hostile(seed).start().await;
    let (shop, cart) = (system.app("shop"), system.app("cart"));
    let (a, b) = tokio::join!(rolled_back(&system, &shop), cancelled(&system, &cart));
    let ids: BTreeSet<String> = a?.into_iter().chain(b?).collect();
    system.quiet().await?;
    let list = system.get("/api/v1/deployments").await?.expect(200);
    let listed = list["deployments"].as_array().unwrap().iter();
    let listed: BTreeSet<String> =
        listed.map(|one| one["deployment_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, ids, "nothing is lost, nothing came twice");
    let dead = system.get("/local/v1/dead-letters").await?.expect(200);
    assert_eq!(dead["dead_letters"], json!([]), "bad delivery makes no dead letters");
    Ok(())
}

async fn ends(system: &System, id: &str, status: &str) -> Result<(), Killed> {
    let ended = system.rest(id).await?;
    assert_eq!(ended["pipeline_status"], status, "{ended:#}");
    Ok(())
}

async fn rolled_back(system: &System, app: &App) -> Result<[String; 3], Killed> {
    let first = system.deploy(&app.order("v1")).await?;
    ends(system, &first, "DEPLOYED").await?;
    let _load = system.load(&app.service, 100);
    let mut order = app.order("v2");
    order["canary"]["bake_windows"] = 15.into();
    let second = system.deploy(&order).await?;
    system.wait_for(&second, Event::is_canary).await?;
    let path = format!("/api/v1/deployments/{second}/rollback");
    system.post(&path, &json!({})).await?.expect(202);
    ends(system, &second, "ROLLED_BACK").await?;
    assert_eq!(system.visit(&app.service).await?.1, "hello from version v1\n");
    let third = system.deploy(&app.order("v3")).await?;
    ends(system, &third, "DEPLOYED").await?;
    assert_eq!(system.visit(&app.service).await?.1, "hello from version v3\n");
    // One change for the first, up and down for the second, two weights for the third.
    check(system, app, [1, 1, 1], 1 + 2 + 2);
    Ok([first, second, third])
}

async fn cancelled(system: &System, app: &App) -> Result<[String; 3], Killed> {
    let first = system.deploy(&app.order("v1")).await?;
    ends(system, &first, "DEPLOYED").await?;
    let hold = system.hold("cart");
    let second = system.deploy(&app.order_with("v2", "HOLD", &hold.path.display().to_string())).await?;
    system.wait_for(&second, |event| event.is_log("building v2")).await?;
    system.cancel(&second).await?.expect(202);
    ends(system, &second, "CANCELLED").await?;
    let _load = system.load(&app.service, 100);
    // Variables are the service's: the next one would wait for the pipe as well.
    let mut order = app.order("v3");
    order["unset"] = json!(["HOLD"]);
    let third = system.deploy(&order).await?;
    ends(system, &third, "DEPLOYED").await?;
    assert_eq!(system.visit(&app.service).await?.1, "hello from version v3\n");
    // One change for the first, back to it for the second, two weights for the third.
    check(system, app, [1, 0, 1], 1 + 1 + 2);
    Ok([first, second, third])
}

/// By whom it happened to: builds and starts by the app, traffic by the target.
fn check(system: &System, app: &App, starts: [usize; 3], changes: u64) {
    let releases = ["v1", "v2", "v3"];
    assert_eq!(releases.map(|release| app.builds(release)), [1, 1, 1], "{}", app.journal());
    assert_eq!(releases.map(|release| app.starts(release)), starts, "{}", app.journal());
    assert_eq!(releases.map(|release| app.running(release).len()), [0, 0, 1], "{}", app.journal());
    let traffic = system.traffic(&app.service);
    assert_eq!(traffic.changes, changes, "{traffic:?}");
    assert_eq!(traffic.weights.values().collect::<Vec<_>>(), [&100]);
}
