//! Sextant is killed while it builds, while it shifts, while it serves: apps go on, and are found again, never twice.

use crate::system;
use serde_json::Value;
use tests::system::{Killed, System, app::App};

/// What an app answers on its own port, without Sextant between.
async fn directly(system: &System, app: &App, deployed: &Value) -> (i32, String) {
    let revision = deployed["revision"].as_str().unwrap();
    let instance = system.instance(&app.service, revision);
    let (status, text) = system.ask(instance.port, "localhost").await.unwrap();
    assert_eq!(status, 200);
    (instance.pid, text)
}

#[tokio::test]
async fn killed_while_serving_building_and_shifting() -> Result<(), Killed> {
    let mut system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    let first = system.rest(&first).await?;
    let before = directly(&system, &app, &first).await;

    system.kill().await;
    assert_eq!(directly(&system, &app, &first).await, before, "the app goes on without us");
    system.restart(None).await;
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));

    let hold = system.hold("v2");
    let second = system.deploy(&app.order_with("v2", "HOLD", &hold.path.display().to_string())).await?;
    system.wait_for(&second, |event| event.is_log("building v2")).await?;
    system.kill().await;
    assert_eq!(directly(&system, &app, &first).await, before);
    // The build outlives us: it ends while nobody looks.
    hold.release().await;
    system.restart(None).await;
    let load = system.load("shop", 100);
    system.wait_for(&second, tests::system::events::Event::is_canary).await?;
    let shifting = system.deployment(&second).await?;
    let canary = directly(&system, &app, &shifting).await;

    drop(load);
    system.kill().await;
    assert_eq!(directly(&system, &app, &first).await, before);
    assert_eq!(directly(&system, &app, &shifting).await, canary);
    system.restart(None).await;
    let _load = system.load("shop", 100);
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert_eq!(directly(&system, &app, &ended).await, canary, "the same process, not another one");
    assert_eq!([app.builds("v1"), app.builds("v2")], [1, 1], "{}", app.journal());
    assert_eq!([app.starts("v1"), app.starts("v2")], [1, 1], "{}", app.journal());
    assert_eq!(app.running("v2"), [canary.0]);
    Ok(())
}

#[tokio::test]
async fn asked_to_stop_it_stops_in_time_and_leaves_apps_alone() -> Result<(), Killed> {
    let mut system = system().start().await;
    let app = system.app("shop");
    let id = system.deploy(&app.order("v1")).await?;
    let deployed = system.rest(&id).await?;
    let before = directly(&system, &app, &deployed).await;
    let status = system.stop().await;
    assert!(status.success(), "{status}: {}", system.log());
    assert!(!system.data().join("up.json").exists(), "whoever looks for it must not find it");
    assert_eq!(directly(&system, &app, &deployed).await, before);
    system.restart(None).await;
    assert_eq!(system.visit("shop").await?.0, 200);
    assert_eq!(app.starts("v1"), 1);
    Ok(())
}
