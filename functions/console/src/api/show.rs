//! Shows one deployment, one service, one decision.

use crate::{
    read::{self, Whole},
    view::{DecisionView, ServiceView},
};
use host::{Context, Error, Request, Response};
use model::document::feedback_path;

/// `GET /api/v1/deployments/{id}`.
pub async fn deployment(ctx: Context, request: Request) -> Result<Response, Error> {
    let deployment = read::deployment(&ctx, &request).await?;
    let whole = Whole::read(&*ctx.ports.store, deployment).await?;
    Ok(Response::json(200, &whole.view(&ctx.ports)))
}

/// `GET /api/v1/services/{name}`.
pub async fn service(ctx: Context, request: Request) -> Result<Response, Error> {
    let service = read::service(&ctx, &request.id("name")?).await?;
    Ok(Response::json(200, &ServiceView::from(&service)))
}

/// `GET /api/v1/decisions/{id}`.
pub async fn decision(ctx: Context, request: Request) -> Result<Response, Error> {
    let decision = read::decision(&ctx, &request.id("id")?).await?;
    let feedback = read::document(&*ctx.ports.store, &feedback_path(ctx.tenant()?, &decision.id)).await?;
    Ok(Response::json(200, &DecisionView::of(&decision, feedback.as_ref())))
}
