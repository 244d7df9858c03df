//! `GET /docs` and `GET /docs/{name}`: the Markdown of `docs/`, rendered, and as it is under `NAME.md`.
//!
//! Carried by the binary. Nothing in it is anybody's or secret, so nobody need be signed in.

mod render;

use super::{asset, html};
use askama::Template;
use host::{Context, Error, Function, Request, Response, Role, Route};

/// One file of `docs/`.
struct Doc {
    /// Its name, without `.md`.
    name: &'static str,
    /// What one finds in it.
    about: &'static str,
    text: &'static str,
}

macro_rules! docs {
    ($($name:literal: $about:literal,)*) => {
        &[$(Doc { name: $name, about: $about, text: include_str!(concat!("../../../docs/", $name, ".md")) },)*]
    };
}

/// In the order of the index; a test holds it to the folder.
const DOCS: &[Doc] = docs! {
    "api": "How the API is used: tokens, pages, repeats, streams, uploads, metrics that you send.",
    "routes": "Every function with what starts it, every address with who may use it.",
    "errors": "Every error that the API answers, with what it means and what to do.",
    "settings": "Every setting: its variable and flag, what it takes, who reads it.",
    "canary": "How a canary decides: what is asked, what a verdict means, how often it errs.",
    "limits": "What it can't do, what it keeps and for how long, how much it takes.",
    "measurements": "How fast it is, and what measures that.",
    "assumptions": "What was built to documentation and emulators, and not yet checked against the real cloud.",
};

impl Doc {
    /// Its first heading.
    fn title(&self) -> &'static str {
        self.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.name)
    }
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Index {
    docs: &'static [Doc],
}

#[derive(Template)]
#[template(path = "doc.html")]
struct Page {
    doc: &'static Doc,
    docs: &'static [Doc],
    /// Safe: it is made by `render`, which escapes what it doesn't know.
    body: String,
}

/// The routes.
pub fn routes(function: Function) -> Function {
    function
        .route(
            Route::get("/docs", Role::Public, "Page: the documentation, an index", index)
                .answers_with(200, "text/html"),
        )
        .route(
            Route::get(
                "/docs/{name}",
                Role::Public,
                "Page: one part of the documentation; with `.md` behind its name, the Markdown itself",
                page,
            )
            .answers_with(200, "text/html"),
        )
}

async fn index(_: Context, request: Request) -> Result<Response, Error> {
    answer(&request, &Index { docs: DOCS })
}

async fn page(_: Context, request: Request) -> Result<Response, Error> {
    let wanted = request.param("name");
    let name = wanted.strip_suffix(".md").unwrap_or(wanted);
    let Some(doc) = DOCS.iter().find(|doc| doc.name == name) else {
        let names: Vec<&str> = DOCS.iter().map(|doc| doc.name).collect();
        return Err(Error::not_found(format!(
            "There is no page `{name}` in the documentation. There are {}; /docs is the index.",
            names.join(", ")
        )));
    };
    if name == wanted {
        return answer(&request, &Page { doc, docs: DOCS, body: render::html(doc.text) });
    }
    let raw = || Response::bytes(200, "text/markdown; charset=utf-8", doc.text.as_bytes());
    Ok(asset::known(&request, doc.text, raw))
}

/// A page that follows from the binary alone, known by the hash of what it says.
fn answer(request: &Request, template: &impl Template) -> Result<Response, Error> {
    let response = html(template)?;
    let text = response.whole().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    Ok(asset::known(request, &text, || response))
}
