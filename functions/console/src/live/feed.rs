//! Watches one deployment's document and its log, for as long as anybody reads.
//!
//! Invariant: one watch of each, and whoever waits is woken only once the shared state is complete.

use super::state::{State, head};
use futures::{StreamExt, stream::BoxStream};
use host::Error;
use model::{
    document::Deployment,
    port::{
        Ports,
        store::{Changed, Path, StoreError, Watch},
    },
};
use std::sync::Arc;
use tokio::sync::watch;

/// The newest state; `None` until the document was read.
pub type Shared = Option<Arc<State>>;

type Changes = BoxStream<'static, Result<Changed, StoreError>>;

/// Watches until the deployment is at rest or can't be watched any more; the last state says which.
pub async fn run(ports: Arc<Ports>, path: Path, prefix: String, shared: watch::Sender<Shared>) {
    let result = watch(&ports, &path, &prefix, &shared).await;
    if let Err(error) = result {
        tracing::warn!(%error, document = path.as_str(), "can't be watched any more; its readers come back by themselves");
        shared.send_modify(|state| {
            if let Some(last) = state {
                *last = Arc::new(last.failed());
            }
        });
    }
}

async fn watch(
    ports: &Ports,
    path: &Path,
    prefix: &str,
    shared: &watch::Sender<Shared>,
) -> Result<(), Error> {
    let mut changes = ports.store.watch(Watch::Document(path.clone())).await?;
    let mut hints = ports.objects.watch(&format!("{prefix}/")).await?;
    // Hints began before this look, so nothing falls between.
    let head = head(&*ports.objects, prefix).await?;
    let mut state = State::new(next(&mut changes).await?, head);
    loop {
        if state.deployment.status.at_rest() {
            let drained = state.with_log(&*ports.objects).await?.unwrap_or(state);
            shared.send_replace(Some(Arc::new(drained.ended(ports).await?)));
            return Ok(());
        }
        shared.send_replace(Some(Arc::new(state.clone())));
        state = following(ports, &mut changes, &mut hints, state).await?;
    }
}

/// Waits for whatever makes the next state.
async fn following(
    ports: &Ports,
    changes: &mut Changes,
    hints: &mut BoxStream<'static, ()>,
    state: State,
) -> Result<State, Error> {
    loop {
        tokio::select! {
            deployment = next(changes) => return Ok(state.with(deployment?)),
            hint = hints.next() => {
                hint.ok_or_else(|| Error::unavailable("the log can't be watched any more"))?;
                if let Some(longer) = state.with_log(&*ports.objects).await? {
                    return Ok(longer);
                }
            }
        }
    }
}

async fn next(changes: &mut Changes) -> Result<Deployment, Error> {
    let changed = changes.next().await.ok_or_else(|| Error::unavailable("the watch ended"))??;
    let document = changed.document.ok_or_else(|| Error::unavailable("the document is gone"))?;
    Ok(document.body.parse()?)
}
