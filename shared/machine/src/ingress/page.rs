//! What a visitor with a browser sees where an app should be: what is the matter in a sentence, and nothing of what is
//! inside.
//!
//! Invariant: a page tells no name of a service, a revision or a host, and loads nothing.

use super::{body::Body, reply::Problem};
use bytes::Bytes;
use hyper::{
    HeaderMap, Response,
    header::{self, HeaderValue},
};

/// What each page begins with.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"robots\" content=\"noindex\">\n<style>\
    :root{color-scheme:light dark;--page:#f7f8fa;--card:#fff;--text:#1a1d21;--dim:#626b76;--line:#dfe3e8}\
    @media(prefers-color-scheme:dark){:root{--page:#111418;--card:#191d23;--text:#e6e9ed;--dim:#99a3af;--line:#2c333c}}\
    body{margin:0;display:grid;min-height:100vh;place-items:center;background:var(--page);color:var(--text);\
    font:16px/1.5 system-ui,sans-serif}\
    main{box-sizing:border-box;width:min(34rem,100% - 2rem);padding:2rem;background:var(--card);\
    border:1px solid var(--line);border-radius:10px}h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}\
    p{margin:.5rem 0}.dim{color:var(--dim);font-size:.875rem}</style>\n";

/// Whether a request is a browser's for a page.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

impl Problem {
    /// The answer: a page for whoever looks with a browser, a document for programs.
    pub(crate) fn answer(&self, page: bool) -> Response<Body> {
        if page { self.page() } else { self.response() }
    }

    fn page(&self) -> Response<Body> {
        let (title, sentence, ours) = self.to_visitors();
        let more = if ours { "<p class=\"dim\">If you run it, its log says more.</p>\n" } else { "" };
        let page = format!(
            "{HEAD}<title>{title}</title>\n<main>\n<h1>{title}</h1>\n<p>{sentence}</p>\n{more}</main>\n</html>\n"
        );
        let mut response = self.response();
        *response.body_mut() = Body::full(Bytes::from(page));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }

    /// Title, sentence, and whether whoever runs the app can do something about it.
    fn to_visitors(&self) -> (&'static str, &'static str, bool) {
        match self.kind {
            "unknown-host" | "unknown-tag" => {
                ("Nothing is here", "No site has this name. Check the address for a mistake.", false)
            }
            "nothing-serving" => {
                ("Nothing is here yet", "This site is not published at the moment. Come back later.", true)
            }
            "service-stopped" => {
                (self.title, "Whoever runs it has switched it off for now. Come back later.", false)
            }
            "revision-stopped" => ("Not available", "This version of the site was switched off.", true),
            "revision-starting" => {
                ("Just starting", "The site is starting up. Load this page again in a few seconds.", true)
            }
            "no-answer" | "too-slow" => (
                "The site doesn't answer",
                "Nothing is wrong with your connection: the app behind this address gave no answer. Load this page again in a minute.",
                true,
            ),
            _ => (self.title, "The request could not be passed on. Send it again.", false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use std::time::Duration;

    #[tokio::test]
    async fn a_visitor_is_told_no_name() {
        let inside = "inside-name";
        for problem in [
            Problem::unknown_host(inside),
            Problem::unknown_tag(inside, inside, &[inside.to_owned()]),
            Problem::nothing_serving(inside),
            Problem::service_stopped(inside),
            Problem::stopped(inside),
            Problem::starting(inside),
            Problem::no_answer(inside, inside),
            Problem::too_slow(inside, Duration::from_secs(1)),
        ] {
            let response = problem.answer(true);
            assert_eq!(response.status(), problem.status);
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            let page = std::str::from_utf8(&bytes).unwrap();
            assert!(!page.contains(inside) && page.contains("<h1>"), "{page}");
            assert!(page.len() < 2048 && !page.contains("http"), "{page}");
        }
    }
}
