//! Reads a closed window of both revisions, and has it judged by `forecast`.

use super::{Failed, Performed, lately, synthetic, verify, why};
use forecast::canary::Watch;
use host::Context;
use model::{
    deployment::{MOST_UNREADABLE, Outcome},
    document::{Deployment, Judged},
    port::target::Window,
};

/// Reads one window. Unreadable metrics are a verdict of their own, not a failure of the step.
pub async fn read(ctx: &Context, deployment: &Deployment, window: Window) -> Result<Performed, Failed> {
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
            let holds = deployment.canary.unreadable + 1 == MOST_UNREADABLE;
            let why = if holds { why::read(ctx, deployment, Judged::Held).await } else { None };
            return Ok(Performed { why, ..Outcome::WindowSeen(seen).into() });
        }
    };
    let of = |revision: &str| measured.revisions.get(revision).cloned().unwrap_or_default();
    let good = deployment.last_good.as_ref().map(|good| of(&good.revision)).unwrap_or_default();
    let length = lately::length_ms(ctx, deployment);
    let mut said = watch.see(deployment, window, length, &of(&deployment.revision_name()), &good);
    if said.ask_probe {
        said.seen.probe = Some(verify::once(ctx, deployment).await?.healthy);
        // Asked once: what they said at the start, or when traffic first stopped, isn't asked again each window.
        let first = said.seen.idle && deployment.canary.synthetic.is_none();
        said.seen.asked = if first { synthetic::ask(ctx, deployment).await? } else { None };
    }
    // The time at this weight is up: most likely it is held now, and whoever decides wants to know what is new.
    let up = said.ask_probe && deployment.is_late(window.to, length);
    let why = if up { why::read(ctx, deployment, Judged::Held).await } else { None };
    Ok(Performed { why, ..Outcome::WindowSeen(said.seen).into() })
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
