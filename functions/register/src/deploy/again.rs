//! `POST /api/v1/deployments/{id}/redeploy`: an earlier deployment is put to work again, by its archive and by what was
//! built from it. Undoing a rollback is that, too.
//!
//! Invariant: what was scanned then is what is deployed now; the variables are those that the service has today; a
//! repeat while the first one still runs begins no second one.

use super::{place, source, started, variables};
use crate::{secret, transition};
use host::{Context, Error, Request, Response, seal};
use model::{
    DeploymentId,
    deployment::Request as Order,
    document::{
        Again, Built, CarriedOutBy, Deployment, Service, Strategy, VariableChanges, VariableVersions,
        deployment_path, service_path,
    },
    port::{
        KeyContext, PortError,
        source::{Archived, SourceRef},
        store::Path,
    },
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How it is put to work again; may be absent.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeployBody {
    /// How traffic gets there; as it did then if absent.
    #[serde(default)]
    pub strategy: Option<Strategy>,
    /// Whether to build it again, from the same source, also where what it built is kept.
    #[serde(default)]
    pub build: bool,
    /// Whether it may run without variables that the deployment that serves has; refused otherwise, naming them.
    #[serde(default)]
    pub may_drop: bool,
    /// Whether it may run without variables that its code certainly needs; it fails before a build otherwise, naming
    /// them.
    #[serde(default)]
    pub may_lack: bool,
}

/// Accepts it.
pub async fn redeploy(ctx: Context, request: Request) -> Result<Response, Error> {
    let earlier: DeploymentId = request.id("id")?;
    let body: RedeployBody = crate::command::optional(&request)?;
    let id = DeploymentId::from_random(ctx.random());
    ctx.about(&id);
    let done = ctx.persisting(|| attempt(&ctx, &earlier, &id, &body)).await?;
    transition::hand_on(&ctx, &done.messages, done.ended).await;
    Ok(done.response)
}

async fn attempt(
    ctx: &Context,
    earlier: &DeploymentId,
    id: &DeploymentId,
    body: &RedeployBody,
) -> Result<place::Placed, Error> {
    let tenant = ctx.tenant()?;
    let found = ctx.read::<Deployment>(&deployment_path(tenant, earlier)).await?;
    let earlier = found.ok_or_else(|| crate::command::unknown(earlier))?.document;
    let service = ctx.read::<Service>(&service_path(tenant, &earlier.service)).await?;
    let seen = service.as_ref().map(|found| found.version);
    let service = service.map(|found| found.document);
    if let Some(same) = under_way(ctx, service.as_ref(), &earlier.id).await? {
        let response = Response::json(200, &started(ctx, &same, false));
        return Ok(place::Placed { messages: vec![], response, ended: None });
    }
    let (now, _) = variables::read(ctx, &earlier.service, service.as_ref()).await?;
    let build = body.build || is_written_in(&earlier, &now.plain);
    let how = How { strategy: body.strategy, build, may_lack: body.may_lack };
    let order = order(ctx, id, &earlier, &how).await?;
    let answer = |deployment: &Deployment, first: bool| {
        let location = format!("/api/v1/deployments/{}", deployment.id);
        Response::json(201, &started(ctx, deployment, first)).header("location", location)
    };
    let (changes, may_drop) = (VariableChanges::default(), body.may_drop);
    let placing = place::Placing { order: &order, changes: &changes, may_drop, seen };
    Box::pin(place::place(ctx, &placing, answer)).await
}

/// The deployment that puts the same one to work already, if it runs or waits.
async fn under_way(
    ctx: &Context,
    service: Option<&Service>,
    earlier: &DeploymentId,
) -> Result<Option<Deployment>, Error> {
    let Some(service) = service else { return Ok(None) };
    let busy = service.slot.running.iter().chain(&service.slot.queued);
    let paths: Vec<Path> = busy.map(|id| deployment_path(&service.tenant, id)).collect();
    let found = ctx.read_many::<Deployment>(&paths).await?;
    let of = |found: &Deployment| found.again.as_ref().is_some_and(|again| again.of == *earlier);
    Ok(found.into_iter().flatten().map(|found| found.document).find(of))
}

/// How an earlier deployment is put to work again.
pub struct How {
    /// How traffic gets there; as it did then if absent.
    pub strategy: Option<Strategy>,
    /// Whether it is built again.
    pub build: bool,
    /// Whether it may run without variables that its code certainly needs.
    pub may_lack: bool,
}

/// Whether what was built has variables written into it that are others now: those of a static site, and those that
/// frameworks write into pages.
pub fn is_written_in(earlier: &Deployment, now: &BTreeMap<String, String>) -> bool {
    let is_static = earlier.plan.as_ref().is_some_and(|plan| plan.start_command.is_none());
    // Storybook writes its variables in, too; yet nobody takes them for public by their name.
    let written = |name: &&String| {
        is_static || inspect::names::is_written_into_pages(name) || name.starts_with("STORYBOOK_")
    };
    let names = earlier.variables.keys().chain(now.keys());
    names.filter(written).any(|name| earlier.variables.get(name) != now.get(name))
}

/// The order of an earlier deployment once more, under a new id; its archive is claimed for that.
pub async fn order(
    ctx: &Context,
    id: &DeploymentId,
    earlier: &Deployment,
    how: &How,
) -> Result<Order, Error> {
    let archive = ready(earlier)?;
    claim(ctx, id, earlier, archive).await?;
    let built = earlier.artifact.clone().zip(earlier.plan.clone()).filter(|_| !how.build);
    let built = built.map(|(artifact, plan)| Built { artifact, plan });
    Ok(Order {
        id: id.clone(),
        tenant: earlier.tenant.clone(),
        service: earlier.service.clone(),
        environment: earlier.environment.clone(),
        carried_out_by: CarriedOutBy::Sextant,
        requested_by: ctx.caller()?.user.clone(),
        source: earlier.source.as_ref().map(|source| pinned(source, archive)),
        source_token: token(ctx, id, earlier).await?,
        strategy: how.strategy.unwrap_or(earlier.strategy),
        policy: earlier.policy.clone(),
        limits: earlier.limits.clone(),
        allow: earlier.allow.clone(),
        scan: earlier.scan_policy,
        run: earlier.run.clone(),
        may_lack: how.may_lack,
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: Some(Again { of: earlier.id.clone(), archive: archive.clone(), built }),
    })
}

/// The archive of a deployment that can be put to work again.
fn ready(earlier: &Deployment) -> Result<&Archived, Error> {
    let id = &earlier.id;
    if earlier.carried_out_by == CarriedOutBy::Customer {
        return Err(Error::conflict(format!(
            "You carry `{id}` out yourself; Sextant has no source of it. Nothing was done; deploy it where it runs."
        ))
        .slug("not-ours"));
    }
    if !earlier.status.at_rest() {
        let status = earlier.status.as_str();
        return Err(Error::conflict(format!(
            "`{id}` is {status} and still runs. Nothing was done; wait for it, or cancel it."
        ))
        .slug("refused")
        .with("status", status)
        .with("seq", earlier.seq));
    }
    earlier.archive.as_ref().ok_or_else(|| gone(id, "it ended before its source was fetched"))
}

/// Claims the archive for the new deployment. One that is kept no more can be fetched again where it came from Git.
async fn claim(
    ctx: &Context,
    id: &DeploymentId,
    earlier: &Deployment,
    archive: &Archived,
) -> Result<(), Error> {
    let (digest, origin) = (archive.manifest.digest.clone(), archive.manifest.origin.clone());
    let kept = SourceRef::Archive { digest, origin, name: None };
    match ctx.ports.source.fetch(&earlier.tenant, &kept, id.as_str(), None).await {
        Ok(_) => Ok(()),
        Err(PortError::Permanent(_)) => match earlier.source.as_ref() {
            Some(git @ SourceRef::Git { .. }) => source::admit(ctx, git, id.as_str()).await,
            _ => Err(gone(&earlier.id, "its source is kept no more")),
        },
        Err(PortError::Transient(problem)) => Err(Error::unavailable(format!(
            "The source can't be looked at now: {problem}. Nothing was done; repeat this in a minute."
        ))),
    }
}

fn gone(id: &DeploymentId, why: &str) -> Error {
    Error::conflict(format!(
        "`{id}` can't be put to work again: {why}. Nothing was done; deploy its source anew."
    ))
    .slug("source-gone")
}

/// The same commit, whatever its branch has come to.
fn pinned(source: &SourceRef, archive: &Archived) -> SourceRef {
    match source {
        SourceRef::Git { url, branch, commit } => SourceRef::Git {
            url: url.clone(),
            branch: branch.clone(),
            commit: archive.manifest.origin.commit.clone().or_else(|| commit.clone()),
        },
        SourceRef::Folder { .. } | SourceRef::Archive { .. } => source.clone(),
    }
}

/// The token for a private repository, sealed for the new deployment.
async fn token(
    ctx: &Context,
    id: &DeploymentId,
    earlier: &Deployment,
) -> Result<Option<seal::Sealed>, Error> {
    let Some(sealed) = &earlier.source_token else { return Ok(None) };
    let (tenant, field) = (&earlier.tenant, "source_token");
    let record = deployment_path(tenant, &earlier.id).as_str().to_owned();
    let context = KeyContext { tenant: tenant.clone(), record, field: field.to_owned() };
    let token = seal::open(&ctx.ports, &context, sealed).await?;
    Ok(Some(secret::seal(ctx, tenant, &deployment_path(tenant, id), field, &token).await?))
}
