//! What became of a request: kept under its id, begun before its first effect, ended in the same commit as what it
//! changes.

use crate::{
    carry_out::carry_out,
    decide::decide,
    performed::{Decided, Performed},
};
use host::{Context, Error, Outcome, Stored};
use model::{
    document::{ActionRecord, Begun, Owes, action_path},
    message::{ActionDone, ActionRequest, Message, kind, topic},
    port::store::{Path, Precondition, Version, Write},
};

/// Carries a request out unless that was done.
pub async fn once(ctx: &Context, request: &ActionRequest) -> Result<Outcome, Error> {
    let path = action_path(ctx.tenant()?, &request.id);
    // Whoever accepted it may have left a record, so that it can be asked for.
    let (record, precondition) = match ctx.read::<ActionRecord>(&path).await? {
        None => (ActionRecord::new(request.clone()), Precondition::Absent),
        Some(mut found) if found.document.outcome.is_some() => {
            // A crash may have kept it back, and then the request was delivered again for it.
            found.hand_on_all(ctx).await;
            return Ok(Outcome::Duplicate);
        }
        Some(found) => match found.document.begun.clone() {
            Some(begun) => return carry_on(ctx, found, &begun).await,
            None => (found.document, Precondition::At(found.version)),
        },
    };
    match decide(ctx, request).await? {
        Decided::Ended(performed) => end(ctx, path, precondition, record, performed).await,
        Decided::Begins(begun, guard) => {
            let document = ActionRecord { begun: Some(begun.clone()), ..record };
            let writes = vec![Write::put(path.clone(), precondition, &document)?, guard];
            let version = first(&ctx.ports.store.commit(writes).await?)?;
            carry_on(ctx, Stored { path, version, document }, &begun).await
        }
    }
}

async fn carry_on(ctx: &Context, record: Stored<ActionRecord>, begun: &Begun) -> Result<Outcome, Error> {
    let performed = carry_out(ctx, &record.document.request, begun).await?;
    end(ctx, record.path, Precondition::At(record.version), record.document, performed).await
}

/// Commits what became of it with what it changes, and tells it.
async fn end(
    ctx: &Context,
    path: Path,
    precondition: Precondition,
    mut document: ActionRecord,
    performed: Performed,
) -> Result<Outcome, Error> {
    let Performed { done, message, mut writes, messages } = performed;
    let ActionRequest { id, service, action, requested_by, .. } = &document.request;
    tracing::info!(%service, ?action, by = requested_by, done, "{message}");
    let (id, service, action) = (id.clone(), service.clone(), *action);
    let outcome = ActionDone { id, service, action, done, message };
    let told = Message::new(topic::ACTIONS, kind::ACTION_DONE, ctx.tenant()?, &outcome);
    (document.ended_at, document.outcome) = (Some(ctx.now()), Some(outcome));
    for message in messages.into_iter().chain([told]) {
        document.owe(message, ctx.now());
    }
    writes.insert(0, Write::put(path.clone(), precondition, &document)?);
    let version = first(&ctx.ports.store.commit(writes).await?)?;
    Stored { path, version, document }.hand_on_all(ctx).await;
    Ok(Outcome::Done)
}

fn first(versions: &[Version]) -> Result<Version, Error> {
    versions.first().copied().ok_or_else(|| Error::internal("a commit of a record answered no version"))
}
