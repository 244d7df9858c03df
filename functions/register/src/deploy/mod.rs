//! `POST /api/v1/deployments`: checks what is asked, seals its secrets, and puts it in line.

pub mod body;
mod check;
mod expect;
pub mod place;
pub mod source;
mod variables;

use crate::{secret, transition};
use body::{StartBody, Started};
use check::Wanted;
use host::{Context, Error, Request, Response, seal};
use model::{
    DeploymentId,
    deployment::Request as Order,
    document::{CarriedOutBy, Deployment, Sealed, VariableChanges, deployment_path, variable_context},
};
use std::collections::BTreeMap;

/// Accepts a deployment.
pub async fn start(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted = check::check(request.json::<StartBody>()?)?;
    let id = DeploymentId::from_random(ctx.random());
    ctx.about(&id);
    source::admit(&ctx, &wanted.source, id.as_str()).await?;
    let order = order(&ctx, id, &wanted).await?;
    let changes = changes(&ctx, &wanted).await?;
    let answer = |deployment: &Deployment, first: bool| answer(&ctx, &wanted, deployment, first);
    let placed = ctx.persisting(|| place::place(&ctx, &order, &changes, answer)).await?;
    transition::hand_on(&ctx, &placed.messages, placed.ended).await;
    Ok(placed.response)
}

fn answer(ctx: &Context, wanted: &Wanted, deployment: &Deployment, first: bool) -> Response {
    let queued = deployment.step == model::document::Step::Queue;
    let id = &deployment.id;
    let started = Started {
        deployment_id: id.to_string(),
        service: deployment.service.to_string(),
        status: deployment.status,
        queued,
        expected: expect::expected(
            wanted,
            &deployment.policy,
            first,
            queued,
            ctx.ports.target.window_policy(),
        ),
        events_url: format!("/api/v1/deployments/{id}/events"),
        logs_url: format!("/api/v1/deployments/{id}/logs"),
    };
    Response::json(201, &started).header("location", format!("/api/v1/deployments/{id}"))
}

/// What it changes about the variables of its service; secrets are sealed for the service, each for its own name.
async fn changes(ctx: &Context, wanted: &Wanted) -> Result<VariableChanges, Error> {
    let tenant = ctx.tenant()?;
    let mut secret: BTreeMap<String, Sealed> = BTreeMap::new();
    for (name, value) in &wanted.secrets {
        let context = variable_context(tenant, &wanted.service, name.as_str());
        secret.insert(name.to_string(), seal::seal(&ctx.ports, &context, value).await?);
    }
    let plain = wanted.variables.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    Ok(VariableChanges { plain, secret, unset: wanted.unset.clone() })
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
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
    })
}
