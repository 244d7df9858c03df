//! Creates the revision, without traffic, with the service's variables.

use super::Failed;
use host::{
    Context,
    seal::{self, ExposeSecret, SecretString},
};
use model::{
    deployment::Outcome,
    document::{Configuration, Decision, Deployment, decision_path},
    port::target::{RevisionOrder, secretless::Variable},
};
use std::collections::BTreeMap;

/// Creates the revision of this deployment, or finds it.
pub async fn release(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let (Some(plan), Some(artifact)) = (&deployment.plan, &deployment.artifact) else {
        return Err(Failed::lasting("no_artifact", "The deployment has nothing to release", "Deploy again."));
    };
    let configuration = configuration(ctx, deployment).await?;
    let order = RevisionOrder {
        revision: deployment.revision_name(),
        service: deployment.key(),
        artifact: artifact.clone(),
        plan: plan.clone(),
        variables: variables(ctx, deployment).await?,
        tag: deployment.tag(),
        cpu_milli: configuration.as_ref().map_or(1000, |found| found.cpu_milli),
        memory_mib: configuration.as_ref().map_or(512, |found| found.memory_mib),
        concurrency: configuration.as_ref().map_or(80, |found| found.concurrency),
    };
    let released = ctx.ports.target.create_revision(order).await?;
    let traffic = ctx.ports.target.traffic(&deployment.key()).await?.token;
    Ok(Outcome::Released { released, traffic })
}

async fn configuration(ctx: &Context, deployment: &Deployment) -> Result<Option<Configuration>, Failed> {
    let Some(id) = &deployment.decision else { return Ok(None) };
    let found = ctx.ports.store.get(&decision_path(&deployment.tenant, id)).await?;
    let decision = found.map(|document| document.body.parse::<Decision>()).transpose()?;
    Ok(decision.map(|decision| decision.configuration))
}

/// The secret ones, opened. They never leave this process but to the target.
pub async fn secret_variables(
    ctx: &Context,
    deployment: &Deployment,
) -> Result<BTreeMap<String, SecretString>, Failed> {
    let mut opened = BTreeMap::new();
    for (name, sealed) in &deployment.secrets {
        let context = deployment.variable_context(name);
        opened.insert(name.clone(), seal::open(&ctx.ports, &context, sealed).await?);
    }
    Ok(opened)
}

async fn variables(ctx: &Context, deployment: &Deployment) -> Result<BTreeMap<String, Variable>, Failed> {
    let plain = deployment
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), Variable { value: value.clone(), secret: false }));
    let mut all: BTreeMap<String, Variable> = plain.collect();
    for (name, secret) in secret_variables(ctx, deployment).await? {
        all.insert(name, Variable { value: secret.expose_secret().to_owned(), secret: true });
    }
    Ok(all)
}
