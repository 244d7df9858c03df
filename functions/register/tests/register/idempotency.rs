//! A repeat after a lost answer gets that answer.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let world = World::new();
    let body = json!({"path": "/srv/shop", "secrets": {"API_KEY": "k-1"}});
    let first = world.post_with_key("key-1", "/api/v1/deployments", &body).await;
    let again = world.post_with_key("key-1", "/api/v1/deployments", &body).await;
    assert_eq!((first.status, again.status, first.replayed, again.replayed), (201, 201, false, true));
    assert_eq!(first.json, again.json);
    assert_eq!(world.count("deployments").await, 1);
    assert_eq!(world.published(), ["deployment.requested"]);

    let other = json!({"path": "/srv/other"});
    let reused = world.post_with_key("key-1", "/api/v1/deployments", &other).await;
    assert_eq!((reused.status, reused.text("type")), (422, "/errors#idempotency-reused"));
}

#[tokio::test]
async fn a_refusal_keeps_no_key() {
    let world = World::new();
    let refused = world.post_with_key("key-2", "/api/v1/deployments", &json!({"path": "shop"})).await;
    assert_eq!(refused.status, 422);
    let mended = world.post_with_key("key-2", "/api/v1/deployments", &json!({"path": "/shop"})).await;
    assert_eq!((mended.status, mended.replayed), (201, false));
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_shown_to_the_repeat() {
    let world = World::new();
    let body = crate::customer::body("dec_1");
    let first = world.post_with_key("key-3", "/api/v1/deployments/register", &body).await;
    let again = world.post_with_key("key-3", "/api/v1/deployments/register", &body).await;
    assert_eq!(first.text("webhook_secret"), again.text("webhook_secret"));
}
