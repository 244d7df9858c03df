//! Another tenant's owner at every route, with what belongs to the first.

use super::{
    ground::Ground,
    routes::{self, Route},
};
use host::Role;
use reqwest::Method;
use serde_json::json;
use tests::system::{Killed, client::Reply};

/// Nothing in an answer is the other's, but for what the question itself said.
fn sees_nothing(ground: &Ground, route: &Route, reply: &Reply) {
    let asked = format!("{}{}", route.path_on(ground), route.body(ground).unwrap_or_default());
    for jewel in ground.jewels() {
        let known = asked.contains(jewel);
        assert!(known || !reply.text.contains(jewel), "{} shows `{jewel}`: {}", route.name(), reply.text);
    }
}

#[tokio::test]
async fn another_tenant_reaches_nothing_by_any_route() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let before = ground.state().await?;
    let stranger = ground.token("strangers", Role::Owner);
    let mut crossed = 0;
    for route in routes::guarded().into_iter().filter(|route| !route.is_endless()) {
        let reply = ground.system.send(ground.ask(&route, &stranger)).await?;
        sees_nothing(&ground, &route, &reply);
        if !route.parameters().is_empty() || route.path.starts_with("/local/") {
            assert!(matches!(reply.status, 403 | 404), "{}: {} {}", route.name(), reply.status, reply.text);
            crossed += 1;
        }
        assert!(reply.status < 500, "{}: {}", route.name(), reply.text);
    }
    assert!(crossed > 15, "{crossed} routes were crossed");
    assert_eq!(ground.state().await?, before, "something of the first tenant has changed");
    // The same questions by whom they belong to: those were refused for who asked, not for how.
    let owner = ground.system.address().token.clone();
    for route in routes::guarded().iter().filter(|route| !route.path.starts_with("/local/")) {
        if route.is_safe() && !route.path.ends_with("/events") {
            let reply = ground.system.send(ground.ask(route, &owner)).await?;
            // 422: what it asks for is to be named in its query.
            assert!(matches!(reply.status, 200 | 422), "{}: {}", route.name(), reply.text);
        } else if !route.is_safe() && !route.parameters().is_empty() {
            let reply = ground.system.send(ground.ask(route, &owner)).await?;
            assert!(matches!(reply.status, 200..=299 | 409 | 422), "{}: {}", route.name(), reply.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn names_of_the_other_in_queries_bodies_and_keys_lead_nowhere() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let (system, before) = (&ground.system, ground.state().await?);
    let stranger = ground.token("strangers", Role::Owner);
    let next = system.get("/api/v1/deployments?limit=1").await?.expect(200)["next"].clone();
    let cursor = next.as_str().unwrap_or_default();
    let listing = |route: &Route| route.is_safe() && route.parameters().is_empty() && !route.is_endless();
    for route in routes::guarded().into_iter().filter(listing) {
        for query in [
            format!("service={}", ground.app.service),
            format!("deployment={}&decision={}", ground.deployment, ground.decision),
            "tenant=local".to_owned(),
            format!("cursor={cursor}"),
        ] {
            let path = format!("{}?{query}", route.path);
            let mut request = system.request(Method::GET, &path, &stranger);
            request = request.header("x-tenant", "local").header("x-sextant-tenant", "local");
            let reply = system.send(request).await?;
            assert!(reply.status < 500, "{path}: {}", reply.text);
            for jewel in ground.jewels().into_iter().filter(|jewel| !query.contains(jewel)) {
                assert!(!reply.text.contains(jewel), "{path} shows `{jewel}`: {}", reply.text);
            }
        }
    }
    // The other's archive, the other's decision, the other's key.
    let mut order = ground.app.order("v1");
    order.as_object_mut().unwrap().remove("path");
    order["source"] = json!({ "kind": "archive", "digest": ground.digest });
    let post = |path: &str, body: &serde_json::Value| {
        system.send(system.request(Method::POST, path, &stranger).json(body))
    };
    let refused = post("/api/v1/deployments", &order).await?;
    assert!(matches!(refused.status, 400 | 404 | 422), "{}: {}", refused.status, refused.text);
    let taken = post("/api/v1/deployments/register", &Ground::registration(&ground.registered)).await?;
    assert!(taken.status < 500 && !taken.text.contains(&ground.webhook_secret), "{}", taken.text);
    let key = format!("{}-v1", ground.app.service);
    let request = system.request(Method::POST, "/api/v1/deployments", &stranger).json(&order);
    let again = system.send(request.header("idempotency-key", key)).await?;
    assert!(!again.text.contains(&ground.deployment), "the answer to another tenant's key: {}", again.text);
    // A webhook is its decision's: a secret of one opens no other, and a user's token opens none.
    let measured = json!({ "requests": 10 });
    for (decision, secret) in [
        (&ground.registered, stranger.as_str()),
        (&ground.registered, system.address().token.as_str()),
        (&ground.decision, ground.webhook_secret.as_str()),
    ] {
        let path = format!("/api/v1/metrics/webhook/{decision}");
        let reply = system.send(system.request(Method::POST, &path, secret).json(&measured)).await?;
        assert!(matches!(reply.status, 401 | 403 | 404), "{decision}: {} {}", reply.status, reply.text);
    }
    assert_eq!(ground.state().await?, before);
    Ok(())
}
