//! Brings traffic back to the last good revision, and ends what this deployment had begun.

use super::{Failed, traffic};
use host::Context;
use model::{
    deployment::Outcome,
    document::{Deployment, Status},
    port::target::{TargetError, Traffic},
};
use std::collections::BTreeMap;

/// How often a moving target is followed before the step is tried again later.
const FOLLOW: u32 = 5;

/// Ends the build, sets all traffic to the last good revision, stops ours. Traffic is set even where it already is
/// right: the new token fences off whoever still holds the old one.
pub async fn restore(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    debug_assert_eq!(deployment.status, Status::RollingBack);
    if deployment.artifact.is_none() && deployment.plan.is_some() {
        for key in deployment.build_keys() {
            ctx.ports.target.cancel_build(&key).await?;
        }
    }
    let traffic = match bring_back(ctx, deployment).await {
        Err(TargetError::NotFound(_)) => traffic::nothing(),
        result => result?,
    };
    stop_ours(ctx, deployment).await?;
    Ok(Outcome::Restored(traffic))
}

async fn bring_back(ctx: &Context, deployment: &Deployment) -> Result<Traffic, TargetError> {
    let (target, service) = (&ctx.ports.target, deployment.key());
    let weights: BTreeMap<String, u32> =
        deployment.last_good.iter().map(|good| (good.revision.clone(), 100)).collect();
    for _ in 0..FOLLOW {
        let now = target.traffic(&service).await?;
        match target.set_traffic(&service, &now.token, &weights, &deployment.effect_key()).await {
            Err(TargetError::Stale { .. }) => {}
            result => return result,
        }
    }
    Err(TargetError::Stale { service: service.to_string() })
}

async fn stop_ours(ctx: &Context, deployment: &Deployment) -> Result<(), Failed> {
    let ours = deployment.revision_name();
    let keep: Vec<String> = deployment.last_good.iter().map(|good| good.revision.clone()).collect();
    let mut remember = traffic::kept(ctx, deployment).await?;
    remember.retain(|revision| *revision != ours);
    remember.extend(keep.iter().filter(|revision| !remember.contains(revision)).cloned().collect::<Vec<_>>());
    match ctx.ports.target.retire(&deployment.key(), &keep, &remember).await {
        Ok(()) | Err(TargetError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
