//! `GET /api/v1/deployments/{id}/logs`: the build's log, by lines or as text.

use super::{LineView, following, is_last};
use crate::{paging, read};
use bytes::Bytes;
use futures::{StreamExt, stream};
use host::{Context, Error, Request, Response};
use model::document::{Deployment, log::Position};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, sync::Arc};
use utoipa::ToSchema;

/// The most lines in one answer.
const MOST: usize = 5_000;
/// Lines in one answer unless told otherwise.
const USUAL: usize = 1_000;

/// Which lines.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// `next` of the answer before, `segment:line`; the beginning if absent.
    pub after: Option<String>,
    /// At most this many, 1 to 5000; 1000 if absent.
    pub limit: Option<usize>,
    /// `json` (if absent), or `text` for all of it as plain text.
    pub format: Option<String>,
}

/// Some lines of a log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogPage {
    /// In order.
    pub lines: Vec<LineView>,
    /// `after` of the next request.
    pub next: String,
    /// Whether nothing comes after these lines.
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
    let deployment = read::deployment(&ctx, &request).await?;
    if text { Ok(as_text(ctx, deployment, from)) } else { page(&ctx, &deployment, from, limit).await }
}

fn position(text: Option<&str>) -> Result<Position, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Position::default()) };
    Position::parse(text).ok_or_else(|| {
        let problem = "it is not `SEGMENT:LINE`, such as `0:12`";
        Error::bad_request(format!(
            "The query's `after` is wrong: {problem}. Take `next` from the answer before."
        ))
        .field("after", problem)
    })
}

fn unknown_format(given: &str) -> Error {
    let given: String = given.chars().take(40).collect();
    let problem = format!("`{given}` is neither `json` nor `text`");
    Error::bad_request(format!("The query's `format` is wrong: {problem}.")).field("format", problem)
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
                let _ = writeln!(text, "{}", line.text);
            }
            Ok(Some((Bytes::from(text), Position { segment: number + 1, line: 0 })))
        }
    });
    Response::stream("text/plain; charset=utf-8", chunks.boxed())
}
