//! `POST /api/v1/deployments/{id}/let-go`: a way back that keeps failing is given up; whatever serves goes on serving.

use super::{Command, CommandBody, optional, run};
use host::{Context, Error, Request, Response};

/// Lets a deployment go.
pub async fn let_go(ctx: Context, request: Request) -> Result<Response, Error> {
    let body: CommandBody = optional(&request)?;
    run(&ctx, &request, Command::LetGo, body.seq).await
}
