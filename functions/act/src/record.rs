//! What became of a request: kept under its id, begun before its first effect, ended in the same commit as what it
//! changes.

use crate::{
    carry_out::carry_out,
    perform::{Begun, Decided, Performed, decide},
};
use host::{Context, Error, Outcome};
use model::{
    TenantId, Timestamp,
    document::SCHEMA,
    message::{ActionDone, ActionRequest, Message, kind, topic},
    port::store::{Path, Precondition, StoreError, Version, Write},
};
use serde::{Deserialize, Serialize};

/// A request that was taken up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this form.
    pub schema: u32,
    /// What was wanted.
    pub request: ActionRequest,
    /// What it began on; none if it was over at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What became of it; none while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ActionDone>,
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
        if let (None, Some(begun)) = (&record.outcome, record.begun.clone()) {
            return carry_on(ctx, path, found.version, record, &begun).await;
        }
        // A crash kept it back, and the request was delivered again for it.
        tell(ctx, path, found.version, &mut record).await?;
        return Ok(Outcome::Duplicate);
    }
    let (request, schema) = (request.clone(), SCHEMA);
    let record = Record { schema, request, begun: None, ended_at: None, outcome: None, outbox: vec![] };
    match decide(ctx, &record.request).await? {
        Decided::Ended(performed) => end(ctx, path, Precondition::Absent, record, performed).await,
        Decided::Begins(begun, guard) => {
            let record = Record { begun: Some(begun.clone()), ..record };
            let writes = vec![Write::put(path.clone(), Precondition::Absent, &record)?, guard];
            let versions = ctx.ports.store.commit(writes).await?;
            let Some(version) = versions.first().copied() else {
                return Err(Error::internal("a commit of two documents answered no version"));
            };
            carry_on(ctx, path, version, record, &begun).await
        }
    }
}

async fn carry_on(
    ctx: &Context,
    path: Path,
    version: Version,
    record: Record,
    begun: &Begun,
) -> Result<Outcome, Error> {
    let performed = carry_out(ctx, &record.request, begun).await?;
    end(ctx, path, Precondition::At(version), record, performed).await
}

/// Commits what became of it with what it changes, and tells it.
async fn end(
    ctx: &Context,
    path: Path,
    precondition: Precondition,
    mut record: Record,
    performed: Performed,
) -> Result<Outcome, Error> {
    let Performed { done, message, mut writes, messages } = performed;
    let ActionRequest { id, service, action, requested_by, .. } = &record.request;
    tracing::info!(%service, ?action, by = requested_by, done, "{message}");
    let (id, service, action) = (id.clone(), service.clone(), *action);
    let outcome = ActionDone { id, service, action, done, message };
    let told = Message::new(topic::ACTIONS, kind::ACTION_DONE, ctx.tenant()?, &outcome);
    (record.ended_at, record.outcome) = (Some(ctx.now()), Some(outcome));
    record.outbox = messages.into_iter().chain([told]).collect();
    writes.insert(0, Write::put(path.clone(), precondition, &record)?);
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
