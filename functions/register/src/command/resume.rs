//! `POST /api/v1/deployments/{id}/resume`: what was held goes on by the evidence, with the whole time at its weight.

use super::{Command, CommandBody, optional, run};
use host::{Context, Error, Request, Response};

/// Lets a held shift go on.
pub async fn resume(ctx: Context, request: Request) -> Result<Response, Error> {
    let body: CommandBody = optional(&request)?;
    run(&ctx, &request, Command::Resume, body.seq).await
}
