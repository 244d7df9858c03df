//! `POST /api/v1/deployments/register`: a deployment that the customer carries out and has us watch.
//!
//! Invariant: one decision has one registered deployment, however often and at once it is registered; decision,
//! deployment, service and sealed credentials are one commit.

pub mod body;
mod check;
mod decision;
mod launch;
mod specs;
pub mod webhook;

use crate::{deploy::place::empty_service, recommend::learning_of, secret, transition};
use body::Registered;
use check::{Wanted, check};
use host::{Caller, Context, Error, Request, Response, Stored};
use model::{
    DecisionId, DeploymentId, ServiceName, TenantId,
    deployment::{At, Request as Order, accept},
    document::{
        CanaryPolicy, CarriedOutBy, Credentials, Decision, Kept, Limits, Registration, RunOptions, SCHEMA,
        ScanPolicy, Service, Strategy, VariableVersions,
        calibration::{own_path, pool_path},
        credentials_path, decision_path, deployment_path, service_path,
    },
    port::store::{Document, Precondition, Write},
    time::{DAY_MS, MINUTE_MS},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Registers a deployment.
pub async fn register(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted = check(request.json()?)?;
    let caller = ctx.caller()?;
    let path = credentials_path(&caller.tenant, &wanted.decision);
    let sealed = secret::seal(&ctx, &caller.tenant, &path, "gcp_credentials", &wanted.credentials).await?;
    let credentials = Credentials {
        schema: SCHEMA,
        tenant: caller.tenant.clone(),
        decision: wanted.decision.clone(),
        updated_at: ctx.now(),
        gcp_credentials: sealed,
    };
    let credentials = Write::put(path, Precondition::None, &credentials)?;
    let name = service_name(&wanted.decision)?;
    ctx.persisting(|| attempt(&ctx, caller, &wanted, &name, &credentials)).await
}

/// What is to be committed, and what is answered then.
type Made = (Vec<Write>, Response);

/// One try: four documents in one read, one commit.
async fn attempt(
    ctx: &Context,
    caller: &Caller,
    wanted: &Wanted,
    name: &ServiceName,
    credentials: &Write,
) -> Result<Response, Error> {
    let (mut writes, response) = make(ctx, caller, wanted, name).await?;
    writes.push(credentials.clone());
    ctx.crash_point("register.before-commit");
    ctx.commit(writes, &response).await?;
    ctx.crash_point("register.after-commit");
    Ok(response)
}

/// Reads what there is, and decides.
async fn make(ctx: &Context, caller: &Caller, wanted: &Wanted, name: &ServiceName) -> Result<Made, Error> {
    let tenant = &caller.tenant;
    let paths = [
        decision_path(tenant, &wanted.decision),
        service_path(tenant, name),
        pool_path(wanted.class()),
        own_path(tenant, wanted.class()),
    ];
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let mut next = || found.next().flatten();
    let (known, service, pool, own) = (parse::<Decision>(next())?, next(), next(), next());
    match known {
        Some(found) if found.document.registration.is_some() => again(ctx, wanted, found).await,
        Some(found) => {
            let (made, precondition) = (found.document, Precondition::At(found.version));
            if let Some(other) = &made.deployment {
                return Err(carried_out(&made.id, other));
            }
            let service = match &made.service {
                Some(other) if other != name.as_str() => {
                    ctx.read(&service_path(tenant, &ServiceName::new(other)?)).await?
                }
                Some(_) | None => parse(service)?,
            };
            first(ctx, caller, wanted, made, precondition, name, service)
        }
        None => {
            let learned = learning_of(ctx, pool, own)?;
            let made = decision::decision(ctx, tenant, wanted, &learned)?;
            first(ctx, caller, wanted, made, Precondition::Absent, name, parse(service)?)
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(document: Option<Document>) -> Result<Option<Stored<T>>, Error> {
    document.map(Stored::parse).transpose()
}

/// The first registration of a decision.
fn first(
    ctx: &Context,
    caller: &Caller,
    wanted: &Wanted,
    mut decision: Decision,
    decision_at: Precondition,
    name: &ServiceName,
    service: Option<Stored<Service>>,
) -> Result<Made, Error> {
    let at = transition::moment(ctx);
    let tenant = &caller.tenant;
    let name = match &decision.service {
        Some(known) => ServiceName::new(known)?,
        None => name.clone(),
    };
    let order = order(DeploymentId::from_random(ctx.random()), caller, wanted, &name);
    ctx.about(&order.id);
    let (mut service, service_at) = match service {
        Some(found) => (found.document, Precondition::At(found.version)),
        None => (empty_service(&name, &order, &at), Precondition::Absent),
    };
    if service_at != Precondition::Absent && service.carried_out_by == CarriedOutBy::Sextant {
        return Err(ours(&name));
    }
    let mut deployment = accept(order, false, None, &at);
    deployment.decision = Some(decision.id.clone());
    serve(&mut service, wanted, &deployment, &at);
    let secret = host::webhook::secret(&ctx.config.token_key, tenant, &decision.id, 0);
    decision.deployment = Some(deployment.id.clone());
    decision.service = Some(name.to_string());
    decision.registration = Some(registration(wanted, hash(&secret)));
    let response = answer(&deployment.id, Some(secret));
    let writes = vec![
        Write::put(deployment_path(tenant, &deployment.id), Precondition::Absent, &deployment)?,
        Write::put(decision_path(tenant, &decision.id), decision_at, &decision)?,
        Write::put(service_path(tenant, &name), service_at, &service)?,
    ];
    Ok((writes, response))
}

/// The same decision again: the same deployment. What may change meanwhile (credentials, launch, whether to
/// measure) is taken over; another project is another deployment and needs another decision.
async fn again(ctx: &Context, wanted: &Wanted, found: Stored<Decision>) -> Result<Made, Error> {
    let Stored { document: mut decision, version, .. } = found;
    let tenant = decision.tenant.clone();
    let (Some(known), Some(deployment)) = (decision.registration.clone(), decision.deployment.clone()) else {
        return Err(Error::internal(format!(
            "decision `{}` is registered without a deployment",
            decision.id
        )));
    };
    ctx.about(&deployment);
    if known.project != wanted.project {
        return Err(registered(&decision.id, &deployment));
    }
    let response = answer(&deployment, None);
    let now = Registration {
        webhook_generation: known.webhook_generation,
        webhook_former: known.webhook_former.clone(),
        ..registration(wanted, known.webhook_secret_hash.clone())
    };
    let mut writes = vec![];
    if now != known {
        decision.registration = Some(now);
        writes.push(Write::put(decision_path(&tenant, &decision.id), Precondition::At(version), &decision)?);
        writes.extend(reschedule(ctx, &tenant, wanted, &decision, &deployment).await?);
    }
    Ok((writes, response))
}

/// The service's own due times, where this deployment is still the one that serves.
async fn reschedule(
    ctx: &Context,
    tenant: &TenantId,
    wanted: &Wanted,
    decision: &Decision,
    deployment: &DeploymentId,
) -> Result<Option<Write>, Error> {
    let Some(name) = &decision.service else { return Ok(None) };
    let path = service_path(tenant, &ServiceName::new(name)?);
    let Some(found) = ctx.read::<Service>(&path).await? else { return Ok(None) };
    let mut service = found.document;
    if service.slot.serving.as_ref().is_none_or(|serving| serving.deployment != *deployment) {
        return Ok(None);
    }
    schedule(&mut service, wanted, &transition::moment(ctx));
    Ok(Some(Write::put(path, Precondition::At(found.version), &service)?))
}

/// What the customer runs serves, as far as they told us.
fn serve(service: &mut Service, wanted: &Wanted, deployment: &model::document::Deployment, at: &At<'_>) {
    service.carried_out_by = CarriedOutBy::Customer;
    service.owner = wanted.user.to_string();
    service.updated_at = at.now;
    service.serve(Kept {
        revision: deployment.revision_name(),
        deployment: deployment.id.clone(),
        decision: Some(wanted.decision.clone()),
        commit: None,
        since: wanted.launch_at.unwrap_or(at.now),
    });
    schedule(service, wanted, at);
}

/// Measured from the launch on, or never; asked about a week after it.
fn schedule(service: &mut Service, wanted: &Wanted, at: &At<'_>) {
    let launch = wanted.launch_at.unwrap_or(at.now);
    service.measuring.measured_to = wanted.launch_at.unwrap_or(at.real);
    service.measuring.metrics_due = wanted.collect.then(|| launch.max(at.now.plus(MINUTE_MS)));
    if service.asking.question.is_none() {
        service.asking.ask_due = Some(launch.plus(7 * DAY_MS));
    }
}

fn order(id: DeploymentId, caller: &Caller, wanted: &Wanted, name: &ServiceName) -> Order {
    Order {
        id,
        tenant: caller.tenant.clone(),
        service: name.clone(),
        environment: "production".to_owned(),
        carried_out_by: CarriedOutBy::Customer,
        requested_by: wanted.user.to_string(),
        source: None,
        source_token: None,
        strategy: Strategy::default(),
        policy: CanaryPolicy::default(),
        limits: Limits::default(),
        allow: vec![],
        scan: ScanPolicy::default(),
        run: RunOptions::default(),
        may_lack: false,
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: None,
    }
}

fn registration(wanted: &Wanted, webhook_secret_hash: String) -> Registration {
    Registration {
        user_id: wanted.user.to_string(),
        session_id: wanted.session.to_string(),
        project: wanted.project.clone(),
        region: wanted.region.clone(),
        launch_at: wanted.launch_at,
        collect: wanted.collect,
        webhook_secret_hash,
        webhook_generation: 0,
        webhook_former: None,
    }
}

/// The service of a decision that names none: derived, so that a repeat finds it. Our own ids are legible in it;
/// any other is hashed, so that no two share a name and none takes that of a service which Sextant deploys.
fn service_name(decision: &DecisionId) -> Result<ServiceName, Error> {
    let tail = decision.as_str().strip_prefix("dec_").unwrap_or_default();
    let plain = tail.len() == 20 && tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let name = if plain {
        format!("registered-{tail}")
    } else {
        let digest = Sha256::digest(decision.as_str());
        format!("registered-{}", hex::encode(&digest[..11]))
    };
    Ok(ServiceName::new(name)?)
}

/// SHA-256 of the secret as it is presented, `whsec_` included, as hexadecimal.
fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

fn answer(id: &DeploymentId, webhook_secret: Option<String>) -> Response {
    Response::json(200, &Registered { deployment_id: id.to_string(), webhook_secret })
}

fn carried_out(decision: &DecisionId, deployment: &DeploymentId) -> Error {
    Error::conflict(format!(
        "Decision `{decision}` was carried out by Sextant itself, as `{deployment}`. Nothing was registered; ask for a decision of its own."
    ))
    .slug("already-carried-out")
    .with("deployment_id", deployment.to_string())
}

fn registered(decision: &DecisionId, deployment: &DeploymentId) -> Error {
    Error::conflict(format!(
        "Decision `{decision}` is registered for another project, as `{deployment}`. Nothing was changed; register another project under another decision."
    ))
    .slug("already-registered")
    .field("gcp_project_id", "it differs from the project that was registered first")
    .with("deployment_id", deployment.to_string())
}

fn ours(name: &ServiceName) -> Error {
    Error::conflict(format!(
        "Service `{name}` is deployed by Sextant itself. Nothing was registered; use a decision of another service."
    ))
    .slug("name-taken")
}
