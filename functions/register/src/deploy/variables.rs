//! What a new deployment runs with: the variables of its service, with the changes that it asks for.
//!
//! Invariant: a deployment that names none keeps all that the service had, and says so; the service's own document
//! changes in the same commit, at the version read; nothing that the deployment that serves has is dropped unless
//! whoever asks says that it may be.

use super::check;
use host::{
    Context, Error,
    seal::{self, ExposeSecret, Sealed, SecretString},
};
use model::{
    ServiceName, VariableName,
    document::{
        Deployment, Service, VariableChanges, Variables, deployment_path, variable_context, variables_path,
    },
    port::store::{Precondition, Write},
};
use std::collections::{BTreeMap, BTreeSet};

/// Whose variables, and who changes them.
pub struct Whose<'a> {
    /// The service.
    pub name: &'a ServiceName,
    /// The user.
    pub user: &'a str,
}

/// The variables of a service after the changes, and the write that keeps them, if anything changed.
pub struct Resolved {
    /// What there is after the changes.
    pub variables: Variables,
    /// The version that was there before them.
    pub before: u64,
    /// What belongs into the commit.
    pub write: Option<Write>,
    /// What the report says of those that nobody named.
    pub kept: Option<String>,
}

/// What is asked to be changed; secrets are sealed for the service, each for its own name.
pub async fn changes(
    ctx: &Context,
    service: &ServiceName,
    plain: &BTreeMap<VariableName, String>,
    secrets: &BTreeMap<VariableName, SecretString>,
    unset: &BTreeSet<String>,
) -> Result<VariableChanges, Error> {
    let tenant = ctx.tenant()?;
    let mut secret: BTreeMap<String, Sealed> = BTreeMap::new();
    for (name, value) in secrets {
        let context = variable_context(tenant, service, name.as_str());
        secret.insert(name.to_string(), seal::seal(&ctx.ports, &context, value).await?);
    }
    let plain = plain.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    Ok(VariableChanges { plain, secret, unset: unset.clone() })
}

/// The variables of a service as they are stored, or as the deployment that serves has them.
pub async fn read(
    ctx: &Context,
    name: &ServiceName,
    service: Option<&Service>,
) -> Result<(Variables, Precondition), Error> {
    let tenant = ctx.tenant()?;
    if let Some(found) = ctx.read::<Variables>(&variables_path(tenant, name)).await? {
        return Ok((found.document, Precondition::At(found.version)));
    }
    let none = Variables::none(tenant.clone(), name.clone());
    let known = match service {
        Some(service) => adopt(ctx, service, none).await?,
        None => none,
    };
    Ok((known, Precondition::Absent))
}

/// Reads what the service has and makes the changes.
pub async fn resolve(
    ctx: &Context,
    whose: &Whose<'_>,
    service: Option<&Service>,
    changes: &VariableChanges,
) -> Result<Resolved, Error> {
    let (mut variables, precondition) = read(ctx, whose.name, service).await?;
    let adopted = precondition == Precondition::Absent && variables.count() > 0;
    let named = |name: &&str| {
        changes.plain.contains_key(*name)
            || changes.secret.contains_key(*name)
            || changes.unset.contains(*name)
    };
    let kept: Vec<String> =
        variables.names().into_iter().filter(|name| !named(name)).map(str::to_owned).collect();
    let before = variables.version();
    let changes = news(ctx, &variables, changes).await?;
    let changed = variables.change(&changes) || adopted;
    check::within_bounds(&variables)?;
    let write = if changed {
        variables.updated_at = ctx.now();
        whose.user.clone_into(&mut variables.updated_by);
        Some(Write::put(variables_path(&variables.tenant, whose.name), precondition, &variables)?)
    } else {
        None
    };
    let kept = (!kept.is_empty()).then(|| format!("variables kept from before: {}", kept.join(", ")));
    Ok(Resolved { variables, before, write, kept })
}

/// The changes without secrets that have this value already: sealed anew they would look like others.
async fn news(
    ctx: &Context,
    variables: &Variables,
    changes: &VariableChanges,
) -> Result<VariableChanges, Error> {
    let mut news = changes.clone();
    for (name, sealed) in &changes.secret {
        let Some(known) = variables.secret.get(name) else { continue };
        let context = variable_context(&variables.tenant, &variables.service, name);
        let known = seal::open(&ctx.ports, &context, known).await?;
        let wanted = seal::open(&ctx.ports, &context, sealed).await?;
        if known.expose_secret() == wanted.expose_secret() {
            news.secret.remove(name);
        }
    }
    Ok(news)
}

/// What the report says of variables that the deployment that serves has, and the next one won't have; refused unless
/// they may be dropped.
pub async fn dropped(
    ctx: &Context,
    service: &Service,
    variables: &Variables,
    may_drop: bool,
) -> Result<Option<String>, Error> {
    let Some(serving) = &service.slot.serving else { return Ok(None) };
    let path = deployment_path(&service.tenant, &serving.deployment);
    let Some(found) = ctx.read::<Deployment>(&path).await? else { return Ok(None) };
    let had = found.document.variables.keys().chain(found.document.secrets.keys());
    let now = variables.names();
    let gone: BTreeSet<&str> = had.map(String::as_str).filter(|name| !now.contains(name)).collect();
    if gone.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = gone.into_iter().collect();
    let (listed, name) = (names.join(", "), &service.name);
    if may_drop {
        return Ok(Some(format!("variables that {} had and this one hasn't: {listed}", serving.deployment)));
    }
    Err(Error::conflict(format!(
        "`{name}` would run without {listed}, which `{}`, which serves, has. Nothing was done; set them again, or \
         repeat this with `may_drop` (`--yes`) if they are to go.",
        serving.deployment
    ))
    .slug("drops-variables")
    .with("variables", names))
}

/// Services from before they had variables of their own: those that the deployment that serves was given.
async fn adopt(ctx: &Context, service: &Service, mut variables: Variables) -> Result<Variables, Error> {
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
