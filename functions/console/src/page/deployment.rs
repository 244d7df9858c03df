//! `GET /deployments/{id}`: one deployment, live.

use super::{
    html,
    live::{Live, Story},
    paint::{Run, runs},
};
use crate::{
    live::start_id,
    log::{Extent, newest},
    read::{self, Whole},
};
use askama::Template;
use host::{Context, Error, Request, Response};
use model::document::{
    Deployment,
    log::{Line, Position},
};

/// Log lines that the page begins with; the script fetches what comes after and, asked to, before; the link has all.
const LINES: usize = 400;

#[derive(Template)]
#[template(path = "deployment.html")]
struct Page {
    live: Live,
    story: Story,
    lines: Vec<LogLine>,
    /// Where the lines before these end, if there are any.
    earlier: Option<Position>,
    start: String,
}

/// Both parts that change, each under the id of its place in the page.
#[derive(Template)]
#[template(path = "part.html")]
struct Part {
    live: Live,
    story: Story,
}

struct LogLine {
    stream: &'static str,
    runs: Vec<Run>,
}

/// The page.
pub async fn page(ctx: Context, request: Request) -> Result<Response, Error> {
    let deployment = read::deployment(&ctx, &request).await?;
    let (lines, earlier, end) = tail(&ctx, &deployment).await?;
    let start = start_id(&deployment, end);
    let whole = Whole::read(&*ctx.ports.store, deployment).await?;
    let view = whole.view(&ctx.ports);
    let (live, story) = (Live::of(&whole, &view), Story::of(&whole, &view, &ctx.ports));
    html(&Page { live, story, lines, earlier, start })
}

/// Only what changes, for the script to put in place.
pub async fn part(ctx: Context, request: Request) -> Result<Response, Error> {
    let deployment = read::deployment(&ctx, &request).await?;
    let whole = Whole::read(&*ctx.ports.store, deployment).await?;
    let view = whole.view(&ctx.ports);
    html(&Part { live: Live::of(&whole, &view), story: Story::of(&whole, &view, &ctx.ports) })
}

/// The newest lines of the log, the place before them if there are more, and where to go on.
async fn tail(
    ctx: &Context,
    deployment: &Deployment,
) -> Result<(Vec<LogLine>, Option<Position>, Position), Error> {
    let extent = Extent::read(&ctx.ports, deployment).await?;
    let (prefix, end) = (deployment.log_prefix(), extent.end());
    let (lines, earlier) = newest(&*ctx.ports.objects, &prefix, &extent, end, LINES).await?;
    Ok((lines.iter().rev().map(LogLine::from).collect(), earlier, end))
}

impl From<&Line> for LogLine {
    fn from(line: &Line) -> Self {
        Self { stream: line.stream.as_str(), runs: runs(&line.text) }
    }
}
