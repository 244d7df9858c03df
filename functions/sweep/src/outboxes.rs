//! Publishes what documents owe to the topics.

use crate::page::Pages;
use host::{Context, Error, Stored};
use model::{
    Timestamp,
    document::{ActionRecord, Baseline, LearningRun, Owes, Service},
    port::store::Document,
};
use serde::de::DeserializeOwned;

/// Publishes and clears each due outbox of a shard, as far as the time goes. Deployments are woken instead: their
/// pipeline publishes what it owes.
pub async fn publish(ctx: &Context, shard: u32, by: Timestamp, until: Timestamp) -> Result<(), Error> {
    publish_of::<Service>(ctx, "services", shard, by, until).await?;
    publish_of::<ActionRecord>(ctx, "actions", shard, by, until).await?;
    publish_of::<Baseline>(ctx, "baselines", shard, by, until).await?;
    publish_of::<LearningRun>(ctx, "learned", shard, by, until).await
}

async fn publish_of<T: Owes + DeserializeOwned>(
    ctx: &Context,
    group: &str,
    shard: u32,
    by: Timestamp,
    until: Timestamp,
) -> Result<(), Error> {
    let mut pages = Pages::new(ctx, super::due(group, shard, by), until);
    while let Some(documents) = pages.next().await? {
        for (index, document) in documents.into_iter().enumerate() {
            // Where the topics answer slowly or not at all, a page alone could take all the time there is.
            if index > 0 && ctx.real() >= until {
                return Ok(());
            }
            hand_on::<T>(ctx, document).await;
        }
    }
    Ok(())
}

/// One that can't be read must not keep the others from being published.
async fn hand_on<T: Owes + DeserializeOwned>(ctx: &Context, document: Document) {
    let path = document.path.clone();
    match Stored::<T>::parse(document) {
        Ok(mut found) => found.hand_on_all(ctx).await,
        Err(error) => {
            tracing::error!(document = path.as_str(), %error, "what a document owes can't be read; the next minute tries again");
        }
    }
}
