//! A request with a key has one answer, also after the process that gave it was killed.

use crate::system;
use tests::system::Killed;

#[tokio::test]
async fn the_same_answer_after_a_death() -> Result<(), Killed> {
    let mut system = system().start().await;
    let app = system.app("shop");
    let order = app.order("v1");
    let first = system.post_once("/api/v1/deployments", &order, "a-key").await?;
    let id = first.expect(201)["deployment_id"].as_str().unwrap().to_owned();
    system.rest(&id).await?;
    system.kill().await;
    system.restart(None).await;
    let again = system.post_once("/api/v1/deployments", &order, "a-key").await?;
    assert_eq!((again.status, again.text), (201, first.text), "the same answer, to the letter");

    let other = system.post_once("/api/v1/deployments", &app.order("v2"), "a-key").await?;
    let (slug, detail) = other.problem(422);
    assert_eq!(slug, "idempotency-reused", "{detail}");
    let list = system.get("/api/v1/deployments").await?.expect(200);
    assert_eq!(list["deployments"].as_array().unwrap().len(), 1, "{list:#}");
    assert_eq!(app.builds("v1"), 1);
    Ok(())
}
