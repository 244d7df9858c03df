//! `GET /deployments/{id}`: one deployment, live.

use super::{
    html,
    live::{Live, Story},
};
use crate::{
    live::start_id,
    log::segment,
    read::{self, Whole},
};
use askama::Template;
use host::{Context, Error, Request, Response};
use model::document::log::{Line, Position};

/// Log lines that the page begins with; the script fetches what comes after, the link has all.
const LINES: usize = 400;
/// Segments looked at for them, from the end.
const SEGMENTS: u32 = 2;

#[derive(Template)]
#[template(path = "deployment.html")]
struct Page {
    live: Live,
    story: Story,
    lines: Vec<LogLine>,
    cut: bool,
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
    text: String,
}

/// The page.
pub async fn page(ctx: Context, request: Request) -> Result<Response, Error> {
    let deployment = read::deployment(&ctx, &request).await?;
    let (lines, cut, position) = tail(&ctx, &deployment.log_prefix()).await?;
    let start = start_id(&deployment, position);
    let whole = Whole::read(&*ctx.ports.store, deployment).await?;
    let view = whole.view(&ctx.ports);
    let (live, story) = (Live::of(&whole, &view), Story::of(&whole, &view, &ctx.ports));
    html(&Page { live, story, lines, cut, start })
}

/// Only what changes, for the script to put in place.
pub async fn part(ctx: Context, request: Request) -> Result<Response, Error> {
    let deployment = read::deployment(&ctx, &request).await?;
    let whole = Whole::read(&*ctx.ports.store, deployment).await?;
    let view = whole.view(&ctx.ports);
    html(&Part { live: Live::of(&whole, &view), story: Story::of(&whole, &view, &ctx.ports) })
}

/// The newest lines of the log, whether there are more before them, and where to go on.
async fn tail(ctx: &Context, prefix: &str) -> Result<(Vec<LogLine>, bool, Position), Error> {
    let objects = &*ctx.ports.objects;
    let head = crate::live::head(objects, prefix).await?;
    let first = head.saturating_sub(SEGMENTS);
    let mut lines: Vec<Line> = vec![];
    for number in first..head {
        let found = segment(objects, prefix, number, 0).await?.unwrap_or_default();
        lines.extend(found.into_iter().map(|(_, line)| line));
    }
    let surplus = lines.len().saturating_sub(LINES);
    let cut = first > 0 || surplus > 0;
    let shown = lines.into_iter().skip(surplus);
    let shown = shown.map(|line| LogLine { stream: line.stream.as_str(), text: line.text }).collect();
    Ok((shown, cut, Position { segment: head, line: 0 }))
}
