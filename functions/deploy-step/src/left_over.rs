//! Revisions that a late effect left behind: discarded at once, or, where the target can't be reached, noted in the
//! deployment and discarded when it is woken, which `sweep` does each minute until it is done.
//!
//! Invariant: a revision that takes traffic is never discarded (the target's word), so a late try harms nobody.

use crate::drive::{Driven, read};
use host::{Context, Error, Outcome};
use model::{
    document::Deployment,
    port::store::{Precondition, Version, Write},
    time::MINUTE_MS,
};

/// How often somebody else's commits are followed to note what is left over.
const ROUNDS: u32 = 10;

/// Discards a revision, or notes that it is still to be done.
pub async fn discard(ctx: &Context, mut driven: Driven, revision: &str) -> Result<Outcome, Error> {
    let Err(error) = ctx.ports.target.discard(&driven.deployment.key(), revision).await else {
        return Ok(Outcome::Done);
    };
    tracing::warn!(%error, revision, "a revision that nobody wants could not be discarded; it is tried again each minute");
    for _ in 0..ROUNDS {
        let due = ctx.now().plus(MINUTE_MS);
        let next_due = Some(driven.deployment.next_due.map_or(due, |known| known.min(due)));
        let next = Deployment { left_over: true, next_due, ..driven.deployment.clone() };
        match put(ctx, &driven, &next).await {
            Ok(_) => return Ok(Outcome::Done),
            Err(error) if !error.is_contended() => return Err(error),
            Err(_) => {}
        }
        let path = driven.path.clone();
        let again = read(ctx, &path).await?;
        driven = again.ok_or_else(|| Error::not_found(format!("`{path}` is gone")))?;
    }
    Err(Error::unavailable(format!("`{}` is changed too often to note what is left over", driven.path)))
}

/// Discards what was noted; an error has it tried again.
pub async fn retry(ctx: &Context, driven: &mut Driven) -> Result<(), Error> {
    if !driven.deployment.left_over {
        return Ok(());
    }
    let revision = driven.deployment.revision_name();
    ctx.ports.target.discard(&driven.deployment.key(), &revision).await?;
    let next = Deployment { left_over: false, ..driven.deployment.clone() };
    driven.version = put(ctx, driven, &next).await?;
    driven.deployment = next;
    Ok(())
}

async fn put(ctx: &Context, driven: &Driven, next: &Deployment) -> Result<Version, Error> {
    let write = Write::put(driven.path.clone(), Precondition::At(driven.version), next)?;
    let versions = ctx.ports.store.commit(vec![write]).await?;
    versions.first().copied().ok_or_else(|| Error::internal("a commit of one document answered no version"))
}
