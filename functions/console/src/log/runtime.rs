//! `GET /api/v1/deployments/{id}/runtime-logs`: what the revision wrote lately.

use crate::{paging, read};
use host::{Context, Error, Request, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many lines.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeQuery {
    /// At most this many, 1 to 2000; 200 if absent.
    pub lines: Option<usize>,
}

/// The newest lines of a revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuntimeLines {
    /// Which revision.
    pub revision: String,
    /// Oldest first, secrets hidden.
    pub lines: Vec<String>,
}

/// Reads the newest lines.
pub async fn read(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: RuntimeQuery = request.query()?;
    let limit = paging::limit(wanted.lines, 200, 2_000)?;
    let deployment = read::deployment(&ctx, &request).await?;
    let Some(released) = &deployment.released else {
        return Err(Error::not_found(format!(
            "`{}` has no revision that could have written anything: it is {}. `…/logs` has the build's log.",
            deployment.id,
            deployment.status.as_str()
        ))
        .slug("no-revision"));
    };
    let lines = ctx.ports.target.runtime_log(&deployment.key(), &released.revision, limit).await?;
    Ok(Response::json(200, &RuntimeLines { revision: released.revision.clone(), lines }))
}
