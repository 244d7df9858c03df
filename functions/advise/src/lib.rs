//! Notices what is out of line: each window of a service against its own recent past, by the plain z-score.
//!
//! Invariant: a window is judged against the windows before it, once; one that arrives late, or again, is not judged
//! at all. An anomaly is told when it begins and when it gets worse, not in each window that it lasts.

mod judge;
mod words;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port, Stored};
use model::{
    document::{Baseline, Observation, Owes, baseline_path, observation_path},
    message::{AboutObservation, kind, topic},
    port::{
        Delivery,
        store::{Precondition, Write},
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
    let (read, mut document) = match ctx.read::<Baseline>(&path).await? {
        Some(mut found) if seen.to <= found.document.seen_to => {
            // A crash may have kept something back, and then the message was delivered again for it.
            found.hand_on_all(ctx).await;
            return Ok(Outcome::Duplicate);
        }
        Some(found) => (Precondition::At(found.version), found.document),
        None => (Precondition::Absent, Baseline::new(&seen.service)),
    };
    let told = judge::judge(&mut document, seen);
    for message in &told {
        document.owe(message.clone(), ctx.now());
    }
    let versions = ctx.ports.store.commit(vec![Write::put(path.clone(), read, &document)?]).await?;
    if let Some(version) = versions.first().copied() {
        Stored { path, version, document }.hand_on(ctx, &told).await;
    }
    Ok(Outcome::Done)
}
