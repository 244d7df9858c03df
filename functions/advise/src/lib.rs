//! Notices what is out of line: each window of a service against its own recent past, by the plain z-score.
//!
//! Invariant: a window is judged against the windows before it, once; one that arrives late, or again, is not judged
//! at all. An anomaly is told when it begins and when it gets worse, not in each window that it lasts.

mod baseline;
mod judge;
mod words;

#[cfg(test)]
mod tests;

use baseline::{Baseline, baseline_path};
use host::{Context, Error, Function, Outcome, Port};
use model::{
    document::{Observation, observation_path},
    message::{AboutObservation, kind, topic},
    port::{
        Delivery,
        store::{Path, Precondition, StoreError, Version, Write},
    },
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new("advise", "Notices what is out of line in measurements")
        .permissions(&["datastore.user", "pubsub.publisher"])
        .uses(&[Port::Store, Port::Broker])
        .topic(topic::OBSERVATIONS, &[kind::OBSERVATION_RECORDED], handle)
}

async fn handle(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let Ok(AboutObservation { observation, .. }) = delivery.message.body() else {
        return Ok(Outcome::Reject("an `observation.recorded` message that names no observation".to_owned()));
    };
    let Some(found) = ctx.ports.store.get(&observation_path(ctx.tenant()?, &observation)).await? else {
        return Ok(Outcome::Reject(format!("there is no observation `{observation}`")));
    };
    let seen: Observation = found.body.parse()?;
    ctx.about(&seen.deployment);
    ctx.retrying(|| advise(&ctx, &seen)).await
}

async fn advise(ctx: &Context, seen: &Observation) -> Result<Outcome, Error> {
    let path = baseline_path(&seen.tenant, &seen.service);
    let found = ctx.ports.store.get(&path).await?;
    let read = found.as_ref().map_or(Precondition::Absent, |found| Precondition::At(found.version));
    let mut baseline: Baseline = found.map(|found| found.body.parse()).transpose()?.unwrap_or_default();
    let owed = !baseline.outbox.is_empty();
    if owed {
        // A crash kept them back, and the message that they came from was delivered again for it.
        ctx.publish(std::mem::take(&mut baseline.outbox)).await?;
    }
    let late = seen.to <= baseline.seen_to;
    if late && !owed {
        return Ok(Outcome::Duplicate);
    }
    if !late {
        baseline.outbox = judge::judge(&mut baseline, seen);
    }
    let versions = ctx.ports.store.commit(vec![Write::put(path.clone(), read, &baseline)?]).await?;
    if let Some(version) = versions.first().filter(|_| !baseline.outbox.is_empty()) {
        ctx.publish(std::mem::take(&mut baseline.outbox)).await?;
        forget(ctx, path, *version, &baseline).await?;
    }
    Ok(if late { Outcome::Duplicate } else { Outcome::Done })
}

/// What was published leaves the outbox. On a conflict somebody went on from here; twice is harmless.
async fn forget(ctx: &Context, path: Path, version: Version, baseline: &Baseline) -> Result<(), Error> {
    match ctx.ports.store.commit(vec![Write::put(path, Precondition::At(version), baseline)?]).await {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
