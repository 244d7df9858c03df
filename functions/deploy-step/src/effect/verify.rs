//! Probes the new revision at its own address, for a while, and looks at what came before it.

use super::{Failed, lately, synthetic};
use forecast::canary::{Traffic, outlook};
use host::Context;
use model::{
    deployment::{Before, Outcome},
    document::{Deployment, Strategy},
    port::target::Probe,
    time::SECOND_MS,
};
use std::time::Duration;

/// How long one delivery goes on probing; a message goes on after that.
const PROBE_FOR_MS: i64 = 8 * SECOND_MS;

/// Probes until it is healthy or dead, or this delivery has taken long enough.
pub async fn probe(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let began = ctx.real();
    let limit = PROBE_FOR_MS.min(deployment.limits.verify_ms);
    let mut pause_ms = 5;
    loop {
        let probe = once(ctx, deployment).await?;
        if probe.healthy {
            return Ok(Outcome::Probed { probe, before: before(ctx, deployment).await? });
        }
        if probe.dead || ctx.real().since(began) >= limit {
            return Ok(Outcome::Probed { probe, before: None });
        }
        ctx.ports.clock.sleep(Duration::from_millis(pause_ms)).await;
        pause_ms = (pause_ms * 2).min(250);
    }
}

/// One try at the health path.
pub async fn once(ctx: &Context, deployment: &Deployment) -> Result<Probe, Failed> {
    let path = deployment.plan.as_ref().and_then(|plan| plan.health_path.as_deref()).unwrap_or("/");
    Ok(ctx.ports.target.probe(&deployment.key(), &deployment.revision_name(), path).await?)
}

/// Why a service to which nobody is known to have come isn't called quiet.
const FORGOTTEN: &str =
    "Whether anybody comes isn't known yet: what was counted last was lost when Sextant was ended abruptly";

/// What came to the service lately, and what that means for a canary; none where there will be none, or it can't be read.
async fn before(ctx: &Context, deployment: &Deployment) -> Result<Option<Before>, Failed> {
    let Some(good) = deployment.last_good.as_ref().filter(|_| deployment.strategy == Strategy::Canary) else {
        return Ok(None);
    };
    let place = ctx.ports.target.window_policy();
    // Where nothing lags, the window that is still open counts too: what has only just begun is traffic.
    let open = if place.lag_ms == 0 { lately::length_ms(ctx, deployment) } else { -place.lag_ms };
    let Some((span_ms, windows)) = lately::read(ctx, deployment, ctx.real().plus(open)).await else {
        return Ok(None);
    };
    let seen = Traffic::of(lately::WINDOWS, &windows, &good.revision);
    let counted = seen.requests > 0 || lately::counted(ctx, span_ms).await;
    let outlook =
        if counted { outlook(&deployment.policy, place, seen).sentence } else { FORGOTTEN.to_owned() };
    let asked = if seen.requests == 0 { synthetic::ask(ctx, deployment).await? } else { None };
    Ok(Some(Before { requests: seen.requests, span_ms, counted, outlook, asked }))
}
