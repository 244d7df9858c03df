//! `POST /api/v1/deployments/{id}/promote`: a person vouches for the present weight. They name the one they saw, so
//! that a double click doesn't skip a weight.

use super::{Command, run};
use host::{Context, Error, Request, Response};
use serde::Deserialize;

/// Which weight is vouched for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteBody {
    /// Index into the policy's weights that the caller saw.
    pub index: usize,
    /// The newest `seq` of the timeline that the caller saw.
    #[serde(default)]
    pub seq: Option<u64>,
}

/// Goes on to the next weight.
pub async fn promote(ctx: Context, request: Request) -> Result<Response, Error> {
    let body: PromoteBody = request.json()?;
    run(&ctx, &request, Command::Promote(body.index), body.seq).await
}
