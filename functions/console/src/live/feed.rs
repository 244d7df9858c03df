//! Watches one deployment's document and the head of its log, for as long as anybody reads.
//!
//! Invariant: one watch of each, and whoever waits is woken only once the shared state is complete. A log that is old
//! is told of rarely, so that it costs few writes: then its next segment is looked for by name.

use super::state::State;
use crate::log::Extent;
use futures::{StreamExt, stream::BoxStream};
use host::Error;
use model::{
    document::{
        Deployment,
        log::{Head, head_path},
    },
    port::{
        Ports,
        store::{Changed, Path, StoreError, Watch},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often a segment is looked for that no head has told of: one comes each second.
const LOOK: Duration = Duration::from_millis(250);

/// The newest state; `None` until the document was read.
pub type Shared = Option<Arc<State>>;

type Changes = BoxStream<'static, Result<Changed, StoreError>>;

/// What is watched, and the newest head.
struct Watched {
    deployment: Changes,
    heads: Changes,
    head: Option<Head>,
}

/// Watches until the deployment is at rest or can't be watched any more; the last state says which.
pub async fn run(ports: Arc<Ports>, path: Path, of: Deployment, shared: watch::Sender<Shared>) {
    let result = watch(&ports, &path, &of, &shared).await;
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
    of: &Deployment,
    shared: &watch::Sender<Shared>,
) -> Result<(), Error> {
    let head = head_path(&of.tenant, &of.id);
    let mut watched = Watched {
        deployment: ports.store.watch(Watch::Document(path.clone())).await?,
        heads: ports.store.watch(Watch::Document(head)).await?,
        head: None,
    };
    let deployment = next(&mut watched.deployment).await?;
    // Watches began before this look, so nothing falls between.
    let mut state = State::new(deployment.clone(), Extent::read(ports, &deployment).await?.next());
    loop {
        if state.deployment.status.at_rest() {
            let drained = state.with_log(&*ports.objects).await?.unwrap_or(state);
            shared.send_replace(Some(Arc::new(drained.ended(ports).await?)));
            return Ok(());
        }
        shared.send_replace(Some(Arc::new(state.clone())));
        state = watched.following(ports, state).await?;
    }
}

impl Watched {
    /// Waits for whatever makes the next state.
    async fn following(&mut self, ports: &Ports, state: State) -> Result<State, Error> {
        loop {
            let sparse = self.head.as_ref().is_some_and(Head::is_sparse);
            tokio::select! {
                deployment = next(&mut self.deployment) => {
                    let newer = state.with(deployment?);
                    // A new attempt's first segments may have been told of before it was.
                    let attempts = newer.deployment.build_attempt() > state.deployment.build_attempt();
                    let longer = if attempts { newer.with_log(&*ports.objects).await? } else { None };
                    return Ok(longer.unwrap_or(newer));
                }
                head = self.heads.next() => self.head = parsed(head)?,
                () = look(ports, sparse) => {}
            }
            if let Some(longer) = state.with_log(&*ports.objects).await? {
                return Ok(longer);
            }
        }
    }
}

async fn look(ports: &Ports, sparse: bool) {
    if sparse { ports.clock.sleep(LOOK).await } else { std::future::pending().await }
}

fn parsed(changed: Option<Result<Changed, StoreError>>) -> Result<Option<Head>, Error> {
    let changed = changed.ok_or_else(|| Error::unavailable("the watch of the log ended"))??;
    Ok(changed.document.map(|document| document.body.parse()).transpose()?)
}

async fn next(changes: &mut Changes) -> Result<Deployment, Error> {
    let changed = changes.next().await.ok_or_else(|| Error::unavailable("the watch ended"))??;
    let document = changed.document.ok_or_else(|| Error::unavailable("the document is gone"))?;
    Ok(document.body.parse()?)
}
