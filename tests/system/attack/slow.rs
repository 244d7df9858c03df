//! Connections that hold on and say little: others are served meanwhile.

use super::{ground::Ground, raw};
use host::Role;
use reqwest::Method;
use tests::system::Killed;
use tokio::io::AsyncWriteExt as _;

/// More than any function takes at once.
const MANY: usize = 300;

#[tokio::test]
async fn half_sent_heads_and_bodies_hold_nobody_up() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let (host, token) = (raw::host(&ground.system), ground.token("local", Role::Owner));
    let heads = [
        format!("POST /api/v1/deployments HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer"),
        format!(
            "POST /api/v1/decisions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{"
        ),
        format!(
            "POST /api/v1/feedback/{} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{",
            ground.decision
        ),
    ];
    for head in heads {
        let mut held = vec![];
        for n in 0..MANY {
            let mut stream = raw::connect(&ground.system, (12, 1 + (n % 200) as u8)).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            held.push(stream);
        }
        raw::moment().await;
        let decision = serde_json::json!({ "class": "node/express" });
        ground.system.post("/api/v1/decisions", &decision).await?.expect(201);
        let feedback = serde_json::json!({ "feedback_type": "perfect_fit", "satisfaction_score": 5 });
        let path = format!("/api/v1/feedback/{}", ground.decision);
        let reply = ground.system.post(&path, &feedback).await?;
        assert!(reply.status < 500, "{}", reply.text);
        let page = ground.system.request(Method::GET, "/api/v1/services", &token);
        ground.system.send(page).await?.expect(200);
    }
    Ok(())
}
