//! Archives that nobody wants any more: those of deployments that ended some days ago and are gone back to by no
//! rollback, those that a crash, a time limit or a cancellation left behind, and uploads that nobody deployed.
//!
//! Invariant: the archive of a deployment that still runs, serves or is kept for a rollback is never touched.

use host::{Context, Error, Outcome};
use model::{
    DeploymentId, ServiceName, TenantId, Timestamp,
    document::{Deployment, Service, deployment_path, service_path},
    port::{
        Delivery,
        source::{Claim, is_upload},
        store::Path,
    },
    time::{DAY_MS, HOUR_MS},
};
use std::collections::BTreeMap;

/// Claims looked at at once.
const PAGE: usize = 200;
/// What a deployment was made from is kept for this long after its end, so that it can be put to work again.
const ENDED_MS: i64 = 7 * DAY_MS;
/// Of each service only so many of those are kept: twenty pushes a day don't fill the disk.
const MOST_ENDED: usize = 10;
/// An upload that nobody deployed is kept for this long.
const UPLOAD_MS: i64 = DAY_MS;
/// Whoever claims an archive stores what it is for within this time.
const STRANGE_MS: i64 = HOUR_MS;

/// Ends claims of nobody.
pub async fn tidy(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    let (mut after, mut ended, mut kept) = (None, 0, Kept::default());
    loop {
        let claims = ctx.ports.source.claims(after.as_ref(), PAGE).await?;
        for claim in over(&ctx, &claims, &mut kept).await? {
            if is_upload(&claim.key) {
                ctx.ports.source.forget(&claim).await?;
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

/// The newest archives of ended deployments, by service.
#[derive(Default)]
struct Kept(BTreeMap<(TenantId, ServiceName), Vec<(Timestamp, Claim)>>);

impl Kept {
    /// Keeps one more, and answers the oldest if there are too many then.
    fn add(&mut self, deployment: &Deployment, claim: &Claim) -> Option<Claim> {
        let service = (deployment.tenant.clone(), deployment.service.clone());
        let kept = self.0.entry(service).or_default();
        let at = kept.partition_point(|(ended, _)| *ended > deployment.updated_at);
        kept.insert(at, (deployment.updated_at, claim.clone()));
        if kept.len() > MOST_ENDED { kept.pop().map(|(_, oldest)| oldest) } else { None }
    }
}

/// Those that nobody has an interest in.
async fn over(ctx: &Context, claims: &[Claim], kept: &mut Kept) -> Result<Vec<Claim>, Error> {
    let path = |claim: &Claim| {
        let id: DeploymentId = claim.key.parse().ok()?;
        Some(deployment_path(&claim.tenant, &id))
    };
    let paths: Vec<Path> = claims.iter().filter_map(path).collect();
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let mut over = vec![];
    for claim in claims {
        let age = ctx.now().since(claim.since);
        let document = if path(claim).is_some() { found.next().flatten() } else { None };
        let Some(document) = document else {
            let most = if is_upload(&claim.key) { UPLOAD_MS } else { STRANGE_MS };
            over.extend((age > most).then(|| claim.clone()));
            continue;
        };
        let deployment = document.body.parse::<Deployment>()?;
        over.extend(match wanted(ctx, &deployment).await? {
            Wanted::Needed => None,
            Wanted::MayBe => kept.add(&deployment, claim),
            Wanted::No => Some(claim.clone()),
        });
    }
    Ok(over)
}

/// Who wants a deployment's archive.
enum Wanted {
    /// It runs, serves or is kept for a rollback.
    Needed,
    /// It ended not long ago and may be put to work again.
    MayBe,
    /// Nobody: it wasn't kept for that, or ended long ago.
    No,
}

async fn wanted(ctx: &Context, deployment: &Deployment) -> Result<Wanted, Error> {
    if !deployment.status.at_rest() {
        return Ok(Wanted::Needed);
    }
    if !deployment.keeps_source() {
        return Ok(Wanted::No);
    }
    let service = ctx.read::<Service>(&service_path(&deployment.tenant, &deployment.service)).await?;
    if service.is_some_and(|service| service.document.refers_to(&deployment.id)) {
        return Ok(Wanted::Needed);
    }
    let lately = ctx.now().since(deployment.updated_at) <= ENDED_MS;
    Ok(if lately { Wanted::MayBe } else { Wanted::No })
}
