//! `POST /api/v1/deployments/{id}/pause`: no further weight until somebody promotes, cancels or deploys anew.

use super::{Command, CommandBody, optional, run};
use host::{Context, Error, Request, Response};

/// Holds a shift at its present weight.
pub async fn pause(ctx: Context, request: Request) -> Result<Response, Error> {
    let body: CommandBody = optional(&request)?;
    run(&ctx, &request, Command::Pause, body.seq).await
}
