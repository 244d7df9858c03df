//! Sets traffic under its token, and stops revisions that nobody needs any more.

use super::Failed;
use host::Context;
use model::{
    deployment::Outcome,
    document::{Deployment, Service, service_path},
    port::target::{TargetError, TrafficToken},
};
use std::collections::BTreeMap;

/// Sets these weights if traffic is as we last saw it. What serves afterwards is what the target says.
pub async fn set(
    ctx: &Context,
    deployment: &Deployment,
    weights: &BTreeMap<String, u32>,
) -> Result<Outcome, Failed> {
    let target = &ctx.ports.target;
    let service = deployment.key();
    let expected = match &deployment.traffic {
        Some(token) => token.clone(),
        None => target.traffic(&service).await?.token,
    };
    match target.set_traffic(&service, &expected, weights, &deployment.effect_key()).await {
        Ok(traffic) => Ok(Outcome::TrafficSet(traffic)),
        Err(TargetError::Stale { .. }) => {
            let traffic = target.traffic(&service).await?;
            Ok(if traffic.weights == *weights {
                Outcome::TrafficSet(traffic)
            } else {
                Outcome::TrafficMoved(traffic)
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Stops every revision but `keep`; those that the service keeps for a rollback stay startable.
pub async fn retire(ctx: &Context, deployment: &Deployment, keep: &str) -> Result<Outcome, Failed> {
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
        .map(|service| service.kept.into_iter().map(|kept| kept.revision).collect())
        .unwrap_or_default())
}

/// A service that has no traffic to speak of.
pub fn nothing() -> model::port::target::Traffic {
    model::port::target::Traffic { token: TrafficToken("none".to_owned()), weights: BTreeMap::new() }
}
