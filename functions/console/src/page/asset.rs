//! The style, the script and the icon that pages load: carried by the binary, and known by their hash.

use bytes::Bytes;
use host::{
    Context, Error, Function, Request, Response, Role, Route,
    page::{ICON, STYLE as BASE},
};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The layout that all pages have, and what only ours need besides.
static STYLE: LazyLock<String> = LazyLock::new(|| [BASE, include_str!("../../assets/console.css")].concat());
const SCRIPT: &str = concat!(include_str!("../../assets/log.js"), include_str!("../../assets/console.js"));

/// The routes of assets. Nothing in them is anybody's.
pub fn routes(function: Function) -> Function {
    function
        .route(
            Route::get("/assets/console.css", Role::Public, "The pages' style", |_: Context, request| async move {
                answer(&request, &STYLE, "text/css; charset=utf-8")
            })
            .answers_with(200, "text/css"),
        )
        .route(
            Route::get("/assets/console.js", Role::Public, "The pages' script", |_: Context, request| async move {
                answer(&request, SCRIPT, "text/javascript; charset=utf-8")
            })
            .answers_with(200, "text/javascript"),
        )
        .route(
            Route::get("/assets/icon.svg", Role::Public, "The pages' icon", |_: Context, request| async move {
                answer(&request, ICON, "image/svg+xml")
            })
            .answers_with(200, "image/svg+xml"),
        )
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a handler answers")]
fn answer(request: &Request, text: &'static str, content_type: &str) -> Result<Response, Error> {
    Ok(known(request, text, || Response::bytes(200, content_type, Bytes::from_static(text.as_bytes()))))
}

/// An answer that follows from this text alone: 304 for whoever has it already, who asks each time.
pub fn known(request: &Request, text: &str, response: impl FnOnce() -> Response) -> Response {
    let tag = etag(text);
    let known =
        request.header("if-none-match").is_some_and(|given| given.split(',').any(|one| one.trim() == tag));
    let response = if known { Response::empty(304) } else { response() };
    response.header("etag", tag).header("cache-control", "no-cache")
}

fn etag(text: &str) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(text.as_bytes())[..8]))
}
