//! Archives that nobody wants any more: those of deployments that ended some days ago and are gone back to by no
//! rollback, those that a crash, a time limit or a cancellation left behind, and uploads that nobody deployed.
//!
//! Invariant: the archive of a deployment that still runs, serves or is kept for a rollback is never touched.

use host::{Context, Error, Outcome};
use model::{
    DeploymentId,
    document::{Deployment, Service, deployment_path, service_path},
    port::{
        Delivery,
        source::{Claim, is_upload},
        store::Path,
    },
    time::{DAY_MS, HOUR_MS},
};

/// Claims looked at at once.
const PAGE: usize = 200;
/// What a deployment was made from is kept for this long after its end, so that it can be put to work again.
const ENDED_MS: i64 = 7 * DAY_MS;
/// An upload that nobody deployed is kept for this long.
const UPLOAD_MS: i64 = DAY_MS;
/// Whoever claims an archive stores what it is for within this time.
const STRANGE_MS: i64 = HOUR_MS;

/// Ends claims of nobody.
pub async fn tidy(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    let (mut after, mut ended) = (None, 0);
    loop {
        let claims = ctx.ports.source.claims(after.as_ref(), PAGE).await?;
        for claim in over(&ctx, &claims).await? {
            if is_upload(&claim.key) {
                ctx.ports.source.forget(claim).await?;
            } else {
                ctx.ports.source.release(&claim.tenant, &claim.key).await?;
            }
            ended += 1;
        }
        after = match claims.last() {
            Some(last) if claims.len() == PAGE => Some(last.clone()),
            _ => break,
        };
    }
    // Objects that a crash, or a disk that was full, left half written: nobody can name them.
    let unfinished = ctx.ports.objects.tidy().await?;
    if unfinished > 0 {
        tracing::info!(unfinished, "removed objects that were never finished");
    }
    if ended > 0 {
        tracing::info!(ended, "ended claims on archives that nobody wants any more");
    }
    Ok(Outcome::Done)
}

/// Those that nobody has an interest in.
async fn over<'a>(ctx: &Context, claims: &'a [Claim]) -> Result<Vec<&'a Claim>, Error> {
    let path = |claim: &Claim| {
        let id: DeploymentId = claim.key.parse().ok()?;
        Some(deployment_path(&claim.tenant, &id))
    };
    let paths: Vec<Path> = claims.iter().filter_map(path).collect();
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let mut over = vec![];
    for claim in claims {
        let age = ctx.now().since(claim.since);
        let deployment = if path(claim).is_some() { found.next().flatten() } else { None };
        let ended = match deployment {
            Some(document) => is_over(ctx, &document.body.parse::<Deployment>()?).await?,
            None if is_upload(&claim.key) => age > UPLOAD_MS,
            None => age > STRANGE_MS,
        };
        over.extend(ended.then_some(claim));
    }
    Ok(over)
}

/// Whether nobody puts a deployment to work again: it was not kept for that, or ended long ago and is kept by no service.
async fn is_over(ctx: &Context, deployment: &Deployment) -> Result<bool, Error> {
    if !deployment.status.at_rest() || !deployment.keeps_source() {
        return Ok(deployment.status.at_rest());
    }
    if ctx.now().since(deployment.updated_at) <= ENDED_MS {
        return Ok(false);
    }
    let service = ctx.read::<Service>(&service_path(&deployment.tenant, &deployment.service)).await?;
    Ok(!service.is_some_and(|service| service.document.refers_to(&deployment.id)))
}
