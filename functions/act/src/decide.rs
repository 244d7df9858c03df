//! One request, looked at: refused, decided at once, or begun.

use crate::{
    delete,
    performed::{Decided, Performed},
    roll_back,
    service::{find, key},
};
use host::{Context, Error, Stored};
use model::{
    document::{Begun, CarriedOutBy, Service},
    message::{Action, ActionRequest},
    port::target::TargetError,
};

/// Decides. An error is worth another try; what isn't is refused.
pub async fn decide(ctx: &Context, request: &ActionRequest) -> Result<Decided, Error> {
    let refused = |why: String| Ok(Decided::Ended(Performed::refused(why)));
    let name = &request.service;
    let Some(found) = find(ctx, request).await? else {
        return refused(format!("There is no service `{name}`. Nothing was done."));
    };
    if found.document.carried_out_by == CarriedOutBy::Customer {
        return refused(format!(
            "You run `{name}` yourself; Sextant has no hand on it. Nothing was done; do it where it runs."
        ));
    }
    if request.action == Action::Delete {
        return delete::decide(ctx, found, request);
    }
    if found.document.slot.deleting.is_some() {
        return refused(format!("`{name}` is being deleted. Nothing was done."));
    }
    let Some(serving) = found.document.slot.serving.as_ref().map(|kept| kept.revision.clone()) else {
        return refused(format!("Nothing of `{name}` serves. Nothing was done; deploy it first."));
    };
    if request.action == Action::Scale && !ctx.ports.target.capabilities().scale {
        return refused(format!(
            "The number of instances of `{name}` can't be set where it runs. Nothing was done; deploy it with another configuration."
        ));
    }
    if let Some(running) = found.document.slot.running.as_ref().filter(|_| request.action != Action::Restart)
    {
        return refused(format!(
            "Deployment `{running}` is running on `{name}`. Nothing was done; wait for it, or cancel it."
        ));
    }
    if request.action == Action::RollBack {
        return roll_back::roll_back(ctx, found, request).await.map(Decided::Ended);
    }
    begin(ctx, found, request.action, serving).await
}

async fn begin(
    ctx: &Context,
    mut found: Stored<Service>,
    action: Action,
    revision: String,
) -> Result<Decided, Error> {
    let now = match ctx.ports.target.traffic(&key(&found.document)).await {
        Err(TargetError::Gone { text, .. }) => {
            let name = &found.document.name;
            let why = format!("{text} Nothing was done; deploy `{name}` again.");
            return Ok(Decided::Ended(Performed::refused(why)));
        }
        result => result?,
    };
    let live = !now.weights.is_empty();
    if let Some(already) = already(&found.document, action, live) {
        return Ok(Decided::Ended(Performed::done(already)));
    }
    if action == Action::Restart && !live && found.document.slot.stopped.is_some() {
        // Asked for before it was stopped, perhaps, and arrived after that: the last word stands.
        let why = format!("`{}` is stopped. Nothing was done; start it.", found.document.name);
        return Ok(Decided::Ended(Performed::refused(why)));
    }
    if let (false, Some(running)) = (live, &found.document.slot.running) {
        let why = format!(
            "Deployment `{running}` brings `{}` back as it is. Nothing was done.",
            found.document.name
        );
        return Ok(Decided::Ended(Performed::refused(why)));
    }
    found.document.updated_at = ctx.now();
    Ok(Decided::Begins(Begun { revision, token: now.token, live }, found.write()?))
}

/// What is so already: a repeat is done without doing anything.
fn already(service: &Service, action: Action, live: bool) -> Option<String> {
    let name = &service.name;
    match action {
        Action::Stop if !live && service.slot.stopped.is_some() => {
            Some(format!("`{name}` is stopped already."))
        }
        Action::Start if live => Some(format!("`{name}` runs already.")),
        Action::Stop
        | Action::Start
        | Action::Restart
        | Action::RollBack
        | Action::Scale
        | Action::Delete => None,
    }
}
