//! Requests to the API, and what came back; a death of the other side is an answer too.

use super::{Killed, PATIENCE, System};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
    /// The content type.
    pub kind: String,
}

impl Reply {
    /// The body as JSON; `null` if it isn't.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The body of an answer that must have this status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// A problem with this status: the last part of its `type`, and its detail with all fields that are wrong.
    pub fn problem(&self, status: u16) -> (String, String) {
        let problem = self.expect(status);
        assert!(self.kind.starts_with("application/problem+json"), "{}: {}", self.kind, self.text);
        let slug = problem["type"].as_str().unwrap_or_default();
        let slug = slug.rsplit(['/', '#']).next().unwrap_or_default().to_owned();
        let detail = problem["detail"].as_str().expect("a problem has a detail");
        (slug, format!("{detail} {}", problem["errors"]))
    }
}

impl System {
    /// A request with this token.
    pub fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.address().url);
        self.http.request(method, url).bearer_auth(token)
    }

    /// A client for requests to others than the API.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends it. A connection that breaks is a death; without one, a failure of the test.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, Killed> {
        match tokio::time::timeout(PATIENCE, answer(request)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(self.dead(&error.to_string()).await),
            Err(_) => panic!("a request was never answered\n{}", self.log()),
        }
    }

    /// Waits for the death that explains a broken connection.
    pub async fn dead(&self, why: &str) -> Killed {
        let wait = tokio::time::timeout(Duration::from_secs(10), self.process().killed());
        wait.await.unwrap_or_else(|_| panic!("a connection broke, and Sextant lives: {why}\n{}", self.log()))
    }

    /// As the owner.
    pub async fn get(&self, path: &str) -> Result<Reply, Killed> {
        self.send(self.request(Method::GET, path, &self.address().token)).await
    }

    /// As the owner.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, Killed> {
        self.send(self.request(Method::POST, path, &self.address().token).json(body)).await
    }

    /// As the owner, under a key: a repeat gets the first one's answer.
    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Result<Reply, Killed> {
        let request = self.request(Method::POST, path, &self.address().token).json(body);
        self.send(request.header("idempotency-key", key)).await
    }

    /// Deploys and answers the id. The order's release is its key: asked again after a death, it is the same one.
    pub async fn deploy(&self, order: &Value) -> Result<String, Killed> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = format!("{}-{}", text(&order["service"]), text(&order["env"]["RELEASE"]));
        let started = self.post_once("/api/v1/deployments", order, &key).await?.expect(201);
        Ok(text(&started["deployment_id"]))
    }

    /// A deployment as the API shows it.
    pub async fn deployment(&self, id: &str) -> Result<Value, Killed> {
        Ok(self.get(&format!("/api/v1/deployments/{id}")).await?.expect(200))
    }

    /// Ends a deployment.
    pub async fn cancel(&self, id: &str) -> Result<Reply, Killed> {
        self.post(&format!("/api/v1/deployments/{id}/cancel"), &json!({})).await
    }

    /// Moves the clock of timers.
    pub async fn tick(&self, by_ms: i64) -> Result<(), Killed> {
        self.post("/local/v1/tick", &json!({ "by_ms": by_ms })).await?.expect(200);
        Ok(())
    }

    /// A token of this tenant and role, made with this machine's key.
    pub async fn token(&self, tenant: &str, role: &str) -> String {
        let made = self.run(&["token", "--tenant", tenant, "--role", role]).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }
}

pub(super) async fn answer(request: RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let kind = response.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    Ok(Reply { status, text: response.text().await?, kind })
}
