//! Back to an earlier revision: the state machine decides, and the deployment that serves goes there by itself.

use crate::performed::Performed;
use host::{Context, Error, Stored};
use model::{
    deployment::{Answer, At, BatchError, Input, batch, decide},
    document::{Deployment, Kept, Service, deployment_path},
    message::ActionRequest,
};

/// Decides the way back; a message has the first step taken.
pub async fn roll_back(
    ctx: &Context,
    found: Stored<Service>,
    request: &ActionRequest,
) -> Result<Performed, Error> {
    let Stored { document: service, version, .. } = found;
    let Some(serving) = service.slot.serving.clone() else {
        return Ok(Performed::refused(format!("Nothing of `{}` serves. Nothing was done.", service.name)));
    };
    let path = deployment_path(&service.tenant, &serving.deployment);
    let Some(read) = ctx.read::<Deployment>(&path).await? else {
        return Ok(Performed::refused(format!(
            "Deployment `{}` is gone. Nothing was done.",
            serving.deployment
        )));
    };
    let deployment = read.document;
    ctx.about(&deployment.id);
    let to = match way_back(&service.slot.kept, &serving, request.to.as_deref()) {
        Ok(to) => to,
        Err(why) => return Ok(Performed::refused(why)),
    };
    let message = format!("Traffic of `{}` goes back to `{}`.", service.name, to.revision);
    let at = moment(ctx);
    let transition = decide(&deployment, Input::Rollback { to: Some(to) }, &at);
    match &transition.answer {
        Answer::Applied => {}
        Answer::Refused(why) => return Ok(Performed::refused(format!("{why}. Nothing was done."))),
        Answer::Unchanged | Answer::Wait(_) => {
            return Ok(Performed::refused(format!("`{}` is on its way back already.", deployment.id)));
        }
    }
    let (writes, next) = match batch(&deployment, read.version, &transition, Some((service, version)), &at) {
        Ok(made) => made,
        Err(error @ BatchError::Taken(_)) => {
            return Ok(Performed::refused(format!("{error}. Nothing was done.")));
        }
        Err(BatchError::Store(error)) => return Err(error.into()),
    };
    Ok(Performed { done: true, message, writes, messages: next.outbox })
}

/// The revision that was named, or the newest kept one of another deployment.
fn way_back(kept: &[Kept], serving: &Kept, to: Option<&str>) -> Result<Kept, String> {
    let mut others = kept.iter().filter(|kept| kept.deployment != serving.deployment);
    let found = match to {
        Some(revision) => others.find(|kept| kept.revision == revision),
        None => others.next(),
    };
    found.cloned().ok_or_else(|| match to {
        Some(revision) => {
            let shown: String = revision.chars().take(80).collect();
            format!("`{shown}` is not a kept revision other than the one that serves. Nothing was done.")
        }
        None => "No earlier revision is kept that traffic could go back to. Nothing was done.".to_owned(),
    })
}

fn moment(ctx: &Context) -> At<'_> {
    At {
        now: ctx.now(),
        real: ctx.real(),
        owner: &ctx.config.settings.instance,
        alone: ctx.config.settings.alone,
        can_act: false,
        window: ctx.ports.target.window_policy(),
    }
}
