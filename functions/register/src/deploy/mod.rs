//! `POST /api/v1/deployments`: checks what is asked, seals its secrets, and puts it in line.

pub mod again;
pub mod body;
pub mod check;
mod expect;
pub mod place;
pub mod source;
pub mod variables;

use crate::{secret, transition};
use body::{StartBody, Started};
use check::Wanted;
use host::{Context, Error, Request, Response};
use model::{
    DeploymentId,
    deployment::Request as Order,
    document::{CarriedOutBy, Deployment, VariableVersions, deployment_path},
};
use std::collections::BTreeMap;

/// Accepts a deployment.
pub async fn start(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted = check::check(request.json::<StartBody>()?)?;
    let id = DeploymentId::from_random(ctx.random());
    ctx.about(&id);
    source::admit(&ctx, &wanted.source, id.as_str()).await?;
    let order = order(&ctx, id, &wanted).await?;
    let changes =
        variables::changes(&ctx, &wanted.service, &wanted.variables, &wanted.secrets, &wanted.unset).await?;
    let placing = place::Placing { order: &order, changes: &changes, may_drop: wanted.may_drop, seen: None };
    let answer = |deployment: &Deployment, first: bool| answer(&ctx, deployment, first);
    let placed = ctx.persisting(|| place::place(&ctx, &placing, answer)).await?;
    transition::hand_on(&ctx, &placed.messages, placed.ended).await;
    Ok(placed.response)
}

fn answer(ctx: &Context, deployment: &Deployment, first: bool) -> Response {
    let location = format!("/api/v1/deployments/{}", deployment.id);
    Response::json(201, &started(ctx, deployment, first)).header("location", location)
}

/// What an accepted deployment is answered with. `first`: nothing serves before it.
pub fn started(ctx: &Context, deployment: &Deployment, first: bool) -> Started {
    let queued = deployment.step == model::document::Step::Queue;
    let id = &deployment.id;
    let ahead = expect::Ahead {
        strategy: deployment.strategy,
        policy: &deployment.policy,
        limits: &deployment.limits,
        first,
        queued,
        builds: deployment.again.as_ref().is_none_or(|again| again.built.is_none()),
        place: ctx.ports.target.window_policy(),
        usual: deployment.usual.as_ref(),
    };
    Started {
        deployment_id: id.to_string(),
        service: deployment.service.to_string(),
        status: deployment.status,
        queued,
        expected: expect::expected(&ahead),
        notes: deployment.checks.clone(),
        events_url: format!("/api/v1/deployments/{id}/events"),
        logs_url: format!("/api/v1/deployments/{id}/logs"),
    }
}

/// The order; what it runs with is found when it takes its place.
async fn order(ctx: &Context, id: DeploymentId, wanted: &Wanted) -> Result<Order, Error> {
    let caller = ctx.caller()?;
    let tenant = &caller.tenant;
    let record = deployment_path(tenant, &id);
    let source_token = match &wanted.token {
        Some(token) => Some(secret::seal(ctx, tenant, &record, "source_token", token).await?),
        None => None,
    };
    Ok(Order {
        id,
        tenant: tenant.clone(),
        service: wanted.service.clone(),
        environment: wanted.environment.clone(),
        carried_out_by: CarriedOutBy::Sextant,
        requested_by: caller.user.clone(),
        source: Some(wanted.source.clone()),
        source_token,
        strategy: wanted.strategy,
        policy: wanted.policy.clone(),
        limits: wanted.limits.clone(),
        allow: wanted.allow.clone(),
        scan: wanted.scan,
        run: wanted.run.clone(),
        may_lack: wanted.may_lack,
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: None,
    })
}
