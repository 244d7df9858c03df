//! Logs of builds and of revisions that run.

mod extent;
mod newest;
pub mod read;
mod runtime;

pub use extent::Extent;
pub use newest::newest;

use host::{Function, Role, Route};
use model::{
    document::{
        Deployment,
        log::{Line, attempt_of, first_segment, segment_key},
    },
    port::{Objects, PortError},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The routes of logs.
pub fn routes(function: Function) -> Function {
    function
        .route(
            Route::get("/api/v1/deployments/{id}/logs", Role::Viewer, "Reads the build's log", read::read)
                .param::<crate::read::AnyId>("id")
                .query::<read::LogQuery>()
                .answers::<read::LogPage>(200)
                .answers_with(200, "text/plain"),
        )
        .route(
            Route::get(
                "/api/v1/deployments/{id}/runtime-logs",
                Role::Viewer,
                "Reads what the revision wrote, the newest lines or from a position on",
                runtime::read,
            )
            .param::<crate::read::AnyId>("id")
            .refuses(502)
            .query::<runtime::RuntimeQuery>()
            .answers::<runtime::RuntimePage>(200),
        )
}

/// One line of a build's log.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LineView {
    /// When it appeared.
    pub at: String,
    /// `out`, `err`, `sys` (said by the builder), or `end` for the last one.
    pub stream: String,
    /// The text, secrets hidden.
    pub text: String,
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        Self { at: line.at.rfc3339(), stream: line.stream.as_str().to_owned(), text: line.text.clone() }
    }
}

/// The lines of a segment with their numbers, from `first` on; `None` if there is no such segment yet. What is not
/// JSON has a number and is left out, as in [`model::document::log::lines`].
pub async fn segment(
    objects: &dyn Objects,
    prefix: &str,
    number: u32,
    first: u32,
) -> Result<Option<Vec<(u32, Line)>>, PortError> {
    let Some(bytes) = objects.get(&segment_key(prefix, number)).await? else { return Ok(None) };
    let raw = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let numbered = (0..).zip(raw).skip(first as usize);
    Ok(Some(numbered.filter_map(|(n, line)| Some((n, serde_json::from_slice(line).ok()?))).collect()))
}

/// A segment as it was read: its number, and its lines with theirs.
pub type Numbered = (u32, Vec<(u32, Line)>);

/// The segment of that number, or the first one of the next attempt that has any; `None` if there is nothing yet.
pub async fn following(
    objects: &dyn Objects,
    deployment: &Deployment,
    number: u32,
    first: u32,
) -> Result<Option<Numbered>, PortError> {
    let prefix = deployment.log_prefix();
    if let Some(lines) = segment(objects, &prefix, number, first).await? {
        return Ok(Some((number, lines)));
    }
    for attempt in attempt_of(number) + 1..=deployment.build_attempt() {
        let number = first_segment(attempt);
        if let Some(lines) = segment(objects, &prefix, number, 0).await? {
            return Ok(Some((number, lines)));
        }
    }
    Ok(None)
}

/// Whether a line is the last of all: that of an earlier attempt isn't.
pub fn is_last(deployment: &Deployment, segment: u32, line: &Line) -> bool {
    line.is_end() && attempt_of(segment) >= deployment.build_attempt()
}
