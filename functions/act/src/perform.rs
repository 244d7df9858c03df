//! One request, carried out or refused.

use crate::roll_back;
use host::{Context, Error, Kind};
use model::{
    document::{CarriedOutBy, Service, service_path},
    message::{Action, ActionRequest, Message},
    port::{
        store::{Precondition, Version, Write},
        target::{ServiceKey, Traffic},
    },
    time::MINUTE_MS,
};
use std::collections::BTreeMap;

/// What came of it, and what goes into the commit that says so.
pub struct Performed {
    /// Whether it was done.
    pub done: bool,
    /// What happened, one sentence.
    pub message: String,
    /// Documents that change with it.
    pub writes: Vec<Write>,
    /// Messages that the change owes.
    pub messages: Vec<Message>,
}

impl Performed {
    /// It was not done, and never will be.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { done: false, message: message.into(), writes: vec![], messages: vec![] }
    }
}

/// A service as it was read.
pub struct Found {
    /// It.
    pub service: Service,
    /// Its state.
    pub version: Version,
}

/// Carries the request out. An error is worth another try; what isn't is refused.
pub async fn perform(ctx: &Context, request: &ActionRequest) -> Result<Performed, Error> {
    let name = &request.service;
    let Some(found) = ctx.ports.store.get(&service_path(ctx.tenant()?, name)).await? else {
        return Ok(Performed::refused(format!("There is no service `{name}`. Nothing was done.")));
    };
    let found = Found { service: found.body.parse()?, version: found.version };
    if found.service.carried_out_by == CarriedOutBy::Customer {
        let why = format!(
            "You run `{name}` yourself; Sextant has no hand on it. Nothing was done; do it where it runs."
        );
        return Ok(Performed::refused(why));
    }
    let Some(serving) = found.service.serving.as_ref().map(|kept| kept.revision.clone()) else {
        return Ok(Performed::refused(format!(
            "Nothing of `{name}` serves. Nothing was done; deploy it first."
        )));
    };
    if let Some(running) = found.service.running.as_ref().filter(|_| request.action != Action::Restart) {
        let why = format!(
            "Deployment `{running}` is running on `{name}`. Nothing was done; wait for it, or cancel it."
        );
        return Ok(Performed::refused(why));
    }
    let performed = match request.action {
        Action::Stop => stop(ctx, found, request).await,
        Action::Restart => restart(ctx, found, &serving, request).await,
        Action::RollBack => roll_back::roll_back(ctx, found, request).await,
        Action::Scale => Ok(Performed::refused(format!(
            "The number of instances of `{name}` can't be changed where it runs. Nothing was done; deploy it with another configuration."
        ))),
    };
    match performed {
        Err(error) if error.kind() == Kind::NotFound => {
            Ok(Performed::refused(format!("{} Nothing was done; deploy `{name}` again.", error.detail())))
        }
        result => result,
    }
}

fn key(service: &Service) -> ServiceKey {
    ServiceKey { tenant: service.tenant.clone(), service: service.name.clone() }
}

/// Traffic to nobody, then no processes. What is kept can be started again.
async fn stop(ctx: &Context, mut found: Found, request: &ActionRequest) -> Result<Performed, Error> {
    let (target, service) = (&ctx.ports.target, key(&found.service));
    let now = target.traffic(&service).await?;
    let traffic = target.set_traffic(&service, &now.token, &BTreeMap::new(), &request.id).await?;
    let kept: Vec<String> = found.service.kept.iter().map(|kept| kept.revision.clone()).collect();
    target.retire(&service, &[], &kept).await?;
    // Nothing runs, so there is nothing to measure.
    found.service.metrics_due = None;
    let message = format!("`{}` is stopped; a restart or a deployment brings it back.", found.service.name);
    moved(ctx, found, &traffic, message)
}

/// New processes for what serves; what was stopped takes its traffic again.
async fn restart(
    ctx: &Context,
    mut found: Found,
    serving: &str,
    request: &ActionRequest,
) -> Result<Performed, Error> {
    let (target, service) = (&ctx.ports.target, key(&found.service));
    let now = target.traffic(&service).await?;
    if !now.weights.is_empty() {
        target.restart(&service, serving).await?;
        let message = format!("`{serving}` of `{}` was restarted.", found.service.name);
        return Ok(Performed { done: true, message, writes: vec![], messages: vec![] });
    }
    if let Some(running) = &found.service.running {
        let why = format!(
            "Deployment `{running}` brings `{}` back as it is. Nothing was done.",
            found.service.name
        );
        return Ok(Performed::refused(why));
    }
    let all = BTreeMap::from([(serving.to_owned(), 100)]);
    let traffic = target.set_traffic(&service, &now.token, &all, &request.id).await?;
    found.service.metrics_due = Some(ctx.now().plus(MINUTE_MS));
    found.service.measured_to = ctx.real();
    let message = format!("`{}` runs again: all traffic is on `{serving}`.", found.service.name);
    moved(ctx, found, &traffic, message)
}

/// The target confirms; the service says the same.
fn moved(ctx: &Context, found: Found, traffic: &Traffic, message: String) -> Result<Performed, Error> {
    let Found { mut service, version } = found;
    service.traffic = Some(traffic.token.clone());
    service.updated_at = ctx.now();
    let path = service_path(&service.tenant, &service.name);
    let writes = vec![Write::put(path, Precondition::At(version), &service)?];
    Ok(Performed { done: true, message, writes, messages: vec![] })
}
