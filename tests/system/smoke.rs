//! The shortest way through: a deployment, a visit, a canary, a rollback.

use crate::system;
use serde_json::json;
use tests::system::Killed;

#[tokio::test]
async fn deployed_visited_and_rolled_back() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    let deployed = system.rest(&first).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));

    let load = system.load("shop", 150);
    let second = system.deploy(&app.order("v2")).await?;
    let shifted = system.rest(&second).await?;
    assert_eq!(shifted["pipeline_status"], "DEPLOYED", "{shifted:#}");
    assert_eq!(system.visit("shop").await?.1, "hello from version v2\n");
    let seen = load.seen();
    assert_eq!((seen.bad.len(), seen.unreachable), (0, 0), "{seen:?}");

    let back = system.post(&format!("/api/v1/deployments/{second}/rollback"), &json!({})).await?;
    back.expect(202);
    let back = system.rest(&second).await?;
    assert_eq!(back["pipeline_status"], "ROLLED_BACK", "{back:#}");
    assert_eq!(system.visit("shop").await?.1, "hello from version v1\n");
    assert_eq!((app.builds("v1"), app.builds("v2")), (1, 1));
    // The first one was ended once the second had proven itself, and is started again to go back to.
    assert_eq!((app.starts("v1"), app.starts("v2")), (2, 1));
    Ok(())
}
