//! Pages of other origins that may call the API (the Fetch standard, "CORS protocol").
//!
//! Which ones is a setting, none by default. Invariant: no cookie ever counts for them, since credentials are never
//! allowed: a page of another origin sends a bearer token or is nobody.

use crate::Response;
use axum::http::{HeaderMap, HeaderValue, Method, request::Parts};

/// The origin of a request, if its pages may call: as it came, or `*` if all may.
pub(crate) fn allowed(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get("origin")?;
    let text = origin.to_str().ok().filter(|text| !text.is_empty() && *text != "null")?;
    let same = |allowed: &String| allowed.trim_end_matches('/').eq_ignore_ascii_case(text);
    if origins.iter().any(same) {
        return Some(origin.clone());
    }
    origins.iter().any(|allowed| allowed == "*").then_some(HeaderValue::from_static("*"))
}

/// Whether a browser asks beforehand what it may send.
pub(crate) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key("origin")
        && parts.headers.contains_key("access-control-request-method")
}

/// What a page of an allowed origin may send.
pub(crate) fn preflight() -> Response {
    Response::empty(204)
        .header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
        .header("access-control-allow-headers", "authorization, content-type, idempotency-key, last-event-id")
        .header("access-control-max-age", "600")
}

/// Lets the page read the answer, whatever it is.
pub(crate) fn open(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append("vary", HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert("access-control-allow-origin", origin);
    let exposed = HeaderValue::from_static("location, retry-after, idempotent-replay");
    headers.insert("access-control-expose-headers", exposed);
}
