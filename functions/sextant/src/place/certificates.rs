//! The keys that pushes are signed with, fetched from where their issuer publishes them.

use async_trait::async_trait;
use bytes::Bytes;
use host::oidc::{Certificates, Fetched};
use std::time::Duration;

/// How long fetching may take: a push waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A key set is a few KiB.
const LARGEST: u64 = 256 << 10;
/// Kept this long where the answer doesn't say.
const ASSUMED: Duration = Duration::from_hours(1);

/// An address that keys are published at; connects on first use.
pub struct Published(pub String);

#[async_trait]
impl Certificates for Published {
    async fn fetch(&self) -> Result<Fetched, String> {
        self.get().await.map_err(|error| format!("{}: {error}", self.0))
    }
}

impl Published {
    async fn get(&self) -> Result<Fetched, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let mut response = client.get(&self.0).send().await?.error_for_status()?;
        let control = response.headers().get("cache-control").and_then(|value| value.to_str().ok());
        let max_age = control.and_then(max_age).unwrap_or(ASSUMED);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > LARGEST {
                break;
            }
        }
        Ok(Fetched { body: Bytes::from(body), max_age })
    }
}

/// `max-age` of a `Cache-Control`; nothing is kept where it says so.
fn max_age(control: &str) -> Option<Duration> {
    let mut parts = control.split(',').map(|part| part.trim().to_ascii_lowercase());
    parts.find_map(|part| match part.strip_prefix("max-age=") {
        Some(seconds) => seconds.trim_matches('"').parse().ok().map(Duration::from_secs),
        None => matches!(part.as_str(), "no-store" | "no-cache").then_some(Duration::ZERO),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn how_long_an_answer_may_be_kept() {
        assert_eq!(max_age("public, max-age=21600, must-revalidate"), Some(Duration::from_hours(6)));
        assert_eq!(max_age("no-store"), Some(Duration::ZERO));
        assert_eq!((max_age("public"), max_age("max-age=soon")), (None, None));
    }

    /// Answers one request.
    async fn answering(answer: &'static str) -> (Published, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        (Published(format!("http://{address}/certs")), task)
    }

    #[tokio::test]
    async fn keys_are_fetched_with_their_age() {
        let (published, task) = answering(
            "HTTP/1.1 200 OK\r\ncache-control: public, max-age=7\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"keys\":[]}",
        )
        .await;
        let fetched = published.fetch().await.unwrap();
        assert_eq!((&fetched.body[..], fetched.max_age), (&b"{\"keys\":[]}"[..], Duration::from_secs(7)));
        task.await.unwrap();
        let (published, task) =
            answering("HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        let why = published.fetch().await.err().unwrap();
        assert!(why.contains("/certs") && why.contains("500"), "{why}");
        task.await.unwrap();
    }
}
