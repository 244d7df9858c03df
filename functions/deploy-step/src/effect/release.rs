//! Creates the revision, without traffic, with the service's variables.

use super::{Failed, follow::follow};
use host::{
    Context,
    seal::{self, ExposeSecret, SecretString},
};
use model::{
    deployment::Outcome,
    document::{Configuration, Decision, Deployment, decision_path},
    port::target::{Bounds, Operation, Placement, RevisionOrder, secretless::Variable},
};
use std::collections::BTreeMap;

/// Starts to create the revision of this deployment, or finds it.
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
        cpu_milli: configuration.cpu_milli,
        memory_mib: configuration.memory_mib,
        concurrency: configuration.concurrency,
        bounds: Bounds { min: Some(configuration.min_instances), max: Some(configuration.max_instances) },
        placement: Placement {
            project: ctx.config.settings.project.clone(),
            region: Some(configuration.region),
        },
        public: true,
    };
    ctx.ports.target.start_release(order).await?;
    read(ctx, deployment).await
}

/// How the release stands.
pub async fn read(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let (target, service, revision) = (&ctx.ports.target, deployment.key(), deployment.revision_name());
    match follow(ctx, || target.read_release(&service, &revision)).await? {
        Operation::Unknown => Ok(Outcome::ReleaseUnknown),
        Operation::Pending { why } => Ok(Outcome::ReleasePending { why }),
        Operation::Failed { reason } => {
            let message = format!("The new revision could not be released: {reason}");
            Err(Failed::lasting("release_failed", message, "Mend that, then deploy again."))
        }
        Operation::Done(released) => {
            let traffic = target.traffic(&service).await?.token;
            Ok(Outcome::Released { released, traffic })
        }
    }
}

/// What was decided; analyze has written the decision in the commit that names it.
async fn configuration(ctx: &Context, deployment: &Deployment) -> Result<Configuration, Failed> {
    let lost = || Failed::lasting("no_decision", "The decision that it carries out is gone", "Deploy again.");
    let id = deployment.decision.as_ref().ok_or_else(lost)?;
    let found = ctx.ports.store.get(&decision_path(&deployment.tenant, id)).await?.ok_or_else(lost)?;
    Ok(found.body.parse::<Decision>()?.configuration)
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
    let plain =
        deployment.variables.iter().map(|(name, value)| (name.clone(), Variable::Plain(value.clone())));
    let mut all: BTreeMap<String, Variable> = plain.collect();
    for (name, secret) in secret_variables(ctx, deployment).await? {
        all.insert(name, Variable::Secret(secret.expose_secret().to_owned()));
    }
    Ok(all)
}
