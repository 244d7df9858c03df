//! Wakes due deployments.

use crate::page::Pages;
use host::{Context, Error};
use model::{
    Timestamp,
    document::Deployment,
    message::{Message, kind},
    port::store::Document,
};

/// Publishes one wake-up for each due deployment of a shard, as far as the time goes.
pub async fn wake(ctx: &Context, shard: u32, by: Timestamp, until: Timestamp) -> Result<(), Error> {
    let mut pages = Pages::new(ctx, super::due("deployments", shard, by), until);
    while let Some(documents) = pages.next().await? {
        publish(ctx, shard, documents).await?;
    }
    Ok(())
}

async fn publish(ctx: &Context, shard: u32, documents: Vec<Document>) -> Result<(), Error> {
    let mut messages = Vec::with_capacity(documents.len());
    for document in documents {
        let deployment: Deployment = match document.body.parse() {
            Ok(deployment) => deployment,
            // One that can't be read must not keep the others from being woken.
            Err(error) => {
                tracing::error!(document = document.path.as_str(), %error, "a due deployment can't be read and is passed over");
                continue;
            }
        };
        messages.push(Message::about(kind::DEPLOYMENT_DUE, &deployment.tenant, &deployment.id));
    }
    if messages.is_empty() {
        return Ok(());
    }
    tracing::info!(due = messages.len(), shard, "waking deployments that are due");
    ctx.publish(messages).await
}
