//! A client that doesn't know whether Sextant runs: it asks until it is answered, over however many deaths.

use super::{PATIENCE, client::Reply, process::Address};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::watch;

/// The client.
#[derive(Clone, Debug)]
pub struct Outside {
    http: reqwest::Client,
    address: watch::Receiver<Option<Address>>,
}

impl Outside {
    /// Told of each life's address by `address`; `None` between two lives.
    pub fn new(http: reqwest::Client, address: watch::Receiver<Option<Address>>) -> Self {
        Self { http, address }
    }

    /// What it sends with.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Where it is now; waits for the next life.
    pub async fn address(&self) -> Address {
        let mut address = self.address.clone();
        let alive = address.wait_for(Option::is_some);
        let alive = tokio::time::timeout(PATIENCE, alive).await.expect("it is not started again").unwrap();
        alive.clone().unwrap()
    }

    /// One try; `None` if it died before it had answered.
    pub async fn once(
        &self,
        make: impl FnOnce(&reqwest::Client, &Address) -> RequestBuilder,
    ) -> Option<Reply> {
        let address = self.address().await;
        let asking = super::client::answer(make(&self.http, &address));
        tokio::time::timeout(PATIENCE, asking).await.expect("a request was never answered").ok()
    }

    /// Asks until it is answered with something else than "later".
    pub async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: Option<&Value>) -> Reply {
        loop {
            let answered = self.once(|http, address| {
                let request = http.request(method.clone(), format!("{}{path}", address.url));
                let request = request.bearer_auth(&address.token);
                let request =
                    key.iter().fold(request, |request, key| request.header("idempotency-key", *key));
                body.iter().fold(request, |request, body| request.json(body))
            });
            match answered.await {
                Some(reply) if !matches!(reply.status, 429 | 503) => return reply,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Looks at something that must be there.
    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None, None).await.expect(200)
    }
}
