//! What customers' webhooks bring: by a secret or its signature, once, and not too often.

use super::*;

const SECRET: &str = "whsec_c2VjcmV0";

async fn registered(world: &World) {
    let registration = Registration {
        user_id: "u".into(),
        session_id: "s".into(),
        project: "project-1".into(),
        region: None,
        launch_at: None,
        collect: true,
        webhook_secret_hash: link::hash(SECRET),
        webhook_generation: 0,
        webhook_former: None,
    };
    let decision = model::document::Decision { registration: Some(registration), ..sample::decision(1) };
    world.put(decision_path(&sample::acme(), &decision.id), &decision).await;
}

async fn measured(
    world: &World,
    decision: &str,
    secret: Option<(&'static str, &str)>,
    body: &Value,
) -> Result<Response, Error> {
    let mut sent = request("/api/v1/metrics/webhook/x", ("decision_id", decision), body.to_string());
    if let Some((name, value)) = secret {
        sent = sent.with_header(name, value);
    }
    webhook::receive(public(world), sent).await
}

async fn observations(world: &World) -> Vec<Observation> {
    let query = Query::all(Scope::Collection(collection(&sample::acme(), "observations")), 100);
    let page = world.store().query(&query).await.unwrap();
    page.documents.iter().map(|found| found.body.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_customers_measurement_becomes_an_observation() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered(&world).await;
    let body = json!({
        "source": "cloud-monitoring",
        "metrics": {"cloud_run": {"cpu_utilization": 0.25, "memory_utilization": 0.5, "request_count": 3600, "error_rate": 0.01, "latency_ms": 80}},
        "cost": {"projected_monthly_cost": 12.4},
        "window": {"from": "2026-11-20T04:00:00Z", "to": "2026-11-20T05:00:00Z"}
    });
    let bearer = format!("Bearer {SECRET}");
    for _ in 0..2 {
        let response = measured(&world, "dec_1", Some(("authorization", &bearer)), &body).await.unwrap();
        assert_eq!(response.status(), 202);
    }
    let seen = observations(&world).await;
    assert_eq!(seen.len(), 1, "the same window is the same document");
    let seen = &seen[0];
    assert_eq!((seen.source.as_str(), seen.deployment.clone()), ("webhook", sample::deployment_id(1)));
    assert_eq!(seen.to.since(seen.window.from), HOUR_MS);
    let used = &seen.utilization;
    assert_eq!((used.cpu, used.memory, used.latency, used.error_rate), (250_000, 500_000, 80_000, 10_000));
    assert_eq!((used.cost_month, used.cost, used.requests_month), (12_400_000, 17_222, 2_592_000));
    let told = world.published(kind::OBSERVATION_RECORDED);
    let about: AboutObservation = told[0].body().unwrap();
    assert_eq!(about.observation, seen.id);
}

#[tokio::test]
async fn percent_and_fraction_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered(&world).await;
    let mut used = vec![];
    for metrics in [
        json!({"cpu_utilization": 25, "memory_utilization": 50.0, "error_rate": 2, "request_count": 100}),
        json!({"cpu_utilization": 0.25, "memory_utilization": 0.5, "error_rate": 0.02, "request_count": 100}),
    ] {
        let body = json!({"source": "x", "metrics": metrics});
        measured(&world, "dec_1", Some(("x-sextant-secret", SECRET)), &body).await.unwrap();
        used.push(observations(&world).await[0].clone());
    }
    assert_eq!(used[0].utilization, used[1].utilization);
    assert_eq!((used[0].utilization.cpu, used[0].counts.server_errors), (250_000, 2));
}

#[tokio::test]
async fn only_the_decisions_own_secret_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered(&world).await;
    world.with_deployment(2).await;
    let body = json!({"source": "x", "metrics": {"cpu_utilization": 0.1}});
    let refused = [
        ("dec_1", None),
        ("dec_1", Some(("authorization", "Bearer whsec_other"))),
        ("dec_1", Some(("authorization", SECRET))),
        ("dec_1", Some(("x-sextant-secret", ""))),
        ("dec_2", Some(("x-sextant-secret", SECRET))),
        ("dec_99", Some(("x-sextant-secret", SECRET))),
    ];
    for (decision, secret) in refused {
        let error = measured(&world, decision, secret, &body).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated, "{decision} {secret:?}");
    }
    assert!(observations(&world).await.is_empty());
    let taken = measured(&world, "dec_1", Some(("x-sextant-secret", SECRET)), &body).await.unwrap();
    assert_eq!(taken.status(), 202);
}

#[tokio::test]
async fn each_bad_measurement_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered(&world).await;
    let cases = [
        (json!({"metrics": {"cpu_utilization": 0.1}}), "source"),
        (json!({"source": "x"}), "metrics"),
        (json!({"source": "x", "metrics": {}}), "metrics"),
        (json!({"source": "x", "metrics": {"cpu_utilization": 125}}), "metrics.cpu_utilization"),
        (json!({"source": "x", "metrics": {"error_rate": "none"}}), "metrics.error_rate"),
        (json!({"source": "x", "metrics": {"latency_ms": -1}}), "metrics.latency_ms"),
        (json!({"source": "x", "metrics": {}, "cost": {"projected_monthly_cost": "12"}}), "cost"),
        (
            json!({"source": "x", "metrics": {"request_count": 1}, "window": {"from": "noon", "to": "2026-11-20T05:00:00Z"}}),
            "window.from",
        ),
        (
            json!({"source": "x", "metrics": {"request_count": 1}, "window": {"from": "2026-02-31T05:00:00Z", "to": "2026-03-03T05:00:00Z"}}),
            "window.from",
        ),
        (json!({"source": "x", "metrics": {"request_count": 1}, "window": []}), "window"),
        (
            json!({"source": "x", "metrics": {"request_count": 1}, "window": {"from": "2026-11-20T05:00:00Z", "to": "2026-11-20T05:00:00Z"}}),
            "window",
        ),
        (
            json!({"source": "x", "metrics": {"request_count": 1}, "window": {"from": "2026-11-20T05:00:00Z", "to": "2026-11-22T05:00:00Z"}}),
            "window.to",
        ),
    ];
    for (body, field) in cases {
        let error = measured(&world, "dec_1", Some(("x-sextant-secret", SECRET)), &body).await.unwrap_err();
        assert!(error.fields().iter().any(|wrong| wrong.field == field), "{body}: {:?}", error.fields());
    }
    assert!(observations(&world).await.is_empty() && world.state().messages.is_empty());
    let euros = json!({"source": "x", "metrics": {"request_count": 1}, "cost": {"actual_monthly_cost": 5, "currency": "EUR"}});
    let response = measured(&world, "dec_1", Some(("x-sextant-secret", SECRET)), &euros).await.unwrap();
    assert!(text(&response).contains("nothing is converted"), "{}", text(&response));
    assert_eq!(observations(&world).await[0].utilization.cost, 0);
}

/// The secret that register issues for a decision of this tenant.
fn issued(world: &World, tenant: &str, decision: u32) -> String {
    let tenant = TenantId::new(tenant).unwrap();
    host::webhook::secret(&world.context().config.token_key, &tenant, &sample::decision_id(decision), 0)
}

/// Decision 1, registered by two tenants that chose the same id, with the secrets of today.
async fn registered_twice(world: &World) {
    registered(world).await;
    for tenant in ["acme", "other"] {
        let mut decision: model::document::Decision =
            world.read(&decision_path(&sample::acme(), &sample::decision_id(1))).await.unwrap();
        decision.tenant = TenantId::new(tenant).unwrap();
        decision.registration.as_mut().unwrap().webhook_secret_hash = link::hash(&issued(world, tenant, 1));
        world.put(decision_path(&decision.tenant, &decision.id), &decision).await;
    }
}

async fn signed(
    world: &World,
    id: &str,
    seconds: i64,
    secret: &str,
    body: &Value,
) -> Result<Response, Error> {
    let (timestamp, body) = (seconds.to_string(), body.to_string());
    let signature = host::webhook::signature(secret, id, &timestamp, body.as_bytes()).unwrap();
    let sent = request("/api/v1/metrics/webhook/x", ("decision_id", "dec_1"), body)
        .with_header("webhook-id", id)
        .with_header("webhook-timestamp", &timestamp)
        .with_header("webhook-signature", &signature);
    webhook::receive(public(world), sent).await
}

#[tokio::test]
async fn a_signed_measurement_is_taken_once_whenever_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered_twice(&world).await;
    let body = json!({"source": "x", "metrics": {"cpu_utilization": 0.1}});
    let secret = issued(&world, "acme", 1);
    let seconds = || world.context().real().0 / 1000;
    let first = signed(&world, "msg_1", seconds(), &secret, &body).await.unwrap();
    let first_id = serde_json::from_str::<Value>(&text(&first)).unwrap()["observation_id"].clone();
    assert_eq!(first.status(), 202);
    let told = world.published(kind::OBSERVATION_RECORDED).len();
    // It names no window, so ten minutes later it would be another one.
    world.pass(10 * model::time::MINUTE_MS);
    let again = signed(&world, "msg_1", seconds(), &secret, &body).await.unwrap();
    let answer: Value = serde_json::from_str(&text(&again)).unwrap();
    assert_eq!((again.status(), &answer["observation_id"]), (200, &first_id));
    assert!(answer["note"].as_str().unwrap().contains("taken before"), "{answer}");
    assert_eq!(observations(&world).await.len(), 1);
    assert_eq!(world.published(kind::OBSERVATION_RECORDED).len(), told);
    let other = signed(&world, "msg_2", seconds(), &secret, &body).await.unwrap();
    assert_eq!((other.status(), observations(&world).await.len()), (202, 2));
}

#[tokio::test]
async fn a_signature_counts_for_its_own_decision_and_moment_alone() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered_twice(&world).await;
    let body = json!({"source": "x", "metrics": {"cpu_utilization": 0.1}});
    let seconds = world.context().real().0 / 1000;
    let stranger = issued(&world, "third", 1);
    let another = issued(&world, "acme", 2);
    for secret in [&stranger, &another] {
        let error = signed(&world, "msg_1", seconds, secret, &body).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated);
    }
    let own = issued(&world, "acme", 1);
    for off in [-301, 301] {
        let error = signed(&world, "msg_1", seconds + off, &own, &body).await.unwrap_err();
        assert!(error.kind() == Kind::Unauthenticated && error.detail().contains("five minutes"), "{error}");
    }
    assert!(observations(&world).await.is_empty());
    // A wrong signature isn't made good by a right bearer token beside it.
    let sent = request("/api/v1/metrics/webhook/x", ("decision_id", "dec_1"), body.to_string())
        .with_header("authorization", &format!("Bearer {own}"))
        .with_header("webhook-id", "msg_1")
        .with_header("webhook-timestamp", &seconds.to_string())
        .with_header("webhook-signature", "v1,AAAA");
    assert!(webhook::receive(public(&world), sent).await.is_err());
    assert_eq!(
        measured(&world, "dec_1", Some(("x-sextant-secret", &own)), &body).await.unwrap().status(),
        202
    );
    let seen = observations(&world).await;
    assert_eq!((seen.len(), &seen[0].tenant), (1, &sample::acme()));
}

#[tokio::test]
async fn too_many_measurements_are_told_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered(&world).await;
    let body = json!({"source": "x", "metrics": {"cpu_utilization": 0.1}});
    let send = || measured(&world, "dec_1", Some(("x-sextant-secret", SECRET)), &body);
    for _ in 0..arrival::MOST_A_MINUTE {
        assert_eq!(send().await.unwrap().status(), 202);
    }
    let before = service(&world).await;
    let error = send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooMany);
    assert!(error.detail().contains("in 60 s"), "{error}");
    assert_eq!(service(&world).await, before);
    world.pass(model::time::MINUTE_MS);
    assert_eq!(send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn after_a_change_the_secret_before_is_good_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    registered_twice(&world).await;
    let (tenant, id) = (sample::acme(), sample::decision_id(1));
    let of = |generation| host::webhook::secret(&world.context().config.token_key, &tenant, &id, generation);
    let mut decision: model::document::Decision = world.read(&decision_path(&tenant, &id)).await.unwrap();
    let known = decision.registration.as_mut().unwrap();
    let until = world.context().real().plus(DAY_MS);
    known.webhook_former = Some(model::document::FormerSecret { hash: link::hash(&of(0)), until });
    known.webhook_secret_hash = link::hash(&of(1));
    known.webhook_generation = 1;
    world.put(decision_path(&tenant, &id), &decision).await;
    let body = json!({"source": "x", "metrics": {"cpu_utilization": 0.1}});
    for (generation, after) in [(0, true), (1, true), (0, false), (1, false)] {
        if !after {
            world.pass(DAY_MS);
        }
        let (secret, good) = (of(generation), after || generation == 1);
        let seconds = world.context().real().0 / 1000;
        let told = signed(&world, &format!("msg_{generation}{after}"), seconds, &secret, &body).await;
        assert_eq!(told.is_ok(), good, "signed, {generation} {after}");
        let shown = measured(&world, "dec_1", Some(("x-sextant-secret", &secret)), &body).await;
        assert_eq!(shown.is_ok(), good, "shown, {generation} {after}");
    }
}
