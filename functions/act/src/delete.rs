//! A service is deleted: what it has at the target, its variables and secrets, and itself. What its deployments were
//! stays to be read, without their secrets.
//!
//! Invariant: it is marked as being deleted in the commit that accepted this, and nothing else begins with it from then
//! on; its document goes last, in the commit that says so, so that whoever dies in between is followed by a repeat.

use crate::{
    performed::{Decided, Failed, Performed},
    service::find,
};
use host::{Context, Error, Stored};
use model::{
    document::{Begun, Deployment, Service, collection, variables_path},
    message::ActionRequest,
    port::{
        PortError,
        store::{Change, Comparison, Document, Precondition, Query, Scope, Write},
        target::{ServiceKey, TargetError, TrafficToken},
    },
};
use serde_json::Value;

/// Deployments looked at at once.
const PAGE: usize = 100;

/// Whether it may begin. A request that came past the one that marked the service marks it here.
pub fn decide(ctx: &Context, mut found: Stored<Service>, request: &ActionRequest) -> Result<Decided, Error> {
    let slot = &mut found.document.slot;
    if let Some(running) = &slot.running {
        return Ok(Decided::Ended(Performed::refused(format!(
            "Deployment `{running}` is running on `{}`. Nothing was done; wait for it, or cancel it.",
            found.document.name
        ))));
    }
    if slot.deleting.as_ref().is_some_and(|other| *other != request.id) {
        let why = format!("`{}` is being deleted already.", found.document.name);
        return Ok(Decided::Ended(Performed::refused(why)));
    }
    slot.deleting = Some(request.id.clone());
    found.document.updated_at = ctx.now();
    let revision = found.document.slot.serving.as_ref().map(|kept| kept.revision.clone());
    let begun =
        Begun { revision: revision.unwrap_or_default(), token: TrafficToken(String::new()), live: false };
    Ok(Decided::Begins(begun, found.write()?))
}

/// From the outside in: first nobody is served and nothing runs, then secrets go, then the service.
pub async fn carry_out(
    ctx: &Context,
    request: &ActionRequest,
    service: &ServiceKey,
) -> Result<Performed, Failed> {
    match ctx.ports.target.delete(service).await {
        Ok(()) | Err(TargetError::Gone { .. }) => {}
        Err(TargetError::Port(PortError::Permanent(why))) => return given_up(ctx, request, &why).await,
        Err(error) => return Err(error.into()),
    }
    ctx.crash_point("act.after-delete");
    forget_secrets(ctx, request).await?;
    let name = &request.service;
    let message = format!(
        "`{name}` is deleted, with its revisions, variables and secrets. What its deployments were stays to be read."
    );
    let mut performed = Performed::done(message);
    let variables = variables_path(ctx.tenant()?, name);
    performed.writes.push(Write::delete(variables, Precondition::None));
    if let Some(found) = find(ctx, request).await? {
        performed.writes.push(Write::delete(found.path, Precondition::At(found.version)));
    }
    Ok(performed)
}

/// The target refuses it for good: the service is as it was, and can be looked after.
async fn given_up(ctx: &Context, request: &ActionRequest, why: &str) -> Result<Performed, Failed> {
    let message = format!("`{}` could not be deleted: {why}. It is there as before.", request.service);
    let mut performed = Performed::refused(message);
    if let Some(mut found) = find(ctx, request).await? {
        found.document.slot.deleting = None;
        performed.writes.push(found.write()?);
    }
    Ok(performed)
}

/// Sealed copies of the service's secrets are in the documents of its deployments; they go page by page.
async fn forget_secrets(ctx: &Context, request: &ActionRequest) -> Result<(), Error> {
    let scope = Scope::Collection(collection(ctx.tenant()?, "deployments"));
    let mut query = Query::all(scope, PAGE)
        .filter("service", Comparison::Equal, request.service.as_str())
        .order("created_at", true);
    loop {
        let page = ctx.ports.store.query(&query).await?;
        let mut writes = vec![];
        for found in &page.documents {
            let deployment: Deployment = found.body.parse()?;
            if !deployment.secrets.is_empty() || deployment.source_token.is_some() {
                writes.push(without_secrets(found));
            }
        }
        if !writes.is_empty() {
            ctx.ports.store.commit(writes).await?;
        }
        if page.next.is_none() {
            return Ok(());
        }
        query = query.after(page.next);
    }
}

fn without_secrets(found: &Document) -> Write {
    let set = ["secrets", "source_token"].map(|field| (vec![field.to_owned()], None::<Value>)).into();
    let change = Change::Patch { set, increment: vec![] };
    Write { path: found.path.clone(), precondition: Precondition::At(found.version), change }
}
