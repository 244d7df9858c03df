//! `POST /api/v1/services/{name}/actions`: asks for something to be done to a service that runs.
//!
//! Invariant: the request is in the service's outbox before it is on the topic, so that a crash can't lose it; it
//! leaves the outbox once it is out, so that it isn't done again a minute later.

pub mod look;

use crate::deploy::place::not_deleted;
use host::{Context, Error, Findings, Request, Response, Stored};
use model::{
    DeploymentId, ServiceName,
    document::{ActionRecord, CarriedOutBy, Owes, Service, action_path, service_path},
    message::{Action, ActionRequest, Message, kind, topic},
    port::store::{Path, Precondition, Write},
};
use serde::{Deserialize, Serialize};

/// Actions that a service may owe to the topic at once.
const MOST_OWED: usize = 20;
/// Instances a service may have.
const MOST_INSTANCES: u32 = 1_000;

/// What is to be done.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionBody {
    /// What is done with the service.
    pub action: Action,
    /// For `roll_back`: a kept revision; the newest one of another deployment if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// For `scale`: instances that always run.
    #[serde(default)]
    #[schema(maximum = 1000)]
    pub min_instances: Option<u32>,
    /// For `scale`: at most this many.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_instances: Option<u32>,
    /// The deployment that the caller saw serving; refused if another one serves by now.
    #[serde(default)]
    pub serving: Option<DeploymentId>,
    /// Why, for the record.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// A request that will be carried out.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Requested {
    /// Tells it apart from others.
    pub action_id: String,
    /// To which service.
    pub service: String,
    /// What is done with the service.
    pub action: Action,
    /// What happens now, one sentence.
    pub message: String,
}

/// Asks for an action.
pub async fn operate(ctx: Context, request: Request) -> Result<Response, Error> {
    let name: ServiceName = request.id("name")?;
    let body: ActionBody = request.json()?;
    check(&body)?;
    let (caller, seen) = (ctx.caller()?, body.serving.clone());
    let wanted = ActionRequest {
        id: format!("act_{:032x}", ctx.random()),
        service: name.clone(),
        action: body.action,
        to: body.to,
        min_instances: body.min_instances,
        max_instances: body.max_instances,
        requested_by: caller.user.clone(),
        reason: body.reason,
    };
    let message = ctx.traced(Message::new(topic::ACTIONS, kind::ACTION_REQUESTED, &caller.tenant, &wanted));
    let path = service_path(&caller.tenant, &name);
    let kept = ctx.persisting(|| keep(&ctx, &path, &wanted, seen.as_ref(), &message)).await?;
    if let Some((mut service, message)) = kept.service.zip(kept.message) {
        service.hand_on(&ctx, &[message]).await;
    }
    Ok(kept.response)
}

fn requested(id: &str, service: &ServiceName, action: Action) -> Response {
    let message = format!("{} of `{service}` is on its way", noun(action));
    Response::json(
        202,
        &Requested { action_id: id.to_owned(), service: service.to_string(), action, message },
    )
}

fn noun(action: Action) -> &'static str {
    match action {
        Action::Stop => "The stop",
        Action::Start => "The start",
        Action::Restart => "The restart",
        Action::Delete => "The deletion",
        Action::RollBack => "The rollback",
        Action::Scale => "The change of scale",
    }
}

fn check(body: &ActionBody) -> Result<(), Error> {
    let mut findings = Findings::default();
    let scales = body.min_instances.is_some() || body.max_instances.is_some();
    if body.action == Action::Scale {
        findings.require(scales, "min_instances", || {
            "`scale` needs `min_instances` or `max_instances`".to_owned()
        });
    } else {
        findings.require(!scales, "min_instances", || "instances go with action `scale` only".to_owned());
    }
    findings.require(body.to.is_none() || body.action == Action::RollBack, "to", || {
        "`to` goes with action `roll_back` only".to_owned()
    });
    findings.require(body.min_instances.is_none_or(|n| n <= MOST_INSTANCES), "min_instances", || {
        format!("0 to {MOST_INSTANCES} instances")
    });
    findings.require(
        body.max_instances.is_none_or(|n| (1..=MOST_INSTANCES).contains(&n)),
        "max_instances",
        || format!("1 to {MOST_INSTANCES} instances"),
    );
    if let (Some(least), Some(most)) = (body.min_instances, body.max_instances) {
        findings.require(least <= most, "max_instances", || {
            format!("it must be at least `min_instances` ({least})")
        });
    }
    findings.require(body.reason.as_ref().is_none_or(|text| text.chars().count() <= 500), "reason", || {
        "a reason has at most 500 characters".to_owned()
    });
    findings.finish()
}

/// A request that was kept, or one that was there before it.
struct Kept {
    response: Response,
    /// What owes the message; none where nothing is owed.
    service: Option<Stored<Service>>,
    message: Option<Message>,
}

/// Puts the message into the outbox, if the service can do what it asks for, and a record of it beside: what became of
/// it can be asked for from now on.
async fn keep(
    ctx: &Context,
    path: &Path,
    wanted: &ActionRequest,
    seen: Option<&DeploymentId>,
    message: &Message,
) -> Result<Kept, Error> {
    let found = ctx.read::<Service>(path).await?;
    let mut found = found.ok_or_else(|| {
        Error::not_found(format!("There is no service `{}`. Check its name.", wanted.service))
    })?;
    if let Some(id) = found.document.slot.deleting.clone().filter(|_| wanted.action == Action::Delete) {
        return again(ctx, found, &id).await;
    }
    possible(ctx, &found.document, wanted)?;
    not_stale(&found.document, seen)?;
    if wanted.action == Action::Delete {
        found.document.slot.deleting = Some(wanted.id.clone());
    }
    found.document.owe(message.clone(), ctx.now());
    found.document.updated_at = ctx.now();
    let record = action_path(&found.document.tenant, &wanted.id);
    let record = Write::put(record, Precondition::Absent, &ActionRecord::new(wanted.clone()))?;
    let response = requested(&wanted.id, &wanted.service, wanted.action);
    ctx.crash_point("register.before-commit");
    let versions = ctx.commit(vec![found.write()?, record], &response).await?;
    ctx.crash_point("register.after-commit");
    found.version = versions.first().copied().unwrap_or(found.version);
    Ok(Kept { response, service: Some(found), message: Some(message.clone()) })
}

/// The deletion that is under way is asked for once more, under its own id: should its message have been given up on,
/// it goes on where it stood, and else the repeat does nothing.
async fn again(ctx: &Context, mut found: Stored<Service>, id: &str) -> Result<Kept, Error> {
    let (tenant, name) = (found.document.tenant.clone(), found.document.name.clone());
    let response = requested(id, &name, Action::Delete);
    let record = ctx.read::<ActionRecord>(&action_path(&tenant, id)).await?;
    let Some(request) = record.map(|found| found.document.request) else {
        return Ok(Kept { response, service: None, message: None });
    };
    let message = ctx.traced(Message::new(topic::ACTIONS, kind::ACTION_REQUESTED, &tenant, &request));
    if !found.document.outbox.iter().any(|owed| owed.data == message.data) {
        found.document.owe(message.clone(), ctx.now());
        let versions = ctx.commit(vec![found.write()?], &response).await?;
        found.version = versions.first().copied().unwrap_or(found.version);
    }
    Ok(Kept { response, service: Some(found), message: Some(message) })
}

/// Whoever looked at a service on which another deployment served may want something else now.
fn not_stale(service: &Service, seen: Option<&DeploymentId>) -> Result<(), Error> {
    let serving = service.slot.serving.as_ref().map(|kept| &kept.deployment);
    if seen.is_none() || seen == serving {
        return Ok(());
    }
    let now = serving.map_or("nothing".to_owned(), |id| format!("`{id}`"));
    Err(Error::conflict(format!(
        "Another deployment than the one you saw serves `{}`: {now}. Nothing was done; look at it again, then repeat this.",
        service.name
    ))
    .slug("moved-on"))
}

fn possible(ctx: &Context, service: &Service, wanted: &ActionRequest) -> Result<(), Error> {
    let name = &service.name;
    not_deleted(service)?;
    if service.carried_out_by == CarriedOutBy::Customer {
        return Err(Error::conflict(format!(
            "You run `{name}` yourself; Sextant has no hand on it. Nothing was done; do it where it runs."
        ))
        .slug("not-ours"));
    }
    if service.slot.serving.is_none() && wanted.action != Action::Delete {
        return Err(Error::conflict(format!(
            "Nothing of `{name}` serves. Nothing was done; deploy it first."
        ))
        .slug("nothing-serves"));
    }
    if wanted.action == Action::Restart && service.slot.stopped.is_some() {
        return Err(Error::conflict(format!(
            "`{name}` is stopped, so nothing of it runs that could be restarted. Nothing was done; start it."
        ))
        .slug("nothing-serves"));
    }
    let target = &ctx.ports.target;
    if wanted.action == Action::Scale && !target.capabilities().scale {
        return Err(Error::conflict(format!(
            "The number of instances of `{name}` can't be set on the {} target. Nothing was done; deploy it with another configuration.",
            target.name()
        ))
        .slug("not-scalable"));
    }
    let alone = matches!(wanted.action, Action::RollBack | Action::Delete);
    if let Some(running) = service.slot.running.as_ref().filter(|_| alone) {
        return Err(Error::conflict(format!(
            "Deployment `{running}` is running on `{name}`. Nothing was done; end that one, or wait for it."
        ))
        .slug("service-busy")
        .with("running", running.to_string()));
    }
    if let Some(to) =
        wanted.to.as_ref().filter(|to| service.slot.kept.iter().all(|kept| kept.revision != **to))
    {
        let kept: Vec<&str> = service.slot.kept.iter().map(|kept| kept.revision.as_str()).collect();
        let shown: String = to.chars().take(80).collect();
        return Err(Error::unprocessable(format!(
            "Revision `{shown}` of `{name}` is not kept; kept are {}. Nothing was done.",
            kept.join(", ")
        ))
        .slug("revision-not-kept")
        .field("to", "it is not among the kept revisions"));
    }
    if service.outbox.len() >= MOST_OWED {
        return Err(Error::unavailable(format!(
            "`{name}` has {MOST_OWED} actions that could not be handed on yet. Nothing was done; wait a minute."
        )));
    }
    Ok(())
}
