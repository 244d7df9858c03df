//! Pages: rendered here, whole without JavaScript; with it, a deployment's page follows what happens.
//!
//! Invariant: whatever came from outside is escaped by the templates, and only `http(s)` addresses become links.
//! Nothing is loaded from anywhere else, and no script stands in a page.

mod asset;
mod chart;
mod compare;
mod deployment;
mod docs;
mod learnings;
mod live;
mod manage;
mod overview;
mod paint;
mod service;
mod words;

use askama::Template;
use host::{Error, Function, Response, Role, Route};

/// What pages may load: our own style and script, nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes of pages.
pub fn routes(function: Function) -> Function {
    let html = "text/html";
    docs::routes(asset::routes(function))
        .route(
            Route::get("/", Role::Viewer, "Page: services and deployments", overview::page)
                .answers_with(200, html),
        )
        .route(
            Route::get("/deployments/{id}", Role::Viewer, "Page: one deployment, live", deployment::page)
                .answers_with(200, html),
        )
        .route(
            Route::get(
                "/deployments/{id}/live",
                Role::Viewer,
                "The part of that page that changes",
                deployment::part,
            )
            .answers_with(200, html),
        )
        .route(
            Route::get("/services/{name}", Role::Viewer, "Page: one service", service::page)
                .answers_with(200, html),
        )
        .route(
            Route::get("/learnings", Role::Viewer, "Page: what was learned", learnings::page)
                .answers_with(200, html),
        )
}

/// A rendered page.
fn html(template: &impl Template) -> Result<Response, Error> {
    let page =
        template.render().map_err(|error| Error::internal(format!("a page can't be rendered: {error}")))?;
    Ok(Response::html(200, page).header("content-security-policy", POLICY))
}

/// An address that may become a link.
fn link(url: Option<&str>) -> Option<String> {
    url.filter(|url| url.starts_with("http://") || url.starts_with("https://")).map(str::to_owned)
}
