//! One request, looked at: refused, decided at once, or begun.

use crate::roll_back;
use host::{Context, Error};
use model::{
    document::{CarriedOutBy, Service, service_path},
    message::{Action, ActionRequest, Message},
    port::{
        store::{Precondition, Version, Write},
        target::{ServiceKey, TargetError, TrafficToken},
    },
};
use serde::{Deserialize, Serialize};

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

    /// It was done, and no document changes.
    pub fn done(message: impl Into<String>) -> Self {
        Self { done: true, ..Self::refused(message) }
    }
}

/// What a request that acts on the target began on. Stored before the first effect: a repeat carries on with this,
/// whatever has come since, and never decides anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The revision that served.
    pub revision: String,
    /// The traffic as it was: whoever has changed it since came later, and is not undone.
    pub token: TrafficToken,
    /// Whether anything took traffic.
    pub live: bool,
}

/// What is to become of a request.
pub enum Decided {
    /// It is over with this commit.
    Ended(Performed),
    /// It is to be carried out; the write holds the service to what was read.
    Begins(Begun, Write),
}

/// A service as it was read.
pub struct Found {
    /// It.
    pub service: Service,
    /// Its state.
    pub version: Version,
}

/// A request's service, if there is one.
pub async fn find(ctx: &Context, request: &ActionRequest) -> Result<Option<Found>, Error> {
    let found = ctx.ports.store.get(&service_path(ctx.tenant()?, &request.service)).await?;
    found.map(|found| Ok(Found { service: found.body.parse()?, version: found.version })).transpose()
}

/// The service as the target knows it.
pub fn key(service: &Service) -> ServiceKey {
    ServiceKey { tenant: service.tenant.clone(), service: service.name.clone() }
}

/// Decides. An error is worth another try; what isn't is refused.
pub async fn decide(ctx: &Context, request: &ActionRequest) -> Result<Decided, Error> {
    let refused = |why: String| Ok(Decided::Ended(Performed::refused(why)));
    let name = &request.service;
    let Some(found) = find(ctx, request).await? else {
        return refused(format!("There is no service `{name}`. Nothing was done."));
    };
    if found.service.carried_out_by == CarriedOutBy::Customer {
        return refused(format!(
            "You run `{name}` yourself; Sextant has no hand on it. Nothing was done; do it where it runs."
        ));
    }
    let Some(serving) = found.service.serving.as_ref().map(|kept| kept.revision.clone()) else {
        return refused(format!("Nothing of `{name}` serves. Nothing was done; deploy it first."));
    };
    if request.action == Action::Scale && !ctx.ports.target.capabilities().scale {
        return refused(format!(
            "The number of instances of `{name}` can't be set where it runs. Nothing was done; deploy it with another configuration."
        ));
    }
    if let Some(running) = found.service.running.as_ref().filter(|_| request.action != Action::Restart) {
        return refused(format!(
            "Deployment `{running}` is running on `{name}`. Nothing was done; wait for it, or cancel it."
        ));
    }
    if request.action == Action::RollBack {
        return roll_back::roll_back(ctx, found, request).await.map(Decided::Ended);
    }
    begin(ctx, found, serving).await
}

async fn begin(ctx: &Context, mut found: Found, revision: String) -> Result<Decided, Error> {
    let now = match ctx.ports.target.traffic(&key(&found.service)).await {
        Err(TargetError::Gone { text, .. }) => {
            let name = &found.service.name;
            let why = format!("{text} Nothing was done; deploy `{name}` again.");
            return Ok(Decided::Ended(Performed::refused(why)));
        }
        result => result?,
    };
    let live = !now.weights.is_empty();
    if let (false, Some(running)) = (live, &found.service.running) {
        let why = format!(
            "Deployment `{running}` brings `{}` back as it is. Nothing was done.",
            found.service.name
        );
        return Ok(Decided::Ended(Performed::refused(why)));
    }
    found.service.updated_at = ctx.now();
    let path = service_path(&found.service.tenant, &found.service.name);
    let guard = Write::put(path, Precondition::At(found.version), &found.service)?;
    Ok(Decided::Begins(Begun { revision, token: now.token, live }, guard))
}
