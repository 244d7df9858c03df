//! What the ingress says itself: problems as `application/problem+json`, each with what to do next.

use super::body::Body;
use bytes::Bytes;
use hyper::{Response, StatusCode, header};
use std::time::Duration;

/// What a connection gets for which there is no room.
pub(crate) const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 179\r\n\r\n\
    {\"type\":\"urn:sextant:error:too-many-connections\",\"title\":\"Too many connections\",\"status\":503,\
    \"detail\":\"the ingress has no room for another connection; close some, then ask again\"}";

/// A problem that the ingress answers with.
#[derive(Debug)]
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
    /// Whether the client is to blame, and the revision's counts have nothing to do with it.
    pub(crate) fn is_the_clients(&self) -> bool {
        matches!(self.kind, "broken-request" | "slow-request")
    }
}

impl Problem {
    /// No service of that host.
    pub(crate) fn unknown_host(host: &str) -> Self {
        // Others' names are none of the asker's business, nor that of a page on some name that leads here.
        let shown: String = host.chars().take(100).collect();
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "unknown-host",
            title: "No service has this host name",
            detail: format!(
                "no service is called `{shown}`; `sextant list` shows yours, and `sextant deploy PATH` makes one"
            ),
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

    /// A service that somebody stopped.
    pub(crate) fn service_stopped(host: &str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "service-stopped",
            title: "This app is stopped",
            detail: format!(
                "`{host}` was stopped by whoever runs it and answers nobody until it is started again (`sextant start {host}`)"
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
    pub(crate) fn too_slow(revision: &str, patience: Duration) -> Self {
        let seconds = patience.as_secs_f64();
        Self {
            status: StatusCode::GATEWAY_TIMEOUT,
            kind: "too-slow",
            title: "The app took too long",
            detail: format!(
                "revision `{revision}` began no answer within {seconds} s; see its log (`sextant logs`)"
            ),
        }
    }

    /// The client broke its request off, or framed it badly.
    pub(crate) fn broken_request() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "broken-request",
            title: "The request's body is broken",
            detail:
                "the request's body broke off or is framed badly; the app got a part of it; send it again"
                    .to_owned(),
        }
    }

    /// The client sent its request too slowly.
    pub(crate) fn slow_request(patience: Duration) -> Self {
        let seconds = patience.as_secs_f64();
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            kind: "slow-request",
            title: "The request took too long to arrive",
            detail: format!("the request's body was not here within {seconds} s; send it again, faster"),
        }
    }

    /// A host that can't be told.
    pub(crate) fn bad_host(detail: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "bad-host",
            title: "The request's host can't be told",
            detail: detail.to_owned(),
        }
    }

    /// A tunnel to somewhere else.
    pub(crate) fn no_tunnel() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            kind: "no-tunnel",
            title: "This is not a forward proxy",
            detail: "CONNECT is not supported; ask for the service itself".to_owned(),
        }
    }

    /// The answer as problem JSON with its status.
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

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_answer_without_room_is_well_formed() {
        let (head, body) = FULL.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["status"], 503);
    }
}
