//! What a service did lately, before a release: so that it is known what is usual for it.

use host::Context;
use model::{
    Timestamp,
    document::Deployment,
    port::target::{Measured, Window},
};

/// Windows that are read.
pub const WINDOWS: u32 = 60;

/// The windows until `to` in which something happened, in order, and how long all of them are; none if they can't be
/// read: what is usual isn't known then, and that stops nobody.
pub async fn read(ctx: &Context, deployment: &Deployment, to: Timestamp) -> Option<(i64, Vec<Measured>)> {
    let length = length_ms(ctx, deployment);
    let span = i64::from(WINDOWS) * length;
    let range = Window { from: to.plus(-span), to };
    let windows = ctx.ports.target.observe_range(&deployment.key(), range, length).await.ok()?;
    Some((span, windows.into_iter().map(|(_, measured)| measured).collect()))
}

/// So long nothing may have come for a service to be called quiet.
const QUIET_MS: i64 = model::time::MINUTE_MS;

/// Whether all that came in the last so many milliseconds was counted, or at least in the last minute of them.
pub async fn counted(ctx: &Context, span_ms: i64) -> bool {
    match ctx.ports.target.counted_since().await {
        Ok(since) => since.is_none_or(|since| ctx.real().since(since) >= span_ms.min(QUIET_MS)),
        Err(_) => false,
    }
}

/// The length of this deployment's windows.
pub fn length_ms(ctx: &Context, deployment: &Deployment) -> i64 {
    deployment.policy.window_ms.max(ctx.ports.target.window_policy().shortest_ms).max(1)
}
