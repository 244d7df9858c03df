//! Reads a closed window of both revisions, and has it judged by `forecast`.

use super::{Failed, verify};
use forecast::canary::Watch;
use host::Context;
use model::{deployment::Outcome, document::Deployment, port::target::Window};

/// Windows of the last good revision that are read from before the release.
const HISTORY: i64 = 60;

/// Reads one window. Unreadable metrics are a verdict of their own, not a failure of the step.
pub async fn read(ctx: &Context, deployment: &Deployment, window: Window) -> Result<Outcome, Failed> {
    let mut watch = Watch::of(deployment);
    if deployment.canary.test.is_null() {
        learn(ctx, deployment, window, &mut watch).await;
    }
    let measured = match ctx.ports.target.observe(&deployment.key(), window).await {
        Ok(measured) => measured,
        Err(error) => return Ok(Outcome::WindowSeen(watch.unreadable(window, &error.to_string()))),
    };
    let of = |revision: &str| measured.revisions.get(revision).cloned().unwrap_or_default();
    let good = deployment.last_good.as_ref().map(|good| of(&good.revision)).unwrap_or_default();
    let mut said = watch.see(deployment, window, &of(&deployment.revision_name()), &good);
    if said.ask_probe {
        said.seen.probe = Some(verify::once(ctx, deployment).await?.healthy);
    }
    Ok(Outcome::WindowSeen(said.seen))
}

/// How errors cluster on the last good revision, from before the release.
async fn learn(ctx: &Context, deployment: &Deployment, first: Window, watch: &mut Watch) {
    let Some(good) = &deployment.last_good else { return };
    let length = first.to.since(first.from).max(1);
    let began = deployment.canary.since;
    let range = Window { from: began.plus(-HISTORY * length), to: began };
    let Ok(windows) = ctx.ports.target.observe_range(&deployment.key(), range, length).await else { return };
    for (_, measured) in windows {
        if let Some(before) = measured.revisions.get(&good.revision) {
            watch.learn(before);
        }
    }
}
