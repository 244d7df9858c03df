//! The protocol: read, decide, commit at the version read, publish, act, and decide again with the outcome.
//!
//! Invariant: one commit a round. A conflict means that somebody else moved on: read again, decide again with the
//! same input. What the outbox owes is published before it is dropped, never after.

use crate::{
    effect::{self, Performed},
    left_over,
};
use host::{Context, Error, Outcome};
use model::{
    DeploymentId, Timestamp,
    deployment::{Answer, At, BatchError, Effect, Input, Slot, Transition, batch, decide},
    document::{Deployment, Service, Status, Step, deployment_path, service_path},
    message::{Message, kind},
    port::store::{Path, StoreError, Version, Write},
    time::{MINUTE_MS, SECOND_MS},
};
use std::time::Duration;

/// How long a delivery may go from step to step; then a message goes on instead.
const ACT_FOR_MS: i64 = 12 * SECOND_MS;
/// Due times further away are the sweep's, not a timer's.
const TIMER_MS: i64 = 10 * MINUTE_MS;

/// How long removing a fetched source may hold up the news that the deployment is at rest.
const REMOVAL: Duration = Duration::from_secs(5);

/// A deployment as it was read, and what has been committed since.
pub(crate) struct Driven {
    pub(crate) path: Path,
    pub(crate) version: Version,
    pub(crate) deployment: Deployment,
}

/// Takes the deployment as far as it goes now.
pub async fn drive(ctx: &Context, id: &DeploymentId, arrived: &Message) -> Result<Outcome, Error> {
    let path = deployment_path(ctx.tenant()?, id);
    let Some(mut driven) = read(ctx, &path).await? else {
        return Ok(Outcome::Reject(format!("there is no deployment `{id}`")));
    };
    drop_published(ctx, &mut driven, arrived).await?;
    left_over::retry(ctx, &mut driven).await?;
    let began = ctx.real();
    let mut input = first_input(ctx, &driven.deployment).await?;
    let mut extra: Vec<Write> = vec![];
    let mut conflicts = 0_u32;
    loop {
        let at = moment(ctx, began);
        let transition = decide(&driven.deployment, input.clone(), &at);
        match commit(ctx, &mut driven, &transition, &extra, &at).await {
            Err(error) if error.is_contended() && conflicts < 50 => {
                conflicts += 1;
                ctx.ports.clock.sleep(Duration::from_millis(u64::from(conflicts.min(20)))).await;
                driven = read(ctx, &path)
                    .await?
                    .ok_or_else(|| Error::not_found(format!("deployment `{id}` is gone")))?;
                continue;
            }
            result => result?,
        }
        let Some(wanted) = transition.effect else { return finish(ctx, &driven, &transition.answer).await };
        if let Effect::Discard { revision } = &wanted {
            // Nobody waits for what comes of it.
            return left_over::discard(ctx, driven, revision).await;
        }
        let (step, attempt) = (driven.deployment.step, driven.deployment.attempt);
        let Performed { outcome, writes } = effect::perform(ctx, &driven.deployment, wanted).await;
        (input, extra) = (Input::Result { step, attempt, outcome }, writes);
    }
}

fn moment(ctx: &Context, began: Timestamp) -> At<'_> {
    let real = ctx.real();
    At {
        now: ctx.now(),
        real,
        owner: &ctx.config.settings.instance,
        alone: ctx.config.settings.alone,
        can_act: real.since(began) < ACT_FOR_MS,
        window: ctx.ports.target.window_policy(),
    }
}

pub(crate) async fn read(ctx: &Context, path: &Path) -> Result<Option<Driven>, Error> {
    let Some(document) = ctx.ports.store.get(path).await? else { return Ok(None) };
    let deployment = document.body.parse()?;
    Ok(Some(Driven { path: path.clone(), version: document.version, deployment }))
}

/// What arrived was published; the rest of the outbox may not have been, so it goes out before the next commit
/// forgets it. Twice is harmless.
async fn drop_published(ctx: &Context, driven: &mut Driven, arrived: &Message) -> Result<(), Error> {
    let owed = std::mem::take(&mut driven.deployment.outbox);
    let owed: Vec<_> = owed
        .into_iter()
        .filter(|message| message.kind != arrived.kind || message.data != arrived.data)
        .collect();
    if owed.is_empty() { Ok(()) } else { ctx.publish(owed).await }
}

/// A queued deployment is granted the service when the service says so; everything else is woken.
async fn first_input(ctx: &Context, deployment: &Deployment) -> Result<Input, Error> {
    if deployment.status != Status::Pending || deployment.step != Step::Queue {
        return Ok(Input::Wake);
    }
    let service = service(ctx, deployment).await?.map(|(service, _)| service);
    Ok(match service.filter(|service| service.running.as_ref() == Some(&deployment.id)) {
        Some(service) => Input::Granted { last_good: service.serving },
        None => Input::Wake,
    })
}

async fn service(ctx: &Context, deployment: &Deployment) -> Result<Option<(Service, Version)>, Error> {
    let path = service_path(&deployment.tenant, &deployment.service);
    let Some(document) = ctx.ports.store.get(&path).await? else { return Ok(None) };
    Ok(Some((document.body.parse()?, document.version)))
}

/// Commits a transition, publishes what it owes and sets its timer.
async fn commit(
    ctx: &Context,
    driven: &mut Driven,
    transition: &Transition,
    extra: &[Write],
    at: &At<'_>,
) -> Result<(), Error> {
    if transition.next.is_none() {
        return Ok(());
    }
    let service =
        if transition.slot == Slot::Stays { None } else { service(ctx, &driven.deployment).await? };
    let (mut writes, next) =
        batch(&driven.deployment, driven.version, transition, service, at).map_err(refused)?;
    writes.extend_from_slice(extra);
    ctx.crash_point("deploy-step.before-commit");
    let versions = ctx.ports.store.commit(writes).await?;
    ctx.crash_point("deploy-step.after-commit");
    driven.version = versions.first().copied().unwrap_or(driven.version);
    driven.deployment = next;
    drop_source(ctx, &driven.deployment).await;
    publish(ctx, driven).await?;
    arm(ctx, &driven.deployment, at).await
}

/// At rest nothing is fetched or built any more, however it ended. It comes before the outbox is cleared: if we die
/// here, the sweep wakes the deployment and it is done then. Whatever of the source is left over is only disk space.
async fn drop_source(ctx: &Context, deployment: &Deployment) {
    if deployment.source.is_none() || !deployment.status.at_rest() {
        return;
    }
    let removal = ctx.ports.source.remove(deployment.id.as_str());
    match tokio::time::timeout(REMOVAL, removal).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the fetched source could not be removed"),
        Err(_) => tracing::warn!("the fetched source is still in use and was not removed"),
    }
}

fn refused(error: BatchError) -> Error {
    match error {
        BatchError::Taken(_) => Error::conflict(error.to_string()),
        BatchError::Store(error) => error.into(),
    }
}

/// Publishes what the commit owes. At rest nobody comes after us to clear it, so one more write does.
async fn publish(ctx: &Context, driven: &mut Driven) -> Result<(), Error> {
    if driven.deployment.outbox.is_empty() {
        return Ok(());
    }
    ctx.publish(driven.deployment.outbox.clone()).await?;
    ctx.crash_point("deploy-step.after-publish");
    if !driven.deployment.status.at_rest() {
        return Ok(());
    }
    ctx.crash_point("deploy-step.at-rest");
    driven.deployment.outbox.clear();
    driven.deployment.next_due = driven.deployment.left_over.then(|| ctx.now().plus(MINUTE_MS));
    let write = Write::put(
        driven.path.clone(),
        model::port::store::Precondition::At(driven.version),
        &driven.deployment,
    )?;
    match ctx.ports.store.commit(vec![write]).await {
        Ok(versions) => driven.version = versions.first().copied().unwrap_or(driven.version),
        // Somebody has moved on (a rollback by hand): what is owed was published all the same.
        Err(StoreError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// A timer for what is due soon and waits for nobody's message.
async fn arm(ctx: &Context, deployment: &Deployment, at: &At<'_>) -> Result<(), Error> {
    let waits = deployment.lease.is_none() && deployment.outbox.is_empty() && !deployment.status.at_rest();
    match deployment.next_due.filter(|due| waits && due.since(at.now) <= TIMER_MS) {
        Some(due) => wake_at(ctx, deployment, due).await,
        None => Ok(()),
    }
}

async fn wake_at(ctx: &Context, deployment: &Deployment, due: Timestamp) -> Result<(), Error> {
    let message = Message::about(kind::DEPLOYMENT_DUE, &deployment.tenant, &deployment.id);
    Ok(ctx.ports.timers.at(due, deployment.id.as_str(), ctx.traced(message)).await?)
}

async fn finish(ctx: &Context, driven: &Driven, answer: &Answer) -> Result<Outcome, Error> {
    match answer {
        Answer::Applied => Ok(Outcome::Done),
        Answer::Unchanged => Ok(Outcome::Duplicate),
        Answer::Wait(due) => {
            if due.since(ctx.now()) <= TIMER_MS {
                wake_at(ctx, &driven.deployment, *due).await?;
            }
            Ok(Outcome::Done)
        }
        Answer::Refused(why) => Ok(Outcome::Reject(why.clone())),
    }
}
