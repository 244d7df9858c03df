//! `GET /api/v1/deployments/{id}/runtime-logs`: what the revision wrote, lately or from a position on.

use crate::{paging, read};
use host::{Context, Error, Request, Response};
use model::port::{
    PortError,
    target::{LogPosition, RuntimeLines, TargetError},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which lines of a revision's log are asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeQuery {
    /// At most this many, 1 to 2000; 200 if absent.
    #[schema(minimum = 1, maximum = 2000)]
    pub lines: Option<usize>,
    /// `next` of the answer before, to go on from there; the newest lines if absent.
    pub after: Option<String>,
}

/// Some lines that a revision wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuntimePage {
    /// The revision that wrote them.
    pub revision: String,
    /// Oldest first, secrets hidden.
    pub lines: Vec<String>,
    /// `after` of the next request; `null` where only the last lines are kept and nothing comes after them.
    pub next: Option<String>,
    /// Whether lines between `after` and these are no longer kept.
    pub missed: bool,
}

/// Reads lines. Of a revision whose log is gone as well, what it wrote last stands with its deployment.
pub async fn read(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: RuntimeQuery = request.query()?;
    let limit = paging::limit(wanted.lines, 200, 2_000)?;
    let after = wanted.after.filter(|text| !text.is_empty()).map(LogPosition);
    let deployment = read::deployment(&ctx, &request).await?;
    let Some(released) = &deployment.released else {
        return Err(Error::not_found(format!(
            "`{}` has no revision that could have written anything: it is {}. `…/logs` has the build's log.",
            deployment.id,
            deployment.status.as_str()
        ))
        .slug("no-revision"));
    };
    let revision = released.revision.clone();
    let read = ctx.ports.target.runtime_log(&deployment.key(), &revision, after.as_ref(), limit).await;
    let page = match read {
        Ok(RuntimeLines { lines, next, missed }) => {
            RuntimePage { revision, lines, next: Some(next.0), missed }
        }
        Err(TargetError::Gone { .. }) if !deployment.last_words.is_empty() => RuntimePage {
            revision,
            lines: last(&deployment.last_words, limit),
            next: None,
            missed: after.is_some(),
        },
        // The first page was read without a position: what is refused for good is where this one was to go on.
        Err(TargetError::Port(PortError::Permanent(_))) if after.is_some() => {
            let problem = "it is not a place in this log";
            return Err(Error::unprocessable(format!(
                "The query's `after` is wrong: {problem}. Take `next` from the answer before, or leave it out."
            ))
            .field("after", problem));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Response::json(200, &page))
}

fn last(lines: &[String], limit: usize) -> Vec<String> {
    lines[lines.len().saturating_sub(limit)..].to_vec()
}
