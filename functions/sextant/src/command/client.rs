//! Speaks HTTP to the server: finds it, asks, and turns its problems into errors with an exit code.

use super::server::{self, Address};
use crate::failure::Stop;
use anyhow::{Context as _, Result};
use archive::Limits;
use bytes::Bytes;
use clap::Args;
use futures::Stream;
use model::port::source::{Digest, Manifest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer that is no stream may take.
const ANSWER: Duration = Duration::from_secs(90);

/// A server that isn't the data folder's own.
#[derive(Args, Clone)]
pub struct Named {
    /// The server that is talked to; the one on this machine if absent.
    #[arg(long, global = true, env = "SEXTANT_URL", value_name = "URL")]
    pub server: Option<String>,
    /// A bearer token for it; better given as SEXTANT_TOKEN.
    #[arg(
        long = "token",
        id = "server_token",
        global = true,
        env = "SEXTANT_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub token: Option<String>,
}

/// The server's API as one caller.
pub struct Api {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Api {
    /// The server that is named, or the one of a data folder.
    pub fn find(data: &Path, named: &Named) -> Result<Self> {
        match (&named.server, &named.token) {
            (Some(url), Some(token)) => Self::new(url, token),
            (Some(_), None) => Err(Stop::Usage(
                "a server is named and no token for it; give --token, better as SEXTANT_TOKEN, or name no server to use the one on this machine"
                    .to_owned(),
            )
            .into()),
            (None, _) => Self::at(&server::find(data)?),
        }
    }

    /// The server at this address.
    pub fn at(address: &Address) -> Result<Self> {
        Self::new(&address.url, &address.token)
    }

    fn new(url: &str, token: &str) -> Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT);
        if ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| base.contains(&format!("//{name}"))) {
            // Whatever proxy is configured, it doesn't lead to this machine.
            builder = builder.no_proxy();
        }
        let http = builder.build().context("no HTTP client could be made")?;
        Ok(Self { base, token: token.to_owned(), http })
    }

    /// A link under the server's address.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        Err(refused(status, &body))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        if error.is_connect() || error.is_timeout() {
            let text = format!(
                "Nothing answers at {}. Start the server with `sextant up`, or look at why it doesn't answer.",
                self.base
            );
            return Stop::NoServer(text).into();
        }
        anyhow::anyhow!(
            "the connection to {} broke: {error}; look at the server's log, then repeat this",
            self.base
        )
    }

    /// `GET`, as JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = self.send(self.request(Method::GET, path).timeout(ANSWER)).await?;
        read(response).await
    }

    /// `POST` of JSON, answered as JSON.
    pub async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        read(self.send(self.request(Method::POST, path).timeout(ANSWER).json(body)).await?).await
    }

    /// `PATCH` of JSON, answered as JSON.
    pub async fn patch<B: Serialize + ?Sized, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        read(self.send(self.request(Method::PATCH, path).timeout(ANSWER).json(body)).await?).await
    }

    /// `POST` of JSON, answered by a stream that may take as long as it likes.
    pub async fn download<B: Serialize + ?Sized>(&self, path: &str, body: &B) -> Result<Response> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Any request: its status and body, also when it was refused.
    pub async fn raw(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>)> {
        let mut request = self.request(method, path).timeout(ANSWER);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await.context("the server's answer broke off")?.to_vec()))
    }

    /// Whether the server has an archive.
    pub async fn has_source(&self, digest: &Digest) -> Result<bool> {
        let path = format!("/api/v1/sources/{digest}");
        let request = self.request(Method::GET, &path).timeout(ANSWER);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            status => Err(refused(status, &response.bytes().await.unwrap_or_default())),
        }
    }

    /// How large a source may be there; as usual where the server doesn't say.
    pub async fn source_limits(&self) -> Result<Limits> {
        let request = self.request(Method::GET, "/api/v1/sources").timeout(ANSWER);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(Limits::default()),
            status if status.is_success() => {
                let said: Value = response.json().await.map_err(|error| self.unreachable(&error))?;
                let most = |name: &str, usual: u64| said[name].as_u64().unwrap_or(usual);
                let usual = Limits::default();
                Ok(Limits {
                    bytes: most("bytes", usual.bytes),
                    files: most("files", usual.files),
                    packed_bytes: most("packed_bytes", usual.packed_bytes),
                    ..usual
                })
            }
            status => Err(refused(status, &response.bytes().await.unwrap_or_default())),
        }
    }

    /// Sends an archive; begun anew where it broke off before.
    pub async fn send_source<S>(&self, manifest: &Manifest, tracked: bool, pieces: S) -> Result<()>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        // Only where it matters: servers of earlier versions know nothing of it.
        let path = if tracked { "/api/v1/sources?tracked=true" } else { "/api/v1/sources" };
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/zstd")
            .header("content-length", manifest.packed_bytes)
            .header("x-sextant-digest", format!("sha256={}", manifest.digest))
            .body(reqwest::Body::wrap_stream(pieces));
        self.send(request).await.map(drop)
    }

    /// A stream of server-sent events, from after `last`.
    pub async fn stream(&self, path: &str, last: Option<&str>) -> Result<Response> {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        self.send(request).await
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T> {
    let body = response.bytes().await.context("the server's answer broke off; repeat this")?;
    let body: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(body)
        .context("the server's answer is not what this version expects; are both of the same version?")
}

/// An answer that says no, with its problem document where it has one.
fn refused(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let problem = serde_json::from_slice(body).unwrap_or_else(|_| {
        let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
        json!({ "title": "refused", "status": status.as_u16(), "detail": format!("The server answered {status}. {text}") })
    });
    match status.as_u16() {
        400 | 413 | 422 => Stop::BadRequest(problem).into(),
        401..=499 => Stop::Refused(problem).into(),
        _ => {
            let detail = problem["detail"].as_str().unwrap_or("The server failed.").to_owned();
            let id = problem["error_id"].as_str().map(|id| format!(" (its log has more under {id})"));
            anyhow::anyhow!("{detail}{}", id.unwrap_or_default())
        }
    }
}

/// What is escaped in a path's segment or a query's value: all but the unreserved characters of RFC 3986.
pub const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Text as one segment of a path, or one value of a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}
