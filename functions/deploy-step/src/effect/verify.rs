//! Probes the new revision at its own address, for a while.

use super::Failed;
use host::Context;
use model::{deployment::Outcome, document::Deployment, port::target::Probe, time::SECOND_MS};
use std::time::Duration;

/// How long one delivery goes on probing; a message goes on after that.
const PROBE_FOR_MS: i64 = 8 * SECOND_MS;

/// Probes until it is healthy or dead, or this delivery has taken long enough.
pub async fn probe(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let began = ctx.real();
    let limit = PROBE_FOR_MS.min(deployment.limits.verify_ms);
    let mut pause_ms = 5;
    loop {
        let seen = once(ctx, deployment).await?;
        if seen.healthy || seen.dead || ctx.real().since(began) >= limit {
            return Ok(Outcome::Probed(seen));
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
