//! What became of a request: kept under its id, in the same commit as what it changes.

use crate::perform::{Performed, perform};
use host::{Context, Error, Outcome};
use model::{
    TenantId, Timestamp,
    document::SCHEMA,
    message::{ActionDone, ActionRequest, Message, kind, topic},
    port::store::{Path, Precondition, StoreError, Version, Write},
};
use serde::{Deserialize, Serialize};

/// A request that was carried out or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this form.
    pub schema: u32,
    /// What was wanted.
    pub request: ActionRequest,
    /// When it was over.
    pub ended_at: Timestamp,
    /// What became of it.
    pub outcome: ActionDone,
    /// What the last commit owes to the topics.
    #[serde(default)]
    pub outbox: Vec<Message>,
}

/// Where it is kept.
pub fn record_path(tenant: &TenantId, id: &str) -> Path {
    Path::new(format!("tenants/{tenant}/actions/{id}"))
}

/// Carries a request out unless that was done.
pub async fn once(ctx: &Context, request: &ActionRequest) -> Result<Outcome, Error> {
    let path = record_path(ctx.tenant()?, &request.id);
    if let Some(found) = ctx.ports.store.get(&path).await? {
        let mut record: Record = found.body.parse()?;
        // A crash kept it back, and the request was delivered again for it.
        tell(ctx, path, found.version, &mut record).await?;
        return Ok(Outcome::Duplicate);
    }
    let Performed { done, message, mut writes, messages } = perform(ctx, request).await?;
    tracing::info!(service = %request.service, action = ?request.action, by = request.requested_by, done, "{message}");
    let outcome = ActionDone {
        id: request.id.clone(),
        service: request.service.clone(),
        action: request.action,
        done,
        message,
    };
    let told = Message::new(topic::ACTIONS, kind::ACTION_DONE, ctx.tenant()?, &outcome);
    let mut record = Record {
        schema: SCHEMA,
        request: request.clone(),
        ended_at: ctx.now(),
        outcome,
        outbox: messages.into_iter().chain([told]).collect(),
    };
    writes.insert(0, Write::put(path.clone(), Precondition::Absent, &record)?);
    let versions = ctx.ports.store.commit(writes).await?;
    if let Some(version) = versions.first() {
        tell(ctx, path, *version, &mut record).await?;
    }
    Ok(Outcome::Done)
}

/// Publishes what is owed and forgets it.
async fn tell(ctx: &Context, path: Path, version: Version, record: &mut Record) -> Result<(), Error> {
    if record.outbox.is_empty() {
        return Ok(());
    }
    ctx.publish(std::mem::take(&mut record.outbox)).await?;
    match ctx.ports.store.commit(vec![Write::put(path, Precondition::At(version), record)?]).await {
        // Somebody else told it too; twice is harmless.
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
