//! What was begun, carried to its end: stop, restart, scale.
//!
//! Invariant: every call of the target bears the request's id or may be repeated freely, and traffic is set against
//! the token of the beginning alone. So a repeat finds the first one's effect, whoever changed traffic since is not
//! undone, and what is told is what happened.

use crate::{
    delete,
    performed::{Failed, Performed},
    service::find,
};
use host::{Context, Error, Stored};
use model::{
    document::{Begun, Service, Stopped},
    message::{Action, ActionRequest},
    port::{
        PortError,
        target::{Bounds, ServiceKey, Settings, TargetError, Traffic},
    },
    time::MINUTE_MS,
};
use std::collections::{BTreeMap, BTreeSet};

/// Carries it out, again if need be. An error is worth another try.
pub async fn carry_out(ctx: &Context, request: &ActionRequest, begun: &Begun) -> Result<Performed, Error> {
    let service = ServiceKey { tenant: ctx.tenant()?.clone(), service: request.service.clone() };
    let done = match request.action {
        Action::Stop => stop(ctx, request, begun, &service).await,
        Action::Restart if begun.live => restart(ctx, request, begun, &service).await,
        Action::Start | Action::Restart => start(ctx, request, begun, &service).await,
        Action::Scale => scale(ctx, request, &service).await,
        Action::Delete => delete::carry_out(ctx, request, &service).await,
        // It is decided at once and never begun.
        Action::RollBack => return Ok(Performed::refused("A rollback has nothing to carry out.")),
    };
    match done {
        Ok(performed) => Ok(performed),
        Err(Failed::Target(TargetError::Stale { .. })) => Ok(Performed::refused(format!(
            "Somebody else changed the traffic of `{}` after this was accepted. Nothing was done; look at it, then ask again if you still want it.",
            request.service
        ))),
        Err(Failed::Target(
            TargetError::Gone { text, .. } | TargetError::Port(PortError::Permanent(text)),
        )) => Ok(Performed::refused(format!("It could not be done: {text}."))),
        Err(Failed::Target(error)) => Err(error.into()),
        Err(Failed::Other(error)) => Err(error),
    }
}

/// Traffic to nobody, then no processes. What is kept can be started again.
async fn stop(
    ctx: &Context,
    request: &ActionRequest,
    begun: &Begun,
    service: &ServiceKey,
) -> Result<Performed, Failed> {
    let target = &ctx.ports.target;
    let traffic = target.set_traffic(service, &begun.token, &BTreeMap::new(), &request.id).await?;
    let found = find(ctx, request).await?;
    // Exactly these: whatever a deployment has released since is not ours to end.
    let kept = found.iter().flat_map(|found| &found.document.slot.kept).map(|kept| kept.revision.clone());
    let idle: BTreeSet<String> = kept.chain([begun.revision.clone()]).collect();
    let name = &request.service;
    let message = match target.stop(service, &Vec::from_iter(idle)).await {
        Ok(()) | Err(TargetError::Gone { .. }) => {
            format!("`{name}` is stopped; a start or a deployment brings it back.")
        }
        Err(TargetError::Port(PortError::Permanent(text))) => {
            format!("`{name}` takes no traffic any more, but its processes could not be ended: {text}.")
        }
        Err(error) => return Err(error.into()),
    };
    // Nothing runs, so there is nothing to measure.
    let stopped = Stopped { at: ctx.now(), by: request.requested_by.clone() };
    settle(ctx, found, service, &traffic, message, |service| {
        service.measuring.metrics_due = None;
        service.slot.stopped = Some(stopped);
    })
    .await
}

/// New processes for what serves.
async fn restart(
    ctx: &Context,
    request: &ActionRequest,
    begun: &Begun,
    service: &ServiceKey,
) -> Result<Performed, Failed> {
    ctx.ports.target.restart(service, &begun.revision, &request.id).await?;
    Ok(Performed::done(format!("`{}` of `{}` was restarted.", begun.revision, request.service)))
}

/// What was stopped takes its traffic again.
async fn start(
    ctx: &Context,
    request: &ActionRequest,
    begun: &Begun,
    service: &ServiceKey,
) -> Result<Performed, Failed> {
    let all = BTreeMap::from([(begun.revision.clone(), 100)]);
    let traffic = ctx.ports.target.set_traffic(service, &begun.token, &all, &request.id).await?;
    let found = find(ctx, request).await?;
    let message = format!("`{}` runs again: all traffic is on `{}`.", request.service, begun.revision);
    let (now, real) = (ctx.now(), ctx.real());
    settle(ctx, found, service, &traffic, message, |service| {
        service.measuring.metrics_due = Some(now.plus(MINUTE_MS));
        service.measuring.measured_to = real;
        service.slot.stopped = None;
    })
    .await
}

/// Other bounds for the number of instances.
async fn scale(ctx: &Context, request: &ActionRequest, service: &ServiceKey) -> Result<Performed, Failed> {
    let bounds = Bounds { min: request.min_instances, max: request.max_instances };
    let settings = Settings { bounds, concurrency: None };
    ctx.ports.target.configure(service, settings, &request.id).await?;
    let least = bounds.min.map(|least| format!("at least {least}"));
    let most = bounds.max.map(|most| format!("at most {most}"));
    let both: Vec<String> = least.into_iter().chain(most).collect();
    Ok(Performed::done(format!("`{}` has {} instances from now on.", request.service, both.join(" and "))))
}

/// The service says what the target does, unless somebody has moved on since: then the service is theirs.
async fn settle(
    ctx: &Context,
    found: Option<Stored<Service>>,
    service: &ServiceKey,
    traffic: &Traffic,
    message: String,
    change: impl FnOnce(&mut Service),
) -> Result<Performed, Failed> {
    let later = |who: String| {
        Ok(Performed::done(format!("{message} {who} came after it and decides what serves now.")))
    };
    let Some(mut found) = found else { return later("Its removal".to_owned()) };
    if let Some(running) = &found.document.slot.running {
        return later(format!("Deployment `{running}`"));
    }
    if ctx.ports.target.traffic(service).await?.token != traffic.token {
        return later("Another change".to_owned());
    }
    change(&mut found.document);
    found.document.slot.traffic = Some(traffic.token.clone());
    found.document.updated_at = ctx.now();
    Ok(Performed { writes: vec![found.write()?], ..Performed::done(message) })
}
