//! `/api/v1/services/{name}/variables`: what the app of a service is told in its environment, shown and changed.
//!
//! Invariant: a secret's value is in no answer; a change and the deployment that makes a revision with it are one
//! commit; a repeat changes nothing.

pub mod body;

use crate::{
    deploy::{again, check, place, started, variables as stored},
    transition,
};
use body::{VariableShown, VariablesBody, VariablesChanged, VariablesShown};
use host::{Context, Error, Findings, Request, Response, Stored};
use model::{
    DeploymentId, ServiceName,
    document::{
        CarriedOutBy, Deployment, Service, Status, Strategy, VariableChanges, Variables, deployment_path,
        service_path,
    },
    port::store::Version,
};

/// Shows them.
pub async fn show(ctx: Context, request: Request) -> Result<Response, Error> {
    let name: ServiceName = request.id("name")?;
    let service = service(&ctx, &name).await?.map(|found| found.document);
    let (variables, _) = stored::read(&ctx, &name, service.as_ref()).await?;
    if service.is_none() && variables.version() == 0 {
        return Err(unknown(&name));
    }
    let serving = match &service {
        Some(service) => serving(&ctx, service).await?,
        None => None,
    };
    Ok(Response::json(200, &shown(&variables, serving.as_ref())))
}

fn unknown(name: &ServiceName) -> Error {
    Error::not_found(format!(
        "There is no service `{name}`. Check its name, which `sextant status` lists; for one that is yet to be deployed \
         send `new` (`--new`)."
    ))
}

fn shown(variables: &Variables, serving: Option<&Deployment>) -> VariablesShown {
    let versions = variables.versions();
    let one = |(name, version): (&String, &u64)| VariableShown {
        name: name.clone(),
        secret: variables.secret.contains_key(name),
        value: variables.plain.get(name).cloned(),
        version: *version,
    };
    let told = !variables.updated_by.is_empty();
    VariablesShown {
        service: variables.service.to_string(),
        version: versions.version,
        serving_version: serving.map(|serving| serving.variable_versions.version).filter(|known| *known > 0),
        updated_at: told.then(|| variables.updated_at.to_string()),
        updated_by: told.then(|| variables.updated_by.clone()),
        variables: versions.names.iter().map(one).collect(),
    }
}

/// What is asked for, checked.
struct Asked {
    changes: VariableChanges,
    version: Option<u64>,
    deploy: bool,
    strategy: Option<Strategy>,
    may_drop: bool,
    new: bool,
}

/// Changes them.
pub async fn change(ctx: Context, request: Request) -> Result<Response, Error> {
    let name: ServiceName = request.id("name")?;
    let body: VariablesBody = request.json()?;
    let asked = checked(&ctx, &name, body).await?;
    let id = DeploymentId::from_random(ctx.random());
    let done = ctx.persisting(|| attempt(&ctx, &name, &asked, &id)).await?;
    transition::hand_on(&ctx, &done.messages, done.ended).await;
    Ok(done.response)
}

async fn checked(ctx: &Context, name: &ServiceName, body: VariablesBody) -> Result<Asked, Error> {
    let mut findings = Findings::default();
    check::removed(&body.unset, &body.env, &body.secrets.0, &mut findings);
    let VariablesBody { env, secrets, unset, version, deploy, strategy, may_drop, new } = body;
    let (plain, secret) = check::variables(env, secrets.0, &mut findings);
    findings.finish()?;
    let changes = stored::changes(ctx, name, &plain, &secret, &unset).await?;
    Ok(Asked { changes, version, deploy, strategy, may_drop, new })
}

async fn attempt(
    ctx: &Context,
    name: &ServiceName,
    asked: &Asked,
    id: &DeploymentId,
) -> Result<place::Placed, Error> {
    let found = service(ctx, name).await?;
    let seen = found.as_ref().map(|found| found.version);
    let service = found.map(|found| found.document);
    match &service {
        Some(service) => changeable(service)?,
        None if asked.new => {}
        None => return Err(unknown(name)),
    }
    let whose = stored::Whose { name, user: &ctx.caller()?.user };
    let resolved = stored::resolve(ctx, &whose, service.as_ref(), &asked.changes).await?;
    let now = &resolved.variables;
    let Some(write) = resolved.write else {
        // A repeat saw an older version; nobody saw one that is yet to come.
        let ahead = asked.version.filter(|seen| *seen > resolved.before);
        not_stale(now, resolved.before, ahead)?;
        return unchanged(ctx, now, service.as_ref()).await;
    };
    not_stale(now, resolved.before, asked.version)?;
    if let Some(base) = base(ctx, service.as_ref(), asked).await? {
        return Box::pin(deploy(ctx, asked, id, &Base { deployment: base, seen }, now)).await;
    }
    let message = later(name, service.as_ref());
    let response = Response::json(200, &changed(now, true, message));
    ctx.crash_point("register.before-commit");
    ctx.commit(vec![write], &response).await?;
    ctx.crash_point("register.after-commit");
    Ok(place::Placed { messages: vec![], response, ended: None })
}

/// They are so already. What serves may lack them all the same, where the deployment that was to bring them failed, was
/// taken back or wasn't asked for: that is told, and left to whoever asks. What was taken back isn't rolled forward by
/// itself.
async fn unchanged(
    ctx: &Context,
    now: &Variables,
    service: Option<&Service>,
) -> Result<place::Placed, Error> {
    let is = |message: String| {
        let response = Response::json(200, &changed(now, false, message));
        Ok(place::Placed { messages: vec![], response, ended: None })
    };
    let so = "Nothing changed: they are so already";
    let has = |deployment: &Deployment| deployment.variable_versions.version == now.version();
    let Some(service) = service.filter(|service| service.live().is_some()) else {
        return is(format!("{so}."));
    };
    for id in service.slot.running.iter().chain(&service.slot.queued) {
        let found = ctx.read::<Deployment>(&deployment_path(&service.tenant, id)).await?;
        let brings = |found: &Deployment| has(found) && found.status != Status::RollingBack;
        if found.is_some_and(|found| brings(&found.document)) {
            return is(format!("{so}, and `{id}`, which is under way, brings them."));
        }
    }
    match serving(ctx, service).await?.filter(|serving| !has(serving)) {
        None => is(format!("{so}.")),
        Some(serving) => is(format!(
            "{so}, but what serves runs with version {} of them, and they are at version {}. `sextant redeploy {}` makes a \
             revision with them.",
            serving.variable_versions.version,
            now.version(),
            serving.id
        )),
    }
}

/// What a new revision is made from, and the version of the service at which that serves.
struct Base {
    deployment: Deployment,
    seen: Option<Version>,
}

/// A new revision of what serves, with the changed variables, in one commit with them.
async fn deploy(
    ctx: &Context,
    asked: &Asked,
    id: &DeploymentId,
    base: &Base,
    now: &Variables,
) -> Result<place::Placed, Error> {
    let Base { deployment: base, seen } = base;
    ctx.about(id);
    let build = again::is_written_in(base, &now.plain);
    // Whoever changes one variable is not asked about others: what serves runs without them.
    let how = again::How { strategy: asked.strategy, build, may_lack: true };
    let order = again::order(ctx, id, base, &how).await?;
    let answer = |deployment: &Deployment, first: bool| {
        let how = if build { "built again, since its build writes them in" } else { "without a build" };
        let message = format!("`{id}` makes a revision with them, {how}.");
        let deployment = Some(started(ctx, deployment, first));
        Response::json(202, &VariablesChanged { deployment, ..changed(now, true, message) })
    };
    let (changes, may_drop) = (&asked.changes, asked.may_drop);
    let placing = place::Placing { order: &order, changes, may_drop, seen: *seen };
    place::place(ctx, &placing, answer).await
}

fn changed(variables: &Variables, changed: bool, message: String) -> VariablesChanged {
    VariablesChanged {
        service: variables.service.to_string(),
        version: variables.version(),
        changed,
        deployment: None,
        message,
    }
}

/// The deployment that serves, if a new revision of it is to be made. While another one runs, that would take back
/// what it brings.
async fn base(ctx: &Context, service: Option<&Service>, asked: &Asked) -> Result<Option<Deployment>, Error> {
    let Some(service) = service.filter(|_| asked.deploy) else { return Ok(None) };
    if let Some(running) = &service.slot.running {
        return Err(Error::conflict(format!(
            "Deployment `{running}` is running on `{}`, with the variables that there were. Nothing was done; wait for \
             it, or repeat this with `deploy: false` (`--no-deploy`) for the deployment after it.",
            service.name
        ))
        .slug("service-busy")
        .with("running", running.to_string()));
    }
    if service.live().is_none() { Ok(None) } else { serving(ctx, service).await }
}

async fn serving(ctx: &Context, service: &Service) -> Result<Option<Deployment>, Error> {
    let Some(serving) = &service.slot.serving else { return Ok(None) };
    let found = ctx.read::<Deployment>(&deployment_path(&service.tenant, &serving.deployment)).await?;
    Ok(found.map(|found| found.document))
}

async fn service(ctx: &Context, name: &ServiceName) -> Result<Option<Stored<Service>>, Error> {
    ctx.read::<Service>(&service_path(ctx.tenant()?, name)).await
}

fn changeable(service: &Service) -> Result<(), Error> {
    if service.carried_out_by == CarriedOutBy::Customer {
        return Err(Error::conflict(format!(
            "You run `{}` yourself; Sextant gives it no variables. Nothing was done; set them where it runs.",
            service.name
        ))
        .slug("not-ours"));
    }
    place::not_deleted(service)
}

fn not_stale(variables: &Variables, before: u64, seen: Option<u64>) -> Result<(), Error> {
    let Some(seen) = seen.filter(|seen| *seen != before) else { return Ok(()) };
    Err(Error::conflict(format!(
        "You saw version {seen} of the variables of `{}`, and they are at version {before} now. Nothing was done; look \
         at them again, then repeat this.",
        variables.service
    ))
    .slug("moved-on")
    .with("version", before))
}

/// What is said where no revision is made.
fn later(name: &ServiceName, service: Option<&Service>) -> String {
    match service {
        None => format!("Kept; there is no service `{name}` yet, and its first deployment has them."),
        Some(service) if service.slot.stopped.is_some() => {
            format!("Kept; `{name}` is stopped, and its next deployment has them.")
        }
        Some(_) => "Kept; the next deployment has them.".to_owned(),
    }
}
