//! The page that the `type` of every problem leads to.

use crate::{
    Function, Kind, Response,
    page::{self, escaped, sentence},
};
use std::fmt::Write;

/// Slugs of the host's own that are not a kind's.
const OWN: [(&str, &str); 4] = [
    (
        "busy",
        "As many requests as one instance takes at once are running. Nothing was done; wait for Retry-After.",
    ),
    ("cross-site", "The session cookie came along with a request of another site's page. Nothing was done."),
    (
        "idempotency-running",
        "The first request with this Idempotency-Key is still running. Repeat it to get its answer.",
    ),
    (
        "idempotency-reused",
        "This Idempotency-Key belongs to another request. Nothing was done; use a new key.",
    ),
];

/// What a kind means and what to do.
fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest => {
            "The request can't be read: its body is empty, broken off or no JSON. Correct it and send it again."
        }
        Kind::Unauthenticated => {
            "There is no valid token. Get one with `sextant token`, or a sign-in link with `sextant open`."
        }
        Kind::Forbidden => "The token is valid, but its role or origin is not enough.",
        Kind::NotFound => "It doesn't exist, or belongs to another tenant. Check the id.",
        Kind::MethodNotAllowed => "The address is right, the method is not; `allowed` lists those there are.",
        Kind::RequestTimeout => "The request arrived too slowly. Nothing was done.",
        Kind::Conflict => {
            "What it is about is in another state than this needs, or was changed meanwhile. Read it, then decide again."
        }
        Kind::Gone => "It was there and is over: an old link, a used token.",
        Kind::TooLarge => "The body has more bytes than this address takes.",
        Kind::Misdirected => "The request was sent to a host name that this server doesn't answer for.",
        Kind::Unprocessable => {
            "The request is readable, but a part of it is wrong or what it asks for isn't possible; `errors` names the fields. Correct them and send it again."
        }
        Kind::TooMany => "Too many in a short time. Wait for Retry-After.",
        Kind::Internal => "A defect or broken data on our side. The log has more under `error_id`.",
        Kind::Dependency => {
            "A service that this needs refused and would refuse again. The log has more under `error_id`."
        }
        Kind::Unavailable => {
            "A service that this needs can't be reached now. The same request may work later."
        }
        Kind::Timeout => "It took longer than allowed. What was committed stays.",
    }
}

/// One problem as people look it up.
pub(crate) struct Problem {
    /// The last part of its `type`.
    pub slug: &'static str,
    /// Status and title; the slug where it has no title of its own.
    pub title: String,
    /// What it means and what to do: one sentence for each function that declares it.
    pub meanings: Vec<&'static str>,
    /// The functions that declare it; none for what every address answers.
    pub functions: Vec<&'static str>,
}

/// Every problem there is: the host's own first, then what functions declare, each slug once.
pub(crate) fn all(functions: &[Function]) -> Vec<Problem> {
    let one = |slug, title, meaning| Problem { slug, title, meanings: vec![meaning], functions: vec![] };
    let kinds = Kind::ALL
        .iter()
        .map(|kind| one(kind.slug(), format!("{} {}", kind.status(), kind.title()), meaning(*kind)));
    let own = OWN.iter().map(|(slug, meaning)| one(slug, (*slug).to_owned(), *meaning));
    let mut all: Vec<Problem> = kinds.chain(own).collect();
    for function in functions {
        for (slug, meaning) in &function.problems {
            let known = all.iter().position(|problem| problem.slug == *slug).unwrap_or_else(|| {
                all.push(Problem { slug, title: (*slug).to_owned(), meanings: vec![], functions: vec![] });
                all.len() - 1
            });
            all[known].meanings.push(meaning);
            all[known].functions.push(function.name);
        }
    }
    all
}

/// `GET /errors`.
pub(crate) fn page(functions: &[Function]) -> Response {
    let mut body = String::from(
        "<h1>Errors</h1>\n<p class=\"dim\">What the <code>type</code> of an answer leads to.</p>\n<dl>\n",
    );
    for Problem { slug, title, meanings, .. } in all(functions) {
        let (slug, title, meaning) = (escaped(slug), escaped(&title), sentence(&meanings.join(" ")));
        let shown = if slug == title { String::new() } else { format!("{title} ") };
        let _ = writeln!(body, "<dt id=\"{slug}\">{shown}<code>{slug}</code></dt><dd>{meaning}</dd>");
    }
    page::plain(200, "Errors", &(body + "</dl>"))
}

/// A problem for a person: the same words, on a page. Who isn't signed in is told how that is done here.
pub(crate) fn problem_page(status: u16, document: &serde_json::Value) -> Response {
    if status == Kind::Unauthenticated.status() {
        return sign_in(status);
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let title = text(&document["title"]);
    let mut body = format!("<h1>{}</h1>\n<p>{}</p>\n", escaped(&title), sentence(&text(&document["detail"])));
    for field in document["errors"].as_array().into_iter().flatten() {
        let (field, problem) = (escaped(&text(&field["field"])), sentence(&text(&field["problem"])));
        let _ = writeln!(body, "<p><code>{field}</code>: {problem}</p>");
    }
    if let Some(id) = document["error_id"].as_str() {
        let _ = writeln!(body, "<p>The log has more under <code>{}</code>.</p>", escaped(id));
    }
    let meaning = escaped(&text(&document["type"]));
    let _ = write!(
        body,
        "<p class=\"note\"><a href=\"/\">To the overview</a> · <a href=\"{meaning}\">What this means</a></p>"
    );
    page::plain(status, &title, &body)
}

/// The way in, for whoever looks with a browser.
fn sign_in(status: u16) -> Response {
    let body = "<h1>Sign in</h1>\n<p>Nobody is signed in with this browser, or the session of twelve hours is over. \
                Where Sextant runs, ask for a link:</p>\n<pre>sextant open</pre>\n<p>It opens this console, signed in. \
                With <code>--print</code> it prints the link instead, for a browser elsewhere. A link works once, \
                within five minutes; a new one can be made at any time.</p>\n<p class=\"note\">Programs send \
                <code>Authorization: Bearer TOKEN</code>, with a token of <code>sextant token</code>. \
                <a href=\"/errors#unauthenticated\">What this means</a></p>";
    page::plain(status, "Sign in", body)
}
