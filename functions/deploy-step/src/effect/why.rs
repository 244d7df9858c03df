//! What sets a new revision apart when it is judged: lines that only it writes, and requests that it answers otherwise.
//!
//! Invariant: it is read once for a verdict, never for a window; reading it never holds up for long, and never fails,
//! what follows from the verdict.

use forecast::canary::differing;
use host::Context;
use inspect::kinds::{NewKinds, new_kinds};
use model::{
    Timestamp,
    document::{Deployment, Ending, Judged, PathDifference, Stage, Strategy, Why},
    port::target::Window,
};
use std::{future::Future, time::Duration};

/// Lines of each log that are compared, the newest.
const LINES: usize = 10_000;
/// How long reading may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a revision that is being taken back; none where it isn't for a failure, or where it is known already.
pub async fn of_failure(ctx: &Context, deployment: &Deployment) -> Option<Why> {
    let failed = matches!(deployment.ending, Some(Ending::Failed | Ending::RolledBack));
    let known = deployment.canary.why.as_ref().is_some_and(|why| why.read_at == Judged::TakenBack);
    if failed && !known { read(ctx, deployment, Judged::TakenBack).await } else { None }
}

/// Of one that is about to be done: only what is notable, lines that look like errors among it.
pub async fn of_success(ctx: &Context, deployment: &Deployment) -> Option<Why> {
    let mut why = read(ctx, deployment, Judged::Passed).await?;
    why.more_lines = 0;
    why.lines.iter_mut().for_each(|lines| lines.retain(|kind| kind.error));
    Some(why)
}

/// What can be read of it by now; none where it shifts no traffic beside another revision.
pub async fn read(ctx: &Context, deployment: &Deployment, at: Judged) -> Option<Why> {
    let good = &deployment.last_good.as_ref()?.revision;
    // Requests of our own may decide before anything is shifted.
    let asked = deployment.canary.synthetic.is_some();
    let judged = |stage: Stage| stage == Stage::Shift || asked && stage == Stage::Verify;
    let since = deployment.stages.iter().rfind(|time| judged(time.stage))?.from;
    if deployment.strategy != Strategy::Canary || deployment.canary.quiet {
        return None;
    }
    let (found, paths) =
        tokio::join!(in_time(lines(ctx, deployment, good)), in_time(paths(ctx, deployment, good, since)));
    let (lines, more_lines) = found.map_or((None, 0), |found| (Some(found.kinds), found.more));
    Some(Why { read_at: at, lines, more_lines, paths })
}

async fn in_time<T>(read: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, read).await.ok().flatten()
}

async fn lines(ctx: &Context, deployment: &Deployment, good: &str) -> Option<NewKinds> {
    let (service, ours) = (deployment.key(), deployment.revision_name());
    let read = |revision| ctx.ports.target.runtime_log(&service, revision, None, LINES);
    match tokio::try_join!(read(&ours), read(good)) {
        Ok((ours, theirs)) => {
            // Some megabytes of text: not where requests are answered meanwhile.
            let compared = tokio::task::spawn_blocking(move || {
                new_kinds(theirs.lines.iter().map(String::as_str), ours.lines.iter().map(String::as_str))
            });
            compared.await.ok()
        }
        Err(error) => {
            tracing::info!(revision = ours, %error, "its log could not be compared with that of the last good revision");
            None
        }
    }
}

async fn paths(
    ctx: &Context,
    deployment: &Deployment,
    good: &str,
    since: Timestamp,
) -> Option<Vec<PathDifference>> {
    let range = Window { from: since, to: ctx.real() };
    match ctx.ports.target.observe_paths(&deployment.key(), range).await {
        Ok(seen) => {
            let seen = seen?;
            let ours = deployment.revision_name();
            // Where nothing was counted, as after a restart of the target, nothing is known; not that nothing differs.
            let of = |revision: &str| seen.get(revision).filter(|paths| !paths.is_empty());
            Some(differing(of(&ours)?, of(good)?))
        }
        Err(error) => {
            tracing::info!(%error, "what it answered by path could not be read");
            None
        }
    }
}
