//! One step of one deployment: read it, decide, commit, act, and come back with what came of it.
//!
//! Invariant: the handler knows the protocol (`drive`) and how effects are performed (`effect`); what happens next
//! is `model::deployment::decide`'s business alone.

mod drive;
mod effect;
mod left_over;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port};
use model::{
    message::{AboutDeployment, kind, topic},
    port::Delivery,
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new(
        "deploy-step",
        "Takes one deployment a step further: build, release, verify, shift, take back",
    )
    .timeout_s(60)
    .concurrency(80)
    .permissions(&[
        "datastore.user",
        "pubsub.publisher",
        "run.developer",
        "cloudbuild.builds.editor",
        "storage.objectAdmin",
    ])
    .uses(&[Port::Store, Port::Broker, Port::Timers, Port::Target, Port::Keys, Port::Source])
    .topic(
        topic::DEPLOYMENTS,
        &[kind::DEPLOYMENT_REQUESTED, kind::DEPLOYMENT_DUE, kind::BUILD_ENDED],
        handle,
    )
}

async fn handle(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let message = delivery.message;
    let Ok(AboutDeployment { deployment }) = message.body() else {
        return Ok(Outcome::Reject(format!("a `{}` message that names no deployment", message.kind)));
    };
    ctx.about(&deployment);
    drive::drive(&ctx, &deployment, &message).await
}
