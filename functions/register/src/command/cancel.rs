//! `POST /api/v1/deployments/{id}/cancel`: ends it; where something was begun, traffic goes back first.

use super::{Command, CommandBody, optional, run};
use host::{Context, Error, Request, Response};

/// Cancels a deployment.
pub async fn cancel(ctx: Context, request: Request) -> Result<Response, Error> {
    let body: CommandBody = optional(&request)?;
    run(&ctx, &request, Command::Cancel, body.seq).await
}
