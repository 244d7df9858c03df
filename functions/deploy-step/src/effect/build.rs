//! Starts a build that outlives this handler, and reads how it stands.

use super::{Failed, release::secret_variables, scan};
use host::{Context, seal::ExposeSecret};
use model::{
    deployment::Outcome,
    document::{Deployment, log},
    port::target::BuildOrder,
};

/// Starts the build, or finds the one of this attempt.
pub async fn start(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let Some(plan) = &deployment.plan else {
        return Err(Failed::lasting("no_plan", "The deployment has no plan to build by", "Deploy again."));
    };
    let archive = scan::archived(ctx, deployment).await?;
    let secrets = secret_variables(ctx, deployment).await?;
    let order = BuildOrder {
        key: deployment.build_key(),
        deployment: deployment.id.clone(),
        service: deployment.key(),
        archive,
        plan: plan.clone(),
        variables: deployment.variables.clone(),
        redact: secrets.values().map(|secret| secret.expose_secret().to_owned()).collect(),
        log_prefix: deployment.log_prefix(),
        log_from: log::first_segment(deployment.attempt),
        timeout_ms: deployment.limits.build_ms,
    };
    ctx.ports.target.start_build(order).await?;
    Ok(Outcome::BuildStarted)
}

/// Reads how the build stands.
pub async fn read(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    Ok(Outcome::BuildRead(ctx.ports.target.read_build(&deployment.build_key()).await?))
}
