//! Reads a closed window of both revisions, and has it judged by `forecast`.

use super::{Failed, lately, verify};
use forecast::canary::Watch;
use host::Context;
use model::{deployment::Outcome, document::Deployment, port::target::Window};

/// Reads one window. Unreadable metrics are a verdict of their own, not a failure of the step.
pub async fn read(ctx: &Context, deployment: &Deployment, window: Window) -> Result<Outcome, Failed> {
    let mut watch = Watch::of(deployment);
    if deployment.canary.test.is_null() {
        learn(ctx, deployment, &mut watch).await;
    }
    let measured = match ctx.ports.target.observe(&deployment.key(), window).await {
        Ok(measured) => measured,
        Err(error) => {
            let mut seen = watch.unreadable(window, &error.to_string());
            if deployment.canary.test.is_null() {
                // Nothing is known yet: the hour before is learned at the next one.
                drop(seen.test.take());
            }
            return Ok(Outcome::WindowSeen(seen));
        }
    };
    let of = |revision: &str| measured.revisions.get(revision).cloned().unwrap_or_default();
    let good = deployment.last_good.as_ref().map(|good| of(&good.revision)).unwrap_or_default();
    let length = lately::length_ms(ctx, deployment);
    let mut said = watch.see(deployment, window, length, &of(&deployment.revision_name()), &good);
    if said.ask_probe {
        said.seen.probe = Some(verify::once(ctx, deployment).await?.healthy);
    }
    Ok(Outcome::WindowSeen(said.seen))
}

/// How errors cluster on the last good revision, from before the release.
async fn learn(ctx: &Context, deployment: &Deployment, watch: &mut Watch) {
    let Some(good) = &deployment.last_good else { return };
    let Some((_, windows)) = lately::read(ctx, deployment, deployment.canary.since).await else { return };
    for measured in windows {
        if let Some(before) = measured.revisions.get(&good.revision) {
            watch.learn(before);
        }
    }
}
