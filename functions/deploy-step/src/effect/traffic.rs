//! Sets traffic under its token, and stops revisions that nobody needs any more.

use super::{Failed, follow::follow};
use host::Context;
use model::{
    deployment::Outcome,
    document::{Deployment, Service, service_path},
    port::target::{Operation, TargetError, TrafficToken},
};
use std::collections::BTreeMap;

/// Lets people in to a first revision that had all traffic while it was closed.
pub async fn open(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let (target, service) = (&ctx.ports.target, deployment.key());
    let expected = expected(ctx, deployment).await?;
    match target.open(&service, &expected, &deployment.effect_key()).await {
        Ok(traffic) => Ok(Outcome::Opened(traffic)),
        Err(TargetError::Stale { .. }) => Ok(Outcome::TrafficMoved(target.traffic(&service).await?)),
        Err(error) => Err(error.into()),
    }
}

/// Starts to set these weights if traffic is as we last saw it. What serves afterwards is what the target says.
pub async fn set(
    ctx: &Context,
    deployment: &Deployment,
    weights: &BTreeMap<String, u32>,
) -> Result<Outcome, Failed> {
    let target = &ctx.ports.target;
    let service = deployment.key();
    let expected = expected(ctx, deployment).await?;
    match target.start_traffic(&service, &expected, weights, &deployment.effect_key()).await {
        Ok(()) => read(ctx, deployment, weights).await,
        Err(TargetError::Stale { .. }) => moved(ctx, deployment, weights).await,
        Err(error) => Err(error.into()),
    }
}

/// Traffic as we last saw it.
async fn expected(ctx: &Context, deployment: &Deployment) -> Result<TrafficToken, Failed> {
    Ok(match &deployment.traffic {
        Some(token) => token.clone(),
        None => ctx.ports.target.traffic(&deployment.key()).await?.token,
    })
}

/// How the change of traffic stands.
pub async fn read(
    ctx: &Context,
    deployment: &Deployment,
    weights: &BTreeMap<String, u32>,
) -> Result<Outcome, Failed> {
    let (target, service, key) = (&ctx.ports.target, deployment.key(), deployment.effect_key());
    match follow(ctx, || target.read_traffic(&service, &key)).await? {
        Operation::Unknown => Ok(Outcome::TrafficUnknown),
        Operation::Pending { why } => Ok(Outcome::TrafficPending { why }),
        Operation::Done(traffic) if traffic.weights == *weights => Ok(Outcome::TrafficSet(traffic)),
        Operation::Done(_) => moved(ctx, deployment, weights).await,
        Operation::Failed { reason } => {
            let hint = "Look at the target for why, then deploy again.";
            Err(Failed::lasting("traffic_refused", format!("Traffic could not be set: {reason}"), hint))
        }
    }
}

/// Somebody else has the last word, unless they say the same.
async fn moved(
    ctx: &Context,
    deployment: &Deployment,
    weights: &BTreeMap<String, u32>,
) -> Result<Outcome, Failed> {
    let traffic = ctx.ports.target.traffic(&deployment.key()).await?;
    let same = traffic.weights == *weights;
    Ok(if same { Outcome::TrafficSet(traffic) } else { Outcome::TrafficMoved(traffic) })
}

/// Stops every revision but `keep`; those that the service keeps for a rollback stay startable. Whoever moved traffic
/// since the last weight was set has the last word.
pub async fn retire(ctx: &Context, deployment: &Deployment, keep: &str) -> Result<Outcome, Failed> {
    let traffic = ctx.ports.target.traffic(&deployment.key()).await?;
    if traffic.closed || traffic.weights != BTreeMap::from([(keep.to_owned(), 100)]) {
        return Ok(Outcome::TrafficMoved(traffic));
    }
    let mut remember = kept(ctx, deployment).await?;
    remember.insert(0, keep.to_owned());
    remember.truncate(Service::KEPT);
    ctx.ports.target.retire(&deployment.key(), &[keep.to_owned()], &remember).await?;
    Ok(Outcome::Retired)
}

/// The revisions that the service keeps, newest first.
pub async fn kept(ctx: &Context, deployment: &Deployment) -> Result<Vec<String>, Failed> {
    let found = ctx.ports.store.get(&service_path(&deployment.tenant, &deployment.service)).await?;
    let service = found.map(|document| document.body.parse::<Service>()).transpose()?;
    Ok(service
        .map(|service| service.slot.kept.into_iter().map(|kept| kept.revision).collect())
        .unwrap_or_default())
}
