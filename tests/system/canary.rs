//! A worse release is found out by evidence on real requests, and taken back while the good one serves undisturbed.

use crate::system;
use tests::system::{Killed, events::Event};

#[tokio::test]
async fn a_worse_release_is_taken_back_by_its_e_value() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let load = system.load("shop", 150);
    let mut order = app.order_with("v2", "FAIL_PERCENT", "40");
    order["canary"]["bake_windows"] = 15.into();
    let second = system.deploy(&order).await?;
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "ROLLED_BACK", "{ended:#}");
    assert_eq!(ended["failure"]["code"], "canary_failed", "{ended:#}");
    assert_eq!(ended["failure"]["stage"], "shift", "the probe had nothing to object to");
    assert!(ended["canary"]["e_value"].as_f64() >= Some(100.0), "{:#}", ended["canary"]);
    let text = ended["failure"]["message"].as_str().unwrap();
    let words = text.split_once(" requests to it failed, none of ").map(|(ours, _)| ours);
    assert!(words.is_some_and(|ours| ours.contains(" of ")) && text.contains("(E = "), "{text}");
    let seen = load.seen();
    assert_eq!(
        seen.bad.keys().collect::<Vec<_>>(),
        ["v2"],
        "the stable side has no failed request: {seen:?}"
    );
    assert_eq!(seen.unreachable, 0, "{seen:?}");
    assert!(seen.good["v1"] > 0);
    // What the canary's clients suffered is what the deployment counted, no more.
    let counted = ended["canary"]["counts"]["canary_bad"].as_u64().unwrap();
    assert!(counted > 0 && counted <= seen.bad["v2"] + 5, "{counted} counted, {seen:?}");
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));
    Ok(())
}

#[tokio::test]
async fn without_traffic_it_falls_back_to_probes_and_says_so() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let second = system.deploy(&app.order("v2")).await?;
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert_eq!(ended["canary"]["thin"], true);
    let checks = ended["checks"].to_string();
    assert!(
        checks.contains("No request has come in the last 60 s, so its health check decides at once"),
        "{checks}"
    );
    assert!(!ended["timeline"].to_string().contains("10 % of traffic"), "no window is waited for: {ended:#}");

    let mut order = app.order("v3");
    order["canary"] = serde_json::json!({ "deadline_windows": 2, "without_traffic": "wait" });
    let third = system.deploy(&order).await?;
    let held =
        system.wait_for(&third, |event| event.name == "canary" && event.data["held"].is_string()).await?;
    assert_eq!(system.traffic("shop").weights.len(), 2, "both serve until a person decides: {:#}", held.data);
    system.cancel(&third).await?.expect(202);
    assert_eq!(system.rest(&third).await?["pipeline_status"], "CANCELLED");
    assert_eq!(system.visit("shop").await?.1, "hello from version v2\n");
    Ok(())
}

/// Nobody sets a policy: what is shipped finds out that 15 % of answers fail, and says before how long that may take.
#[tokio::test]
async fn the_policy_as_shipped_takes_back_what_fails_some_requests() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let load = system.load("shop", 100);
    let second = system.deploy(&app.order_with("v2", "FAIL_PERCENT", "15")).await?;
    let held = |event: &Event| event.name == "canary" && event.data["held"].is_string();
    let seen = system.wait_for(&second, |event| held(event) || event.name == "done").await?;
    assert!(!held(&seen), "{:#}", seen.data);
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "ROLLED_BACK", "{ended:#}");
    assert!(ended["canary"]["outlook"].as_str().unwrap().starts_with("At the "), "{:#}", ended["canary"]);
    assert_eq!(load.seen().bad.keys().collect::<Vec<_>>(), ["v2"]);
    Ok(())
}

#[tokio::test]
async fn a_release_that_fails_every_request_is_never_deployed_however_few_there_are() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let load = system.load("shop", 4);
    let mut order = app.order_with("v2", "FAIL_PERCENT", "100");
    order["canary"] = serde_json::json!({ "deadline_windows": 5 });
    let second = system.deploy(&order).await?;
    let held = |event: &Event| event.name == "canary" && event.data["held"].is_string();
    let seen = system.wait_for(&second, |event| held(event) || event.name == "done").await?;
    // Nobody has asked yet at the deadline: either it waits for a person, or it went back by itself.
    if held(&seen) {
        let why = seen.data["held"].as_str().unwrap().to_owned();
        assert!(why.contains("failed") || why.contains("requests"), "{why}");
        system.cancel(&second).await?.expect(202);
    }
    let ended = system.rest(&second).await?;
    assert_ne!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert_eq!(load.seen().unreachable, 0);
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));
    Ok(())
}

/// Why it was taken back: the path that fails, and what the new revision alone writes.
#[tokio::test]
async fn a_release_taken_back_tells_where_it_failed_and_what_it_wrote() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let load = system.load_paths("shop", 100, &["/", "/orders/N", "/"]);
    let second = system.deploy(&app.order_with("v2", "FAIL_ORDERS", "1")).await?;
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "ROLLED_BACK", "{ended:#}");
    assert_eq!(load.seen().bad.keys().collect::<Vec<_>>(), ["v2"]);
    let why = &ended["canary"]["why"];
    assert_eq!(why["read_at"], "taken_back", "{why:#}");
    let lines = why["lines"].as_array().unwrap();
    assert_eq!(lines[0]["template"], "Error: order # could not be read: no such table: orders", "{why:#}");
    assert!(lines[0]["error"] == true && lines[0]["count"].as_u64() > Some(1), "{why:#}");
    assert!(!why["lines"].to_string().contains("listens on"), "both wrote that: {why:#}");
    let paths = why["paths"].as_array().unwrap();
    assert_eq!((paths.len(), &paths[0]["path"], &paths[0]["class"]), (1, &"/orders/*".into(), &"5xx".into()));
    assert_eq!(paths[0]["canary_bad"], paths[0]["canary_requests"], "{why:#}");
    assert!(paths[0]["stable_bad"] == 0 && paths[0]["stable_requests"].as_u64() > Some(0), "{why:#}");

    let page = system.get(&format!("/deployments/{second}")).await?.text;
    for told in [
        "Where it answered otherwise",
        "/orders/*: all ",
        "What only the new revision wrote",
        "no such table",
    ] {
        assert!(page.contains(told), "{told} in {page}");
    }
    Ok(())
}

/// Held at its deadline, it says the same; one that passes tells only what is notable.
#[tokio::test]
async fn what_is_held_or_passes_tells_what_is_notable() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let _load = system.load_paths("shop", 100, &["/"]);
    let mut order = app.order_with("v2", "SAY", "a new day");
    // More requests are asked for than will come.
    order["canary"]["min_requests"] = 100_000.into();
    order["canary"]["deadline_windows"] = 3.into();
    let second = system.deploy(&order).await?;
    let held = |event: &Event| event.name == "canary" && event.data["held"].is_string();
    let seen = system.wait_for(&second, held).await?;
    let why = &seen.data["why"];
    assert_eq!((&why["read_at"], &why["paths"]), (&"held".into(), &serde_json::json!([])), "{:#}", seen.data);
    assert_eq!(why["lines"][0]["example"], "a new day", "{why:#}");
    let index = seen.data["index"].as_u64().unwrap();
    let promote = serde_json::json!({ "index": index });
    system.post(&format!("/api/v1/deployments/{second}/promote"), &promote).await?.expect(202);
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    let why = &ended["canary"]["why"];
    assert_eq!((&why["read_at"], &why["lines"]), (&"passed".into(), &serde_json::json!([])), "{why:#}");
    Ok(())
}

/// Nobody asks, so requests of our own do, the same to both: what only the new revision fails is found at once.
#[tokio::test]
async fn without_traffic_synthetic_requests_decide_where_they_are_asked_for() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");

    let synthetic = serde_json::json!({ "paths": ["/", "/orders/17"], "requests": 20 });
    let mut order = app.order_with("v2", "FAIL_ORDERS", "1");
    order["canary"]["synthetic"] = synthetic.clone();
    let second = system.deploy(&order).await?;
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "ROLLED_BACK", "{ended:#}");
    assert_eq!(ended["failure"]["code"], "canary_failed");
    let told = ended["failure"]["message"].as_str().unwrap();
    assert!(told.starts_with("20 synthetic requests to each revision (/, /orders/17): 10 of 20"), "{told}");
    let counts = &ended["canary"]["synthetic"]["counts"];
    assert_eq!((&counts["canary_bad"], &counts["stable_bad"]), (&10.into(), &0.into()), "{ended:#}");
    assert_eq!(ended["canary"]["counts"]["canary_requests"], 0, "they are no traffic: {ended:#}");
    let lines = ended["canary"]["why"]["lines"].to_string();
    assert!(lines.contains("order 17 could not be read"), "{lines}");
    let mut order = app.order("v3");
    (order["canary"]["synthetic"], order["unset"]) = (synthetic, serde_json::json!(["FAIL_ORDERS"]));
    let third = system.deploy(&order).await?;
    let ended = system.rest(&third).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    let checks = ended["checks"].to_string();
    assert!(checks.contains("by synthetic requests alone: No request has come"), "{checks}");
    assert!(checks.contains("none of 20 requests to it failed, none of 20 to the last"), "{checks}");
    assert_eq!(system.visit("shop").await?.1, "hello from version v3\n");
    Ok(())
}

/// A machine's windows are seconds, and a process isn't started again within one: deaths add up over time.
#[tokio::test]
async fn a_release_that_keeps_dying_is_taken_back() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let mut order = app.order("v2");
    order["canary"] = serde_json::json!({ "without_traffic": "wait", "deadline_windows": 1000 });
    let second = system.deploy(&order).await?;
    system
        .wait_for(&second, |event| {
            event.data["text"].as_str().is_some_and(|text| text.contains("is on the new"))
        })
        .await?;
    let url = system.deployment(&second).await?["revision_url"].as_str().unwrap().to_owned();
    let tag = url.trim_start_matches("http://").split("---").next().unwrap().to_owned();
    // Too few for any other guard.
    let _load = system.load_revision("shop", &tag, 2, "/crash");
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "ROLLED_BACK", "{ended:#}");
    let told = ended["failure"]["message"].as_str().unwrap();
    assert!(told.contains("died 2 times within 2 minutes"), "{told}");
    Ok(())
}
