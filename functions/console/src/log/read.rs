//! `GET /api/v1/deployments/{id}/logs`: the build's log, by lines from either end, or as text.

use super::{Extent, LineView, following, is_last, newest};
use crate::{paging, read};
use bytes::Bytes;
use futures::{StreamExt, stream};
use host::{Context, Error, Request, Response};
use model::{
    document::{Deployment, log::Position},
    text::visible,
};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, sync::Arc};
use utoipa::ToSchema;

/// The most lines in one answer.
const MOST: usize = 5_000;
/// Lines in one answer unless told otherwise.
const USUAL: usize = 1_000;

/// Which lines of a build's log are asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// `next` of the answer before, `segment:line`; where the order begins if absent.
    #[schema(pattern = "^([0-9]{1,9}:[0-9]{1,9})?$")]
    pub after: Option<String>,
    /// `oldest` (if absent): from the start on; `newest`: from the end back, the newest line first.
    #[schema(pattern = "^(oldest|newest)?$")]
    pub order: Option<String>,
    /// At most this many, 1 to 5000; 1000 if absent.
    #[schema(minimum = 1, maximum = 5000)]
    pub limit: Option<usize>,
    /// `json` (if absent), or `text` for all of it as plain text, control characters escaped.
    #[schema(pattern = "^(json|text)?$")]
    pub format: Option<String>,
}

/// Some lines of a log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogPage {
    /// In the order that was asked for.
    pub lines: Vec<LineView>,
    /// `after` of the next request in the same order. A place is between two lines, so that it leads both ways.
    pub next: String,
    /// Whether nothing comes after these lines in this order, now or later.
    pub end: bool,
}

/// Reads the log.
pub async fn read(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: LogQuery = request.query()?;
    let from = position(wanted.after.as_deref())?;
    let limit = paging::limit(wanted.limit, USUAL, MOST)?;
    let text = match wanted.format.as_deref() {
        None | Some("" | "json") => false,
        Some("text") => true,
        Some(other) => return Err(unknown_format(other)),
    };
    let backwards = match wanted.order.as_deref() {
        None | Some("" | "oldest") => false,
        Some("newest") if !text => true,
        Some(other) => return Err(unknown_order(other)),
    };
    let deployment = read::deployment(&ctx, &request).await?;
    if backwards {
        return backward(&ctx, &deployment, from, limit).await;
    }
    let from = from.unwrap_or_default();
    if text { Ok(as_text(ctx, deployment, from)) } else { page(&ctx, &deployment, from, limit).await }
}

fn position(text: Option<&str>) -> Result<Option<Position>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    Position::parse(text).map(Some).ok_or_else(|| {
        let problem = "it is not `SEGMENT:LINE`, such as `0:12`";
        Error::unprocessable(format!(
            "The query's `after` is wrong: {problem}. Take `next` from the answer before."
        ))
        .field("after", problem)
    })
}

fn unknown_format(given: &str) -> Error {
    let given: String = given.chars().take(40).collect();
    let problem = format!("`{given}` is neither `json` nor `text`");
    Error::unprocessable(format!("The query's `format` is wrong: {problem}.")).field("format", problem)
}

fn unknown_order(given: &str) -> Error {
    let given: String = given.chars().take(40).collect();
    let problem = format!("`{given}` is neither `oldest` nor, with lines as JSON, `newest`");
    Error::unprocessable(format!("The query's `order` is wrong: {problem}.")).field("order", problem)
}

async fn backward(
    ctx: &Context,
    deployment: &Deployment,
    before: Option<Position>,
    limit: usize,
) -> Result<Response, Error> {
    let extent = Extent::read(&ctx.ports, deployment).await?;
    let before = before.unwrap_or_else(|| extent.end());
    let prefix = deployment.log_prefix();
    let (lines, next) = newest(&*ctx.ports.objects, &prefix, &extent, before, limit).await?;
    let lines = lines.iter().map(LineView::from).collect();
    let page = LogPage { lines, next: next.unwrap_or_default().to_string(), end: next.is_none() };
    Ok(Response::json(200, &page))
}

async fn page(
    ctx: &Context,
    deployment: &Deployment,
    from: Position,
    limit: usize,
) -> Result<Response, Error> {
    let (mut lines, mut next, mut over) = (vec![], from, false);
    while lines.len() < limit {
        let found = following(&*ctx.ports.objects, deployment, next.segment, next.line).await?;
        let Some((number, found)) = found else {
            // At rest nobody writes any more, whether or not the log was closed.
            over |= deployment.status.at_rest();
            break;
        };
        let room = limit - lines.len();
        over = found.iter().take(room).any(|(_, line)| is_last(deployment, number, line));
        lines.extend(found.iter().take(room).map(|(_, line)| LineView::from(line)));
        next = match found.get(room) {
            Some((line, _)) => Position { segment: number, line: *line },
            None => Position { segment: number + 1, line: 0 },
        };
    }
    Ok(Response::json(200, &LogPage { lines, next: next.to_string(), end: over }))
}

/// All of it from a position on, a segment at a time.
fn as_text(ctx: Context, deployment: Deployment, from: Position) -> Response {
    let deployment = Arc::new(deployment);
    let chunks = stream::try_unfold(from, move |at| {
        let (ctx, deployment) = (ctx.clone(), Arc::clone(&deployment));
        async move {
            let found = following(&*ctx.ports.objects, &deployment, at.segment, at.line).await?;
            let Some((number, found)) = found else { return Ok::<_, Error>(None) };
            let mut text = String::new();
            for (_, line) in found {
                let _ = writeln!(text, "{}", visible(&line.text));
            }
            Ok(Some((Bytes::from(text), Position { segment: number + 1, line: 0 })))
        }
    });
    Response::stream("text/plain; charset=utf-8", chunks.boxed())
}
