//! Publishes what services owe to the topics.

use crate::page::Pages;
use host::{Context, Error};
use model::{
    Timestamp,
    document::Service,
    port::store::{Document, Precondition, StoreError, Write},
};

/// Publishes and clears each due service's outbox in a shard, as far as the time goes.
pub async fn publish(ctx: &Context, shard: u32, by: Timestamp, until: Timestamp) -> Result<(), Error> {
    let mut pages = Pages::new(ctx, super::due("services", shard, by), until);
    while let Some(documents) = pages.next().await? {
        for document in documents {
            let path = document.path.clone();
            if let Err(error) = flush(ctx, document).await {
                // One that can't be read or published must not keep the others from being published.
                tracing::error!(document = path.as_str(), %error, "what a service owes can't be published; the next minute tries again");
            }
        }
    }
    Ok(())
}

/// Published first and cleared after: a crash between the two publishes twice, never not at all.
async fn flush(ctx: &Context, document: Document) -> Result<(), Error> {
    let mut service: Service = document.body.parse()?;
    ctx.publish(std::mem::take(&mut service.outbox)).await?;
    service.next_due = None;
    let write = Write::put(document.path, Precondition::At(document.version), &service)?;
    match ctx.ports.store.commit(vec![write]).await {
        // Somebody else moved it on; what it now owes, the next minute finds.
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
