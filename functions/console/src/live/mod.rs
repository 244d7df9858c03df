//! One deployment as it happens, as server-sent events that lose and repeat nothing.
//!
//! Each instance watches a deployment and the head of its log once, however many look on ([`hub`]); an event's JSON is
//! made once ([`state`]). A stream only keeps its own place and takes whatever is beyond it ([`stream`]), so a slow
//! reader holds up nobody, and an id leads back to the same place on any instance.
//!
//! | event | data | id |
//! |---|---|---|
//! | `status` | one line of the story: `{seq, at, status, progress, text}` | yes |
//! | `log` | one line of the build's log: `{at, stream, text}` | yes |
//! | `canary` | the shift as it stands | no |
//! | `reset` | what came since that id is no longer kept: `{text, log_from, deployment}` | yes |
//! | `done` | at rest: the deployment | yes |
//!
//! Pages that list follow [`changes`] instead: that something is new, not what.

mod admit;
mod changes;
mod feed;
mod frame;
mod hub;
mod id;
mod open;
mod state;
mod stream;
mod tenants;

pub use frame::start_id;
pub use hub::Hub;

use host::{Function, Role, Route};
use model::time::SECOND_MS;
use std::sync::Arc;

/// A stream ends by itself this long before the function's timeout would cut it off.
const STREAM_MS: i64 = (crate::TIMEOUT_S as i64 - 60) * SECOND_MS;

/// The routes of live streams.
pub fn routes(function: Function, hub: &Arc<Hub>) -> Function {
    let (events, changes, metrics) = (Arc::clone(hub), Arc::clone(hub), Arc::clone(hub));
    function
        .route(
            Route::get(
                "/api/v1/deployments/{id}/events",
                Role::Viewer,
                "Follows a deployment: server-sent events that resume by Last-Event-ID",
                move |ctx, request| open::open(Arc::clone(&events), ctx, request),
            )
            .param::<crate::read::AnyId>("id")
            .query::<open::EventsQuery>()
            .answers_with(200, "text/event-stream")
            .answers_with(204, ""),
        )
        .route(
            Route::get(
                "/api/v1/events",
                Role::Viewer,
                "Says whenever a service or a deployment changed: server-sent events",
                move |ctx, _| {
                    let opened = changes::open(Arc::clone(&changes), &ctx);
                    async { opened }
                },
            )
            .answers_with(200, "text/event-stream"),
        )
        .route(
            Route::get("/metrics", Role::Viewer, "This instance's counters, for Prometheus", move |_, _| {
                let text = metrics.prometheus();
                async { Ok(host::Response::bytes(200, "text/plain; version=0.0.4; charset=utf-8", text)) }
            })
            .answers_with(200, "text/plain"),
        )
}
