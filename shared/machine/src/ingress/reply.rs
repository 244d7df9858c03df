//! What the ingress says itself: problems as `application/problem+json`, each with what to do next.

use super::body::Body;
use bytes::Bytes;
use hyper::{Response, StatusCode, header};

/// A problem that the ingress answers with.
pub(crate) struct Problem {
    /// Status of the answer.
    pub status: StatusCode,
    /// Last part of the type's name; the README's section on errors lists them.
    pub kind: &'static str,
    /// What it is, the same for each of its kind.
    pub title: &'static str,
    /// What happened, to what, what to do next.
    pub detail: String,
}

impl Problem {
    /// No service of that host.
    pub(crate) fn unknown_host(host: &str, known: &[String], port: u16) -> Self {
        let names: Vec<String> = known.iter().map(|name| format!("http://{name}.localhost:{port}")).collect();
        let known = if names.is_empty() {
            "no service is deployed yet; deploy one with `sextant deploy PATH`".to_owned()
        } else {
            format!("the services here are {}", names.join(", "))
        };
        let shown: String = host.chars().take(100).collect();
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "unknown-host",
            title: "No service has this host name",
            detail: format!("no service is called `{shown}`; {known}"),
        }
    }

    /// No revision of that tag.
    pub(crate) fn unknown_tag(tag: &str, host: &str, known: &[String]) -> Self {
        let shown: String = tag.chars().take(60).collect();
        let known =
            if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "unknown-tag",
            title: "No revision has this tag",
            detail: format!("service `{host}` has no revision tagged `{shown}`; {known}"),
        }
    }

    /// A service without traffic.
    pub(crate) fn nothing_serving(host: &str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "nothing-serving",
            title: "No revision takes traffic",
            detail: format!(
                "no revision of `{host}` takes traffic; deploy it, or wait for its first deployment (`sextant status {host}`)"
            ),
        }
    }

    /// A revision that was stopped.
    pub(crate) fn stopped(revision: &str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "revision-stopped",
            title: "The revision is stopped",
            detail: format!(
                "revision `{revision}` was stopped; give it traffic (`sextant rollback`) to start it again"
            ),
        }
    }

    /// A revision that doesn't listen yet.
    pub(crate) fn starting(revision: &str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "revision-starting",
            title: "The revision doesn't listen yet",
            detail: format!(
                "revision `{revision}` was started and doesn't listen on $PORT yet; see its log (`sextant logs`)"
            ),
        }
    }

    /// The app gave no answer.
    pub(crate) fn no_answer(revision: &str, why: &str) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            kind: "no-answer",
            title: "The app gave no answer",
            detail: format!("revision `{revision}` gave no answer: {why}; see its log (`sextant logs`)"),
        }
    }

    /// The app took too long.
    pub(crate) fn too_slow(revision: &str, seconds: u64) -> Self {
        Self {
            status: StatusCode::GATEWAY_TIMEOUT,
            kind: "too-slow",
            title: "The app took too long",
            detail: format!(
                "revision `{revision}` began no answer within {seconds} s; see its log (`sextant logs`)"
            ),
        }
    }

    /// The answer.
    pub(crate) fn response(&self) -> Response<Body> {
        let body = serde_json::json!({
            "type": format!("urn:sextant:error:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::full(Bytes::from(body.to_string())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        response
    }
}
