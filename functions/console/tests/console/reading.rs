//! The read API.

use crate::{
    documents::{
        accepted, decision, decision_id, deployed, deployment_id, evidence, failed, feedback, kept, learning,
        observation, released, service, stages,
    },
    world::{TENANT, World, tenant},
};
use model::{
    Timestamp,
    document::{
        CarriedOutBy, FollowUp, Stage, counters_path, decision_path, feedback_path, learning_path,
        observation_path, service_path,
    },
    port::store::Write,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A service that serves, was measured and answered for.
async fn filled(world: &World) {
    let began = world.now().plus(-2 * HOUR_MS);
    let mut good = deployed(2, "shop", began);
    good.follow_up = FollowUp::FeedbackCollected;
    world.save(&good).await;
    world.put(decision_path(&tenant(), &decision_id(2)), &decision(2, &good)).await;
    world.put(feedback_path(&tenant(), &decision_id(2)), &feedback(2, &good, "fine")).await;
    let all = vec![kept(2, "shop", began), kept(1, "shop", began.plus(-DAY_MS))];
    world.put(service_path(&tenant(), &good.service), &service(&good, all)).await;
    for n in 0..3 {
        let seen = observation(n, &good, began);
        world.put(observation_path(&tenant(), &seen.id), &seen).await;
    }
    let learned = learning(1, &good, world.now());
    world.put(learning_path(&tenant(), &learned.id), &learned).await;
}

fn problem_of(problem: &Value) -> &str {
    problem["errors"][0]["field"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_deployment_has_the_shape_that_clients_know() {
    let world = World::new();
    filled(&world).await;
    let by_decision = world.json(&format!("/api/v1/deployments/{}", decision_id(2))).await;
    let seen = world.json(&format!("/api/v1/deployments/{}", deployment_id(2))).await;
    for name in ["status", "pipeline_status", "metrics", "feedback", "deployment_id", "report", "prediction"]
    {
        assert_eq!(seen[name], by_decision[name], "{name}");
    }
    assert_eq!(seen["status"], "feedback_collected");
    assert_eq!(seen["pipeline_status"], "DEPLOYED");
    assert_eq!(seen["progress"], 100);
    let metrics = &seen["metrics"];
    assert_eq!(metrics["cloud_run"]["cpu_utilization"], json!(0.233_365));
    assert_eq!(metrics["cloud_run"]["memory_utilization"], json!(0.4818));
    assert_eq!(metrics["cloud_run"]["request_count"], 2350);
    assert_eq!(metrics["cloud_run"]["error_rate"], json!(0.0));
    assert_eq!(metrics["cloud_sql"], Value::Null);
    assert_eq!(metrics["billing"]["projected_monthly_cost"], json!(3.428));
    assert_eq!(metrics["billing"]["current_month_cost"], json!(0.001_26), "three windows of 420");
    assert!(Timestamp::parse(metrics["collected_at"].as_str().unwrap()).is_some());
    assert_eq!(seen["feedback"]["type"], "over_provisioned");
    assert_eq!(seen["feedback"]["satisfaction"], 8);
}

#[tokio::test]
async fn a_deployment_tells_all_that_people_ask() {
    let world = World::new();
    filled(&world).await;
    let seen = world.json(&format!("/api/v1/deployments/{}", deployment_id(2))).await;
    let stages: Vec<&str> =
        seen["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["validate", "analyze", "build", "release", "verify", "shift"]);
    assert_eq!(seen["stages"][2]["duration_ms"], 14_300);
    assert_eq!(
        seen["prediction"]["cost_month"],
        json!({"value": 2.81, "low": 1.686, "high": 4.777, "base": 2.31, "n": 4})
    );
    assert_eq!(seen["prediction"]["latency_ms"]["value"], json!(61.0));
    assert_eq!(seen["configuration"]["vcpu"], json!(1.0));
    assert_eq!(seen["kept"][0]["serving"], true);
    assert_eq!(seen["kept"][1]["serving"], false);
    let report = &seen["report"];
    assert_eq!(report["outcome"], "DEPLOYED");
    assert_eq!(report["url"], "http://shop.localhost:8081");
    assert_eq!((&report["target"], &report["region"]), (&json!("machine"), &json!("us-central1")));
    assert_eq!(report["duration_ms"], 25_040);
    assert_eq!(report["checked"].as_array().unwrap().len(), 3);
    assert_eq!(report["predicted_cost_month"], seen["prediction"]["cost_month"]);
    let text = seen.to_string();
    assert!(!text.contains("hush-hush") && !text.contains("TOKEN_OF_OURS"), "variables never leave");
}

#[tokio::test]
async fn a_shift_shows_its_evidence() {
    let world = World::new();
    let began = world.now().plus(-MINUTE_MS);
    let mut moving = accepted(1, "shop", began);
    stages(&mut moving, began, Stage::Shift, true);
    released(&mut moving);
    moving.last_good = Some(kept(9, "shop", began));
    evidence(&mut moving, 3, 4);
    world.save(&moving).await;
    let canary = world.json(&format!("/api/v1/deployments/{}", moving.id)).await["canary"].clone();
    assert_eq!((&canary["weight"], &canary["weights"]), (&json!(10), &json!([10, 50, 100])));
    assert_eq!(canary["counts"]["canary_bad"], 12);
    assert!(canary["e_value"].as_f64().unwrap() > 100.0 && canary["p_value"].as_f64().unwrap() < 0.01);
    assert_eq!(canary["verdict"], "inconclusive");
    moving.canary.held = Some("paused by hand".into());
    world.save(&moving).await;
    let canary = world.json(&format!("/api/v1/deployments/{}", moving.id)).await["canary"].clone();
    assert_eq!((&canary["verdict"], &canary["held"]), (&json!("held"), &json!("paused by hand")));
}

#[tokio::test]
async fn what_never_served_is_not_taken_for_running() {
    let world = World::new();
    let broken = failed(1, "shop", world.now());
    let moving = accepted(2, "shop", world.now());
    let good = deployed(3, "shop", world.now());
    let mut asked = failed(4, "shop", world.now());
    asked.follow_up = FollowUp::PendingFeedback;
    for (deployment, status) in
        [(broken, "failed"), (moving, "running"), (good, "running"), (asked, "pending_feedback")]
    {
        world.save(&deployment).await;
        let one = world.json(&format!("/api/v1/deployments/{}", deployment.id)).await;
        let list = world.json("/api/v1/deployments").await;
        let listed = list["deployments"].as_array().unwrap().iter();
        let mut listed = listed.filter(|one| one["deployment_id"] == deployment.id.as_str());
        assert_eq!((&one["status"], &listed.next().unwrap()["status"]), (&json!(status), &json!(status)));
    }
}

#[tokio::test]
async fn what_the_customer_carries_out_has_no_pipeline() {
    let world = World::new();
    let mut theirs = accepted(1, "shop", world.now());
    theirs.carried_out_by = CarriedOutBy::Customer;
    theirs.follow_up = FollowUp::PendingFeedback;
    world.save(&theirs).await;
    let seen = world.json(&format!("/api/v1/deployments/{}", theirs.id)).await;
    assert_eq!((&seen["status"], &seen["pipeline_status"]), (&json!("pending_feedback"), &Value::Null));
    assert_eq!(seen["metrics"], Value::Null);
}

#[tokio::test]
async fn lists_go_on_where_they_ended_newest_first() {
    let world = World::new();
    let now = world.now();
    for n in 0..25_u32 {
        let (name, at) =
            (if n.is_multiple_of(5) { "api" } else { "shop" }, now.plus(-i64::from(n) * MINUTE_MS));
        world.save(&if n.is_multiple_of(4) { failed(n, name, at) } else { deployed(n, name, at) }).await;
    }
    let mut seen = vec![];
    let mut path = "/api/v1/deployments?limit=10".to_owned();
    loop {
        let page = world.json(&path).await;
        let ids = page["deployments"].as_array().unwrap().iter();
        seen.extend(ids.map(|one| one["deployment_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/deployments?limit=10&cursor={next}");
    }
    let expected: Vec<String> = (0..25).map(|n| deployment_id(n).to_string()).collect();
    assert_eq!(seen, expected);
    let count = async |query: &str| {
        let page = world.json(&format!("/api/v1/deployments?limit=100&{query}")).await;
        page["deployments"].as_array().unwrap().len()
    };
    assert_eq!(count("service=api").await, 5);
    assert_eq!(count("status=failed").await, 7);
    assert_eq!(count("status=FAILED&service=api").await, 2);
    assert_eq!(count("service=nobody").await, 0);
    assert_eq!(world.store.store.stats().scans, 0, "every list is answered by an index");
}

#[tokio::test]
async fn a_broken_query_is_the_callers_mistake_and_says_which_field() {
    let world = World::new();
    filled(&world).await;
    for n in 10..14 {
        world.save(&deployed(n, "shop", world.now())).await;
    }
    let deployments = world.json("/api/v1/deployments?limit=2").await["next"].as_str().unwrap().to_owned();
    let theirs = r#"{"values":[1],"path":"tenants/other/deployments/dep_1"}"#;
    let odd = r#"{"values":[{"a":1}],"path":"tenants/acme/deployments/dep_1"}"#;
    let up = r#"{"values":[1],"path":"tenants/acme/deployments/../../x"}"#;
    let encode = |text: &str| {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(text)
    };
    let d = "/api/v1/deployments";
    let cases = [
        (format!("{d}?cursor=%25%25"), "cursor"),
        (format!("{d}?cursor=bm90IGpzb24"), "cursor"),
        (format!("{d}?cursor={}", encode(theirs)), "cursor"),
        (format!("{d}?cursor={}", encode(odd)), "cursor"),
        (format!("{d}?cursor={}", encode(up)), "cursor"),
        (format!("/api/v1/services?cursor={deployments}"), "cursor"),
        (format!("/api/v1/learnings?cursor={deployments}"), "cursor"),
        (format!("{d}?limit=0"), "limit"),
        (format!("{d}?limit=101"), "limit"),
        (format!("{d}?limit=many"), "limit"),
        (format!("{d}?status=fine"), "status"),
        (format!("{d}?service=No%20Name"), "service"),
        ("/api/v1/observations".to_owned(), "service"),
        ("/api/v1/analytics?days=0".to_owned(), "days"),
        ("/api/v1/analytics?days=1000".to_owned(), "days"),
        (format!("{d}/{}/logs?after=x", deployment_id(2)), "after"),
        (format!("{d}/{}/logs?format=xml", deployment_id(2)), "format"),
        (format!("{d}/{}/events?after=7", deployment_id(2)), "last-event-id"),
        (format!("{d}/dep_!"), "id"),
    ];
    for (path, field) in cases {
        let (status, problem) = world.problem(TENANT, &path).await;
        assert_eq!((status, problem_of(&problem)), (422, field), "{path}: {problem}");
    }
    let (status, problem) = world.problem(TENANT, &format!("{d}?environment=staging")).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("environment"), "{problem}");
}

#[tokio::test]
async fn another_tenant_finds_nothing() {
    let world = World::new();
    filled(&world).await;
    let (deployment, decision) = (deployment_id(2), decision_id(2));
    world.outside.state().app_logs.insert("shop-r0000000002".into(), vec!["hello".into()]);
    let paths = [
        format!("/api/v1/deployments/{deployment}"),
        format!("/api/v1/deployments/{decision}"),
        format!("/api/v1/deployments/{deployment}/events"),
        format!("/api/v1/deployments/{deployment}/logs"),
        format!("/api/v1/deployments/{deployment}/runtime-logs"),
        format!("/api/v1/decisions/{decision}"),
        "/api/v1/services/shop".to_owned(),
        "/api/v1/observations?service=shop".to_owned(),
        format!("/deployments/{deployment}"),
        format!("/deployments/{deployment}/live"),
        "/services/shop".to_owned(),
    ];
    for path in &paths {
        let (status, problem) = world.problem("other", path).await;
        assert_eq!(status, 404, "{path}: {problem}");
        assert!(
            world.text(path).await.0 == 200 || path.ends_with("/events"),
            "{path} is there for its tenant"
        );
    }
    for path in ["/api/v1/deployments", "/api/v1/services", "/api/v1/learnings"] {
        let response = world.send("other", path, &[]).await;
        let bytes = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&bytes).contains("shop"), "{path}");
    }
}

#[tokio::test]
async fn a_decision_without_a_deployment_says_so() {
    let world = World::new();
    let mut alone = decision(4, &accepted(4, "shop", world.now()));
    alone.deployment = None;
    world.put(decision_path(&tenant(), &alone.id), &alone).await;
    let (status, problem) = world.problem(TENANT, &format!("/api/v1/deployments/{}", alone.id)).await;
    assert_eq!((status, problem["type"].as_str().unwrap()), (404, "/errors#not-carried-out"));
    let seen = world.json(&format!("/api/v1/decisions/{}", alone.id)).await;
    assert_eq!((&seen["class"], &seen["deployment_id"]), (&json!("node/express"), &Value::Null));
}

#[tokio::test]
async fn services_learnings_and_observations_are_listed() {
    let world = World::new();
    filled(&world).await;
    let services = world.json("/api/v1/services").await;
    assert_eq!(services["services"][0]["service"], "shop");
    assert_eq!(services["services"][0], world.json("/api/v1/services/shop").await);
    let learnings = world.json("/api/v1/learnings").await;
    assert_eq!(learnings["learnings"][0]["impact"], "medium");
    let observations = world.json("/api/v1/observations?service=shop&limit=2").await;
    let ends: Vec<&str> =
        observations["observations"].as_array().unwrap().iter().map(|o| o["to"].as_str().unwrap()).collect();
    assert!(ends.len() == 2 && ends[0] > ends[1], "newest first: {ends:?}");
    let next = observations["next"].as_str().unwrap();
    let rest = world.json(&format!("/api/v1/observations?service=shop&limit=2&cursor={next}")).await;
    assert_eq!(rest["observations"].as_array().unwrap().len(), 1);
    assert_eq!(world.store.store.stats().scans, 0);
}

#[tokio::test]
async fn analytics_sums_the_days_counters_and_looks_at_no_deployment() {
    let world = World::new();
    let now = world.now();
    let day = |back: i64, counts: &[(&str, i64)]| {
        let counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
        Write::add(counters_path(&tenant(), now.plus(-back * DAY_MS)), counts)
    };
    let today = [
        ("total", 3),
        ("successful", 2),
        ("failed", 1),
        ("duration_ms", 30_000),
        ("services.shop.total", 2),
        ("services.shop.successful", 2),
        ("services.shop.duration_ms", 24_000),
        ("services.api.total", 1),
        ("services.api.failed", 1),
        ("stages.build.count", 3),
        ("stages.build.failed", 1),
        ("stages.build.duration_ms", 21_000),
    ];
    world.add(day(0, &today)).await;
    world.add(day(6, &[("total", 1), ("rolled_back", 1), ("duration_ms", 10_000)])).await;
    world.add(day(7, &[("total", 100), ("failed", 100)])).await;
    let week = world.json("/api/v1/analytics?days=7").await;
    assert_eq!(week["total"], 4);
    assert_eq!(
        (&week["successful"], &week["failed"], &week["rolled_back"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(week["average_duration_seconds"], json!(10.0));
    assert_eq!(week["error_rate"], json!(0.25));
    assert_eq!(week["by_stage"]["build"], json!({"count": 3, "failed": 1, "average_duration_seconds": 7.0}));
    let services: BTreeSet<&str> =
        week["by_service"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(services, BTreeSet::from(["api", "shop"]));
    let shop = world.json("/api/v1/analytics?days=7&service=shop").await;
    assert_eq!((&shop["total"], &shop["error_rate"]), (&json!(2), &json!(0.0)));
    assert_eq!(shop["average_duration_seconds"], json!(12.0));
    assert_eq!(shop["by_stage"], Value::Null);
    let nothing = world.json("/api/v1/analytics?service=nobody").await;
    assert_eq!((&nothing["total"], &nothing["error_rate"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn a_log_is_read_page_by_page_to_its_end() {
    let world = World::new();
    let mut building = accepted(1, "shop", world.now());
    stages(&mut building, world.now(), Stage::Build, true);
    world.save(&building).await;
    world.log(&building, 0, &[("sys", "$ npm ci"), ("out", "one"), ("err", "two")]).await;
    world.log(&building, 1, &[("out", "three")]).await;
    let path = format!("/api/v1/deployments/{}/logs", building.id);
    let first = world.json(&format!("{path}?limit=2")).await;
    assert_eq!((&first["next"], &first["end"]), (&json!("0:2"), &json!(false)));
    let second = world.json(&format!("{path}?after=0:2")).await;
    let texts = |page: &Value| -> Vec<String> {
        page["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (texts(&first), texts(&second)),
        (vec!["$ npm ci".into(), "one".into()], vec!["two".into(), "three".into()])
    );
    assert_eq!((&second["next"], &second["end"]), (&json!("2:0"), &json!(false)));
    world.log(&building, 2, &[("end", "built in 3.0 s")]).await;
    let last = world.json(&format!("{path}?after=2:0")).await;
    assert_eq!((texts(&last), &last["end"]), (vec!["built in 3.0 s".to_owned()], &json!(true)));
    assert_eq!(last["lines"][0]["stream"], "end");
    let (_, text) = world.text(&format!("{path}?format=text")).await;
    assert_eq!(text, "$ npm ci\none\ntwo\nthree\nbuilt in 3.0 s\n");
}

#[tokio::test]
async fn a_log_is_read_page_by_page_from_its_end_too() {
    let world = World::new();
    let mut building = accepted(1, "shop", world.now());
    stages(&mut building, world.now(), Stage::Build, true);
    building.build = Some(2);
    world.save(&building).await;
    let path = format!("/api/v1/deployments/{}/logs", building.id);
    let empty = world.json(&format!("{path}?order=newest")).await;
    assert_eq!((&empty["lines"], &empty["end"]), (&json!([]), &json!(true)));
    for (segment, texts) in [(0, ["0", "1", "2"]), (1, ["3", "4", "5"]), (100_000, ["6", "7", "8"])] {
        world.log(&building, segment, &texts.map(|text| ("out", text))).await;
    }
    let texts = |page: &Value| -> Vec<String> {
        page["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap().to_owned()).collect()
    };
    for limit in 1..=10 {
        let (mut seen, mut after) = (vec![], String::new());
        loop {
            let page = world.json(&format!("{path}?order=newest&limit={limit}&after={after}")).await;
            seen.extend(texts(&page));
            if page["end"] == true {
                break;
            }
            assert_eq!(texts(&page).len(), limit);
            page["next"].as_str().unwrap().clone_into(&mut after);
        }
        assert_eq!(seen, ["8", "7", "6", "5", "4", "3", "2", "1", "0"], "by {limit}");
    }
    // A place leads both ways.
    let back = world.json(&format!("{path}?order=newest&after=1:1")).await;
    let on = world.json(&format!("{path}?after=1:1")).await;
    assert_eq!(
        (texts(&back), texts(&on)),
        (
            vec!["3".into(), "2".into(), "1".into(), "0".into()],
            vec!["4".into(), "5".into(), "6".into(), "7".into(), "8".into()]
        )
    );
    let (status, problem) = world.problem(TENANT, &format!("{path}?order=sideways")).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("order")));
    // A log from before there were heads.
    let head = model::document::log::head_path(&building.tenant, &building.id);
    world.add(Write::delete(head, model::port::store::Precondition::None)).await;
    let page = world.json(&format!("{path}?order=newest&limit=4")).await;
    assert_eq!(
        (texts(&page), &page["next"]),
        (vec!["8".into(), "7".into(), "6".into(), "5".into()], &json!("1:2"))
    );
}

#[tokio::test]
async fn what_a_revision_wrote_comes_from_the_target() {
    let world = World::new();
    world.save(&deployed(1, "shop", world.now())).await;
    world.save(&failed(2, "shop", world.now())).await;
    let wrote = (0..10).map(|n| format!("line {n}")).collect();
    world.outside.state().app_logs.insert("shop-r0000000001".into(), wrote);
    let seen = world.json(&format!("/api/v1/deployments/{}/runtime-logs?lines=2", deployment_id(1))).await;
    assert_eq!(seen["lines"], json!(["line 8", "line 9"]));
    world.outside.state().app_logs.get_mut("shop-r0000000001").unwrap().push("line 10".into());
    let next = seen["next"].as_str().unwrap();
    let path = format!("/api/v1/deployments/{}/runtime-logs?after={next}", deployment_id(1));
    assert_eq!(world.json(&path).await["lines"], json!(["line 10"]));
    // Taken back, and its log gone with the days: its last lines stand with the deployment.
    world.outside.state().app_logs.clear();
    assert_eq!(world.problem(TENANT, &path).await.0, 404);
    let mut taken_back = deployed(1, "shop", world.now());
    taken_back.last_words = vec!["no database".into()];
    world.save(&taken_back).await;
    let seen = world.json(&path).await;
    assert_eq!((&seen["lines"], &seen["next"]), (&json!(["no database"]), &Value::Null));
    let path = format!("/api/v1/deployments/{}/runtime-logs", deployment_id(2));
    let (status, problem) = world.problem(TENANT, &path).await;
    assert_eq!((status, problem["type"].as_str().unwrap()), (404, "/errors#no-revision"));
}

#[test]
fn every_answer_has_a_schema_of_its_own() {
    let functions = [console::function()];
    assert!(host::openapi::collisions(&functions).is_empty());
    assert!(host::openapi::document(&functions).paths.paths.contains_key("/api/v1/deployments/{id}/events"));
}
