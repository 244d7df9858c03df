//! Brings traffic back to the last good revision, and ends what this deployment had begun.
//!
//! Invariant: "the service is gone", "the revision is gone", "its key is gone" and "try again" are four answers, and each
//! is the target's own word.

use super::{Failed, follow::follow, traffic};
use host::Context;
use model::{
    deployment::{Outcome, RESTORE_REFUSED},
    document::{Deployment, Status, deployment_path},
    port::{
        PortError,
        target::{Gone, Operation, TargetError, Traffic, TrafficToken},
    },
};
use std::collections::BTreeMap;

/// How often a moving target is followed before the step is tried again later.
const FOLLOW: u32 = 5;

/// Ends the builds, starts to set all traffic to the last good revision, and goes on as [`read`] does. Traffic is set
/// even where it already is right: the new token fences off whoever still holds the old one.
pub async fn restore(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    debug_assert_eq!(deployment.status, Status::RollingBack);
    if deployment.artifact.is_none() && deployment.plan.is_some() {
        for key in deployment.build_keys() {
            ctx.ports.target.cancel_build(&key).await?;
        }
    }
    match start(ctx, deployment).await {
        // A first revision that never came to be: nothing serves, as before.
        Err(TargetError::Gone { what: Gone::Service, .. }) if deployment.last_good.is_none() => {
            Ok(Outcome::Restored(nothing()))
        }
        Err(error) => Err(error.into()),
        Ok(()) => read(ctx, deployment).await,
    }
}

/// How the way back stands; once traffic is back and no release of ours can come up any more, ours is stopped.
pub async fn read(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let (target, service, key) = (&ctx.ports.target, deployment.key(), deployment.effect_key());
    match follow(ctx, || target.read_traffic(&service, &key)).await? {
        Operation::Unknown => Ok(Outcome::TrafficUnknown),
        Operation::Pending { why } => Ok(Outcome::TrafficPending { why }),
        Operation::Failed { reason } => Err(refused(reason)),
        Operation::Done(traffic) => back(ctx, deployment, traffic).await,
    }
}

async fn back(ctx: &Context, deployment: &Deployment, traffic: Traffic) -> Result<Outcome, Failed> {
    let (target, service, ours) = (&ctx.ports.target, deployment.key(), deployment.revision_name());
    if deployment.released.is_none()
        && let Operation::Pending { why } = follow(ctx, || target.read_release(&service, &ours)).await?
    {
        return Ok(Outcome::TrafficPending {
            why: format!("{ours} is still coming up and is stopped then: {why}"),
        });
    }
    stop_ours(ctx, deployment).await?;
    Ok(Outcome::Restored(traffic))
}

async fn start(ctx: &Context, deployment: &Deployment) -> Result<(), TargetError> {
    let (target, service) = (&ctx.ports.target, deployment.key());
    let weights: BTreeMap<String, u32> =
        deployment.last_good.iter().map(|good| (good.revision.clone(), 100)).collect();
    for _ in 0..FOLLOW {
        let now = target.traffic(&service).await?;
        still_wanted(ctx, deployment).await?;
        match target.start_traffic(&service, &now.token, &weights, &deployment.effect_key()).await {
            Err(TargetError::Stale { .. }) => {}
            result => return result,
        }
    }
    Err(TargetError::Stale { service: service.to_string() })
}

/// A worker that stood still may come back when this way back has ended otherwise and another deployment runs. The token
/// that it reads then would fence nothing, so after reading it, it makes sure that this is still the way back.
async fn still_wanted(ctx: &Context, deployment: &Deployment) -> Result<(), TargetError> {
    let path = deployment_path(&deployment.tenant, &deployment.id);
    let transient = |text: String| TargetError::from(PortError::Transient(text));
    let found = ctx.read::<Deployment>(&path).await.map_err(|error| transient(error.to_string()))?;
    let same = found.is_some_and(|found| {
        let now = found.document;
        now.status == Status::RollingBack && now.attempt == deployment.attempt
    });
    if same { Ok(()) } else { Err(transient("The way back has ended otherwise".to_owned())) }
}

async fn stop_ours(ctx: &Context, deployment: &Deployment) -> Result<(), Failed> {
    let ours = deployment.revision_name();
    let keep: Vec<String> = deployment.last_good.iter().map(|good| good.revision.clone()).collect();
    let mut remember = traffic::kept(ctx, deployment).await?;
    remember.retain(|revision| *revision != ours);
    remember.extend(keep.iter().filter(|revision| !remember.contains(revision)).cloned().collect::<Vec<_>>());
    match ctx.ports.target.retire(&deployment.key(), &keep, &remember).await {
        Ok(()) | Err(TargetError::Gone { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What the target says about a way back that came to nothing may pass: it is tried again, under another key since this
/// one is answered the same for ever, until a person has it given up.
fn refused(reason: String) -> Failed {
    Failed::passing(RESTORE_REFUSED, reason)
}

/// A service that has no traffic to speak of.
fn nothing() -> Traffic {
    Traffic { token: TrafficToken("none".to_owned()), weights: BTreeMap::new(), closed: false }
}
