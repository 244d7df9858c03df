//! Revisions that a late effect left behind: discarded at once, or, where the target can't be reached, noted in the
//! deployment and discarded when it is woken, which `sweep` does each minute until it is done.
//!
//! Invariant: a revision that takes traffic is never discarded (the target's word), so a late try harms nobody.

use host::{Context, Error, Outcome, Stored, backoff::BackOff};
use model::{
    document::Deployment,
    port::{
        store::{Precondition, Version, Write},
        target::TargetError,
    },
    time::MINUTE_MS,
};

/// Discards a revision, or notes that it is still to be done.
pub async fn discard(
    ctx: &Context,
    mut driven: Stored<Deployment>,
    revision: &str,
) -> Result<Outcome, Error> {
    let Err(error) = gone(ctx, &driven.document, revision).await else { return Ok(Outcome::Done) };
    tracing::warn!(%error, revision, "a revision that nobody wants could not be discarded; it is tried again each minute");
    let mut back_off = BackOff::among_few();
    loop {
        let due = ctx.now().plus(MINUTE_MS);
        let next_due = Some(driven.document.next_due.map_or(due, |known| known.min(due)));
        let next = Deployment { left_over: true, next_due, ..driven.document.clone() };
        match put(ctx, &driven, &next).await {
            Ok(_) => return Ok(Outcome::Done),
            Err(error) if error.is_contended() && back_off.again(ctx).await => {}
            Err(error) => return Err(error),
        }
        let again = ctx.read(&driven.path).await?;
        driven = again.ok_or_else(|| Error::not_found(format!("`{}` is gone", driven.path)))?;
    }
}

/// Discards what was noted, once the deployment rests; an error has it tried again. Until then it has other things to
/// do, and a revision that is still coming up must not keep it from them.
pub async fn retry(ctx: &Context, driven: &mut Stored<Deployment>) -> Result<(), Error> {
    if !driven.document.left_over || !driven.document.status.at_rest() {
        return Ok(());
    }
    let revision = driven.document.revision_name();
    gone(ctx, &driven.document, &revision).await?;
    let next = Deployment { left_over: false, ..driven.document.clone() };
    driven.version = put(ctx, driven, &next).await?;
    driven.document = next;
    Ok(())
}

/// Discards it. What the target refuses for good is over as well: the next deployment's tidying up stops it.
async fn gone(ctx: &Context, deployment: &Deployment, revision: &str) -> Result<(), TargetError> {
    match ctx.ports.target.discard(&deployment.key(), revision).await {
        Err(TargetError::Port(error)) if !error.is_transient() => {
            tracing::warn!(%error, revision, "a revision that nobody wants is left to the next deployment");
            Ok(())
        }
        Err(TargetError::Gone { .. }) => Ok(()),
        result => result,
    }
}

async fn put(ctx: &Context, driven: &Stored<Deployment>, next: &Deployment) -> Result<Version, Error> {
    let write = Write::put(driven.path.clone(), Precondition::At(driven.version), next)?;
    let versions = ctx.ports.store.commit(vec![write]).await?;
    versions.first().copied().ok_or_else(|| Error::internal("a commit of one document answered no version"))
}
