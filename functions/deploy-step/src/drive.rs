//! The protocol: read, decide, commit at the version read, publish, act, and decide again with the outcome.
//!
//! Invariant: one commit a round. A conflict means that somebody else moved on: read again, decide again with the
//! same input. What the outbox owes is published before it is dropped, never after; while it can't be, it stays.

use crate::{
    effect::{self, Performed},
    left_over,
};
use host::{Context, Error, Outcome, Stored, backoff::BackOff, outbox};
use model::{
    DeploymentId, Timestamp,
    deployment::{Answer, At, BatchError, Effect, Input, Slot, Transition, batch, decide},
    document::{Deployment, Service, Status, Step, deployment_path, service_path},
    message::{Message, kind},
    port::store::{Version, Write},
    time::{MINUTE_MS, SECOND_MS},
};
use std::time::Duration;

/// How long a delivery may go from step to step; then a message goes on instead.
const ACT_FOR_MS: i64 = 12 * SECOND_MS;
/// Due times further away are the sweep's, not a timer's.
const TIMER_MS: i64 = 10 * MINUTE_MS;

/// How long removing a fetched source may hold up the news that the deployment is at rest.
const REMOVAL: Duration = Duration::from_secs(5);

/// Takes the deployment as far as it goes now.
pub async fn drive(ctx: &Context, id: &DeploymentId, arrived: &Message) -> Result<Outcome, Error> {
    let path = deployment_path(ctx.tenant()?, id);
    let Some(mut driven) = ctx.read::<Deployment>(&path).await? else {
        return Ok(Outcome::Reject(format!("there is no deployment `{id}`")));
    };
    drop_published(ctx, &mut driven.document, arrived).await;
    left_over::retry(ctx, &mut driven).await?;
    let began = ctx.real();
    let mut input = first_input(ctx, &driven.document).await?;
    let mut done: Option<Performed> = None;
    let mut back_off = BackOff::in_a_crowd();
    loop {
        let at = moment(ctx, began);
        if let Some(done) = &done {
            done.note(&mut driven.document);
        }
        let transition = decide(&driven.document, input.clone(), &at);
        let extra = done.as_ref().map_or(&[][..], |done| &done.writes);
        match commit(ctx, &mut driven, &transition, extra, &at).await {
            Err(error) if error.is_contended() && back_off.again(ctx).await => {
                let again = ctx.read(&path).await?;
                driven = again.ok_or_else(|| Error::not_found(format!("deployment `{id}` is gone")))?;
                continue;
            }
            result => result?,
        }
        let Some(wanted) = transition.effect else {
            return finish(ctx, &driven.document, &transition.answer).await;
        };
        if let Effect::Discard { revision } = &wanted {
            // Nobody waits for what comes of it.
            return left_over::discard(ctx, driven, revision).await;
        }
        let (step, attempt) = (driven.document.step, driven.document.attempt);
        let performed = effect::perform(ctx, &driven.document, wanted).await;
        input = Input::Result { step, attempt, outcome: performed.outcome.clone() };
        done = Some(performed);
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

/// What arrived was published; the rest of the outbox may not have been, so it goes out before the next commit
/// forgets it, or else stays in it. Twice is harmless.
async fn drop_published(ctx: &Context, deployment: &mut Deployment, arrived: &Message) {
    let here = |message: &Message| message.kind == arrived.kind && message.data == arrived.data;
    deployment.outbox.retain(|message| !here(message));
    if outbox::publish(ctx, &deployment.outbox).await {
        deployment.outbox.clear();
    }
}

/// A queued deployment is granted the service when the service says so; everything else is woken.
async fn first_input(ctx: &Context, deployment: &Deployment) -> Result<Input, Error> {
    if deployment.status != Status::Pending || deployment.step != Step::Queue {
        return Ok(Input::Wake);
    }
    let service = service(ctx, deployment).await?.map(|(service, _)| service);
    Ok(match service.filter(|service| service.slot.running.as_ref() == Some(&deployment.id)) {
        Some(service) => Input::Granted { last_good: service.live().cloned() },
        None => Input::Wake,
    })
}

async fn service(ctx: &Context, deployment: &Deployment) -> Result<Option<(Service, Version)>, Error> {
    let found = ctx.read(&service_path(&deployment.tenant, &deployment.service)).await?;
    Ok(found.map(|found| (found.document, found.version)))
}

/// Commits a transition, publishes what it owes and sets its timer.
async fn commit(
    ctx: &Context,
    driven: &mut Stored<Deployment>,
    transition: &Transition,
    extra: &[Write],
    at: &At<'_>,
) -> Result<(), Error> {
    if transition.next.is_none() {
        return Ok(());
    }
    let service = if transition.slot == Slot::Stays { None } else { service(ctx, &driven.document).await? };
    let (mut writes, next) =
        batch(&driven.document, driven.version, transition, service, at).map_err(refused)?;
    writes.extend_from_slice(extra);
    ctx.crash_point("deploy-step.before-commit");
    let versions = ctx.ports.store.commit(writes).await?;
    ctx.crash_point("deploy-step.after-commit");
    driven.version = versions.first().copied().unwrap_or(driven.version);
    driven.document = next;
    drop_source(ctx, &driven.document).await;
    let due = timer(&driven.document, at);
    hand_on(ctx, driven).await;
    match due {
        Some(due) => wake_at(ctx, &driven.document, due).await,
        None => Ok(()),
    }
}

/// At rest nothing is fetched any more. What was packed is kept for a while, so that the deployment can be put to work
/// again, unless it was refused for what is in it; the sweep ends that. It comes before the outbox is cleared: if we
/// die here, the sweep wakes the deployment and it is done then. Whatever of the source is left over is only disk
/// space.
async fn drop_source(ctx: &Context, deployment: &Deployment) {
    if deployment.source.is_none() || !deployment.status.at_rest() || deployment.keeps_source() {
        return;
    }
    let removal = ctx.ports.source.release(&deployment.tenant, deployment.id.as_str());
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

/// Publishes what the commit owes. The next commit clears it; at rest none is bound to come, so one more write does.
async fn hand_on(ctx: &Context, driven: &mut Stored<Deployment>) {
    let owed = driven.document.outbox.clone();
    if owed.is_empty() || !outbox::publish(ctx, &owed).await {
        return;
    }
    ctx.crash_point("deploy-step.after-publish");
    if driven.document.status.at_rest() {
        ctx.crash_point("deploy-step.at-rest");
    }
    driven.clear(ctx, &owed).await;
}

/// When a timer is to wake it: for what is due soon and waits for nobody's message.
fn timer(deployment: &Deployment, at: &At<'_>) -> Option<Timestamp> {
    let waits = deployment.lease.is_none() && deployment.outbox.is_empty() && !deployment.status.at_rest();
    deployment.next_due.filter(|due| waits && due.since(at.now) <= TIMER_MS)
}

async fn wake_at(ctx: &Context, deployment: &Deployment, due: Timestamp) -> Result<(), Error> {
    let message = Message::about(kind::DEPLOYMENT_DUE, &deployment.tenant, &deployment.id);
    Ok(ctx.ports.timers.at(due, deployment.id.as_str(), ctx.traced(message)).await?)
}

async fn finish(ctx: &Context, deployment: &Deployment, answer: &Answer) -> Result<Outcome, Error> {
    match answer {
        Answer::Applied => Ok(Outcome::Done),
        Answer::Unchanged => Ok(Outcome::Duplicate),
        Answer::Wait(due) => {
            if due.since(ctx.now()) <= TIMER_MS {
                wake_at(ctx, deployment, *due).await?;
            }
            Ok(Outcome::Done)
        }
        Answer::Refused(why) => Ok(Outcome::Reject(why.clone())),
    }
}
