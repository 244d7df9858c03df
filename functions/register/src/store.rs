//! Reading documents with their versions, and what happens around a commit: publishing what it owes.

use host::{Context, Error};
use model::{
    deployment::{At, BatchError},
    document::{Deployment, deployment_path},
    message::Message,
    port::store::{Path, Precondition, StoreError, Version, Write},
};
use serde::de::DeserializeOwned;

/// A document as it was read.
pub struct Found<T> {
    /// What it says.
    pub document: T,
    /// The state that was read.
    pub version: Version,
}

/// One document, if there is one.
pub async fn read<T: DeserializeOwned>(ctx: &Context, path: &Path) -> Result<Option<Found<T>>, Error> {
    let Some(found) = ctx.ports.store.get(path).await? else { return Ok(None) };
    Ok(Some(Found { document: found.body.parse()?, version: found.version }))
}

/// Several documents, in the order asked for.
pub async fn read_many<T: DeserializeOwned>(
    ctx: &Context,
    paths: &[Path],
) -> Result<Vec<Option<Found<T>>>, Error> {
    let found = ctx.ports.store.get_many(paths).await?;
    let parse = |document: Option<model::port::store::Document>| {
        document
            .map(|found| Ok(Found { document: found.body.parse()?, version: found.version }))
            .transpose()
            .map_err(|error: StoreError| Error::from(error))
    };
    found.into_iter().map(parse).collect()
}

/// The moment of a decision here: whoever takes a command can't act on it; the next step is left to a message.
pub fn moment(ctx: &Context) -> At<'_> {
    At {
        now: ctx.now(),
        real: ctx.real(),
        owner: &ctx.config.settings.instance,
        alone: ctx.config.settings.alone,
        can_act: false,
        window: ctx.ports.target.window_policy(),
    }
}

/// What the new document owes that the old one didn't.
pub fn new_messages(before: &Deployment, next: &Deployment) -> Vec<Message> {
    next.outbox.iter().filter(|message| !before.outbox.contains(message)).cloned().collect()
}

/// Publishes what a commit owes. The commit stands whether or not this succeeds, and what is owed is due in a
/// minute, so a failure is logged and no more.
pub async fn publish(ctx: &Context, messages: Vec<Message>) -> bool {
    if messages.is_empty() {
        return true;
    }
    let result = ctx.publish(messages).await;
    if let Err(error) = &result {
        tracing::warn!(%error, "committed, but the topics can't be reached; the sweep publishes it within a minute");
    }
    result.is_ok()
}

/// What came to rest and whose messages are out owes nothing more. Should somebody have moved it on, they clear it.
pub async fn settle(ctx: &Context, mut ended: Deployment, version: Version) -> Result<(), Error> {
    ended.outbox.clear();
    ended.next_due = None;
    let path = deployment_path(&ended.tenant, &ended.id);
    match ctx.ports.store.commit(vec![Write::put(path, Precondition::At(version), &ended)?]).await {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why a transition can't be written.
pub fn refused(error: BatchError) -> Error {
    match error {
        BatchError::Taken(other) => Error::conflict(format!(
            "Deployment `{other}` is running on this service. Nothing was done; wait for it, or cancel it, then repeat this."
        ))
        .slug("service-busy")
        .with("running", other.to_string()),
        BatchError::Store(error) => error.into(),
    }
}
