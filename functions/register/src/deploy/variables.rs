//! What a new deployment runs with: the variables of its service, with the changes that it asks for.
//!
//! Invariant: a deployment that names none keeps all that the service had, and says so; the service's own document
//! changes in the same commit, at the version read.

use super::check;
use host::{Context, Error, seal};
use model::{
    deployment::{At, Request},
    document::{
        Deployment, Service, VariableChanges, Variables, deployment_path, variable_context, variables_path,
    },
    port::store::{Precondition, Write},
};

/// The variables of a service after the changes, and the write that keeps them, if anything changed.
pub struct Resolved {
    /// What the deployment runs with.
    pub variables: Variables,
    /// What belongs into its commit.
    pub write: Option<Write>,
    /// What the report says of those that nobody named.
    pub kept: Option<String>,
}

/// Reads what the service has and makes the changes.
pub async fn resolve(
    ctx: &Context,
    request: &Request,
    service: &Service,
    changes: &VariableChanges,
    at: &At<'_>,
) -> Result<Resolved, Error> {
    let path = variables_path(&request.tenant, &request.service);
    let found = ctx.read::<Variables>(&path).await?;
    let new = found.is_none();
    let (mut variables, precondition) = if let Some(found) = found {
        (found.document, Precondition::At(found.version))
    } else {
        (adopt(ctx, service).await?, Precondition::Absent)
    };
    let adopted = new && variables.count() > 0;
    let named = |name: &&str| {
        changes.plain.contains_key(*name)
            || changes.secret.contains_key(*name)
            || changes.unset.contains(*name)
    };
    let kept: Vec<String> =
        variables.names().into_iter().filter(|name| !named(name)).map(str::to_owned).collect();
    let changed = variables.change(changes) || adopted;
    check::within_bounds(&variables)?;
    let write = if changed {
        variables.updated_at = at.now;
        variables.updated_by.clone_from(&request.requested_by);
        Some(Write::put(path, precondition, &variables)?)
    } else {
        None
    };
    let kept = (!kept.is_empty()).then(|| format!("variables kept from before: {}", kept.join(", ")));
    Ok(Resolved { variables, write, kept })
}

/// Services from before they had variables of their own: those that the deployment that serves was given.
async fn adopt(ctx: &Context, service: &Service) -> Result<Variables, Error> {
    let mut variables = Variables::none(service.tenant.clone(), service.name.clone());
    let Some(serving) = &service.slot.serving else { return Ok(variables) };
    let path = deployment_path(&service.tenant, &serving.deployment);
    let Some(found) = ctx.read::<Deployment>(&path).await? else { return Ok(variables) };
    variables.plain.clone_from(&found.document.variables);
    for (name, sealed) in &found.document.secrets {
        let secret = seal::open(&ctx.ports, &found.document.variable_context(name), sealed).await?;
        let context = variable_context(&service.tenant, &service.name, name);
        variables.secret.insert(name.clone(), seal::seal(&ctx.ports, &context, &secret).await?);
    }
    Ok(variables)
}
