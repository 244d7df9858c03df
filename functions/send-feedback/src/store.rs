//! The service's document: at the version that was read, or not at all.

use host::{Context, Error};
use model::{
    document::{Service, service_path},
    message::Message,
    port::store::{Path, Precondition, Version, Write},
};

/// A service and the state that was read.
pub async fn read(ctx: &Context, path: &Path) -> Result<Option<(Service, Version)>, Error> {
    let Some(found) = ctx.ports.store.get(path).await? else { return Ok(None) };
    Ok(Some((found.body.parse()?, found.version)))
}

/// Commits the service with what belongs to it.
pub async fn save(
    ctx: &Context,
    service: &mut Service,
    read: Version,
    mut writes: Vec<Write>,
) -> Result<(), Error> {
    service.updated_at = ctx.now();
    let path = service_path(&service.tenant, &service.name);
    writes.insert(0, Write::put(path, Precondition::At(read), service)?);
    ctx.ports.store.commit(writes).await?;
    Ok(())
}

/// Publishes a message and takes it out of the outbox. What fails is left to the sweep: the commit stands.
pub async fn publish(ctx: &Context, path: &Path, message: &Message) -> Result<(), Error> {
    if let Err(error) = ctx.publish(vec![message.clone()]).await {
        tracing::warn!(%error, "what a service owes could not be published; the sweep does it");
        return Ok(());
    }
    match ctx.retrying(|| forget(ctx, path, message)).await {
        // Others are faster: the sweep publishes it again, which is harmless.
        Err(error) if error.is_contended() => Ok(()),
        result => result,
    }
}

async fn forget(ctx: &Context, path: &Path, message: &Message) -> Result<(), Error> {
    let Some((mut service, version)) = read(ctx, path).await? else { return Ok(()) };
    if !service.outbox.contains(message) {
        return Ok(());
    }
    service.outbox.retain(|owed| owed != message);
    if service.outbox.is_empty() {
        service.next_due = None;
    }
    save(ctx, &mut service, version, vec![]).await
}
