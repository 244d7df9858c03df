//! Wakes due deployments.

use host::{Context, Error};
use model::{
    Timestamp,
    document::Deployment,
    message::{Message, kind},
};

/// Publishes one wake-up for each due deployment of a shard.
pub async fn wake(ctx: &Context, shard: u32, by: Timestamp) -> Result<(), Error> {
    let page = ctx.ports.store.query(&super::due("deployments", shard, by)).await?;
    let mut messages = Vec::with_capacity(page.documents.len());
    for document in page.documents {
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
