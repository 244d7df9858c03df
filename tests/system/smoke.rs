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
    let story = shifted["timeline"].as_array().unwrap();
    let usual = |entry: &serde_json::Value| entry["text"].as_str().unwrap().contains("Building, usually ");
    assert!(story.iter().any(usual), "what the first one took is told: {story:#?}");
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

/// A link made at any time, on the command line, signs a browser in once and leads to the page that was named.
#[tokio::test]
async fn a_browser_is_signed_in_at_any_time() -> Result<(), Killed> {
    let system = system().start().await;
    let link = async |arguments: &[&str]| {
        let out = system.run(&[&["open", "--print"][..], arguments].concat()).await;
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let (first, second) = (link(&["shop"]).await, link(&[]).await);
    assert_ne!(first, second);
    let policy = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().no_proxy().redirect(policy).build().unwrap();
    for (link, page) in [(first.as_str(), "/services/shop"), (second.as_str(), "/")] {
        let entered = browser.get(link).send().await.unwrap();
        assert_eq!((entered.status().as_u16(), entered.headers()["location"].to_str().unwrap()), (303, page));
        assert!(entered.headers().contains_key("set-cookie"));
        let again = browser.get(link).send().await.unwrap();
        assert_eq!(again.status(), 410);
        assert!(again.text().await.unwrap().contains("sextant open"));
    }
    let away = system.run(&["open", "--print", "../x"]).await;
    assert_eq!(away.status.code(), Some(2));
    Ok(())
}
