//! A new deployment takes its place at the service: it runs, or it waits and supersedes the one that waited.
//!
//! Invariant: the new deployment, the service, and whoever else changes by it (the superseded one, the running one
//! that is told) are one commit, each at the version it was read at.

use super::variables;
use crate::transition::{self, moment, new_messages};
use host::{Context, Error, Response, Stored};
use model::{
    DeploymentId, ServiceName,
    deployment::{Answer, At, Claim, Input, Request, accept, batch, claim, decide},
    document::{
        Asking, CarriedOutBy, Deployment, Measuring, SCHEMA, Service, Slot, Status, Usual, VariableChanges,
        Variables, deployment_path, service_path, shard,
    },
    message::Message,
    port::store::{Path, Precondition, StoreError, Version, Write},
};

/// What came of it.
pub struct Placed {
    /// Messages that the commit owes.
    pub messages: Vec<Message>,
    /// The answer, as it was committed.
    pub response: Response,
    /// The superseded one, at rest: once its messages are out, it owes nothing more.
    pub ended: Option<Stored<Deployment>>,
}

/// What is to take its place.
pub struct Placing<'a> {
    /// The order; its variables are found here.
    pub order: &'a Request,
    /// What it changes about the variables of its service.
    pub changes: &'a VariableChanges,
    /// Whether variables of the deployment that serves may be missing.
    pub may_drop: bool,
    /// The version of the service that the order was made in view of; none where it doesn't matter.
    pub seen: Option<Version>,
}

/// One try: reads, decides, commits. A conflict is an error that is contended; try again.
pub async fn place(
    ctx: &Context,
    placing: &Placing<'_>,
    answer: impl Fn(&Deployment, bool) -> Response,
) -> Result<Placed, Error> {
    let (at, request) = (moment(ctx), placing.order);
    let path = service_path(&request.tenant, &request.service);
    let (mut service, precondition) = match ctx.read::<Service>(&path).await? {
        // Somebody else came first: what was concluded from it is concluded again.
        Some(found) if placing.seen.is_some_and(|seen| seen != found.version) => {
            return Err(StoreError::Conflict { path }.into());
        }
        Some(found) => (found.document, Precondition::At(found.version)),
        None => (new_service(request, &at), Precondition::Absent),
    };
    ours(&service, request)?;
    let claim = claim(&mut service, &request.id, &at);
    let runs = claim == Claim::Runs;
    let whose = variables::Whose { name: &request.service, user: &request.requested_by };
    let resolved = variables::resolve(ctx, &whose, Some(&service), placing.changes).await?;
    let dropped = variables::dropped(ctx, &service, &resolved.variables, placing.may_drop).await?;
    let versions = resolved.variables.versions();
    let Variables { plain, secret, .. } = resolved.variables;
    let order = Request { variables: plain, secrets: secret, versions, ..request.clone() };
    let live = service.live().cloned();
    let first = runs && live.is_none();
    let mut deployment = accept(order, runs, live.filter(|_| runs), &at);
    deployment.checks.extend(resolved.kept.into_iter().chain(dropped).chain(was_stopped(&service)));
    deployment.usual = Usual::of(&service.slot.took);
    let response = answer(&deployment, first);
    let others = Others::tell(ctx, request, claim, &at).await?;

    let own = deployment_path(&request.tenant, &request.id);
    let mut writes =
        vec![Write::put(own, Precondition::Absent, &deployment)?, Write::put(path, precondition, &service)?];
    writes.extend(resolved.write);
    let ended_at = writes.len();
    writes.extend(others.writes);
    ctx.crash_point("register.before-commit");
    let versions = ctx.commit(writes, &response).await?;
    ctx.crash_point("register.after-commit");
    let mut messages = deployment.outbox;
    messages.extend(others.messages);
    let ended = others.ended.zip(versions.get(ended_at).copied());
    let ended = ended.map(|(ended, version)| Stored { version, ..ended });
    Ok(Placed { messages, response, ended })
}

/// Whoever else a new deployment changes.
#[derive(Default)]
struct Others {
    /// The superseded one's writes first.
    writes: Vec<Write>,
    messages: Vec<Message>,
    ended: Option<Stored<Deployment>>,
}

impl Others {
    async fn tell(ctx: &Context, request: &Request, claim: Claim, at: &At<'_>) -> Result<Self, Error> {
        let Claim::Waits { supersedes, running } = claim else { return Ok(Self::default()) };
        let path = |id: &DeploymentId| deployment_path(&request.tenant, id);
        let paths: Vec<Path> = supersedes.iter().chain([&running]).map(path).collect();
        let mut found = ctx.read_many::<Deployment>(&paths).await?;
        let running = found.pop().flatten();
        let mut others = Self::default();
        if let Some(queued) = found.pop().flatten() {
            others.supersede(queued, at)?;
        }
        if let Some(running) = running {
            others.await_end(&running, at)?;
        }
        Ok(others)
    }

    /// The one that waited before makes room. It has left the service's queue in this same commit, so that its
    /// own freeing of the slot has nothing more to do.
    fn supersede(&mut self, queued: Stored<Deployment>, at: &At<'_>) -> Result<(), Error> {
        let decided = decide(&queued.document, Input::Supersede, at);
        if decided.answer == Answer::Applied {
            let (writes, next) =
                batch(&queued.document, queued.version, &decided, None, at).map_err(transition::refused)?;
            self.writes.extend(writes);
            self.messages.extend(new_messages(&queued.document, &next));
            self.ended = Some(Stored { document: next, ..queued });
        }
        Ok(())
    }

    /// The one that runs hears that it is awaited: from now on nothing holds it, and if it is held it goes back.
    fn await_end(&mut self, running: &Stored<Deployment>, at: &At<'_>) -> Result<(), Error> {
        let before = &running.document;
        if before.status == Status::Pending {
            // It has the service but hasn't begun; superseding it would end it, and it is to run.
            if !before.awaited {
                let next = Deployment { awaited: true, ..before.clone() };
                let path = deployment_path(&next.tenant, &next.id);
                self.writes.push(Write::put(path, Precondition::At(running.version), &next)?);
            }
            return Ok(());
        }
        let decided = decide(before, Input::Supersede, at);
        if decided.next.is_some() {
            let (writes, next) =
                batch(before, running.version, &decided, None, at).map_err(transition::refused)?;
            self.writes.extend(writes);
            self.messages.extend(new_messages(before, &next));
        }
        Ok(())
    }
}

/// Whether the name stands for the same thing as before: ours to deploy, and in this environment.
fn ours(service: &Service, request: &Request) -> Result<(), Error> {
    not_deleted(service)?;
    if service.carried_out_by == CarriedOutBy::Customer {
        let name = &service.name;
        return Err(Error::conflict(format!(
            "`{name}` is registered as a service that you deploy yourself. Nothing was done; choose another service name."
        ))
        .slug("name-taken")
        .field("service", format!("`{name}` is deployed by you")));
    }
    if service.environment == request.environment {
        return Ok(());
    }
    let name = &service.name;
    Err(Error::conflict(format!(
        "A service `{name}` exists already in environment `{}`, and this one would have the same name in `{}`. Nothing was done; choose another service name.",
        service.environment, request.environment
    ))
    .slug("name-taken")
    .field("service", format!("`{name}` belongs to environment `{}`", service.environment)))
}

/// Nothing is begun with a service that is being deleted.
pub fn not_deleted(service: &Service) -> Result<(), Error> {
    let Some(action) = &service.slot.deleting else { return Ok(()) };
    let name = &service.name;
    Err(Error::conflict(format!(
        "`{name}` is being deleted (`{action}`). Nothing was done; once it is gone, its name is free again."
    ))
    .slug("being-deleted")
    .with("action_id", action.clone()))
}

/// What the report says of a service that was stopped.
fn was_stopped(service: &Service) -> Option<String> {
    let stopped = service.slot.stopped.as_ref()?;
    let name = &service.name;
    Some(format!(
        "`{name}` was stopped by {}: this deployment starts it, with all traffic at once",
        stopped.by
    ))
}

fn new_service(request: &Request, at: &At<'_>) -> Service {
    let mut service = empty_service(&request.service, request, at);
    service.carried_out_by = request.carried_out_by;
    service
}

/// A service that was never heard of.
pub fn empty_service(name: &ServiceName, request: &Request, at: &At<'_>) -> Service {
    Service {
        schema: SCHEMA,
        tenant: request.tenant.clone(),
        name: name.clone(),
        environment: request.environment.clone(),
        carried_out_by: CarriedOutBy::Sextant,
        created_at: at.now,
        updated_at: at.now,
        owner: request.requested_by.clone(),
        shard: shard(name.as_str()),
        slot: Slot::default(),
        measuring: Measuring { measured_to: at.real, ..Measuring::default() },
        asking: Asking::default(),
        outbox: vec![],
        next_due: None,
    }
}
