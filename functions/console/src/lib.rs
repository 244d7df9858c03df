//! The read API, live streams, and the pages that people look at.
//!
//! Invariant: nothing here changes a document. Buttons on pages call the same routes as everybody else.

mod api;
mod live;
mod log;
mod page;
mod paging;
mod read;
pub mod view;

use host::{Door, Function, Port};
use std::sync::Arc;

/// Requests are cut off after this long; streams end by themselves before.
const TIMEOUT_S: u32 = 900;

/// The function's declaration.
pub fn function() -> Function {
    let function = Function::new("console", "Pages, the read API and live streams")
        .timeout_s(TIMEOUT_S)
        .concurrency(256)
        .permissions(&["datastore.viewer", "storage.objectViewer", "run.viewer", "logging.viewer"])
        .uses(&[Port::Store, Port::Target, Port::Objects])
        .door(Door::Public);
    let hub = Arc::new(live::Hub::default());
    problems(page::routes(live::routes(log::routes(api::routes(function)), &hub)))
}

fn problems(function: Function) -> Function {
    function
        .problem(
            "not-carried-out",
            "The decision exists, but no deployment carries it out yet. Deploy it, or register its deployment.",
        )
        .problem(
            "too-many-streams",
            "You, your team, or all readers of this instance together follow as many deployments as they may (429 for the first two, 503 for the last). Close a stream, or come back in ten seconds.",
        )
        .problem("no-revision", "The deployment never came to release a revision; its build log tells why.")
}
