//! The tenants whose changes somebody waits for on this instance, each watched once.

use crate::read;
use futures::{StreamExt, stream, stream::BoxStream};
use model::{
    TenantId,
    document::collection,
    port::{
        Ports,
        store::{Changed, Query, Scope, StoreError, Watch},
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Deployments and services that are watched: as many as a page shows.
const NEWEST: usize = 20;
const SERVICES: usize = 100;

/// The tenants whose changes somebody waits for on this instance.
#[derive(Default)]
pub struct Tenants {
    feeds: Mutex<HashMap<TenantId, Weak<Feed>>>,
}

/// One tenant being watched, for as long as somebody holds it.
pub struct Feed {
    /// Counts what changed.
    pub changes: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

impl Tenants {
    /// The feed of a tenant, begun if nobody waits for it yet.
    pub fn join(&self, ports: &Arc<Ports>, tenant: &TenantId) -> Arc<Feed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.retain(|_, feed| feed.strong_count() > 0);
        // One whose task has ended says so by an error.
        let lives = |feed: &Arc<Feed>| feed.changes.has_changed().is_ok();
        if let Some(feed) = feeds.get(tenant).and_then(Weak::upgrade).filter(lives) {
            return feed;
        }
        let (sender, changes) = watch::channel(0);
        let task = tokio::spawn(follow(Arc::clone(ports), tenant.clone(), sender));
        let feed = Arc::new(Feed { changes, _task: AbortOnDropHandle::new(task) });
        feeds.insert(tenant.clone(), Arc::downgrade(&feed));
        feed
    }
}

/// Counts changes until one of the watches ends; readers come back by themselves.
async fn follow(ports: Arc<Ports>, tenant: TenantId, count: watch::Sender<u64>) {
    let ended = match watches(&ports, &tenant).await {
        Ok(mut changes) => loop {
            match changes.next().await {
                Some(Ok(_)) => count.send_modify(|count| *count += 1),
                Some(Err(error)) => break error.to_string(),
                None => break "the watch ended".to_owned(),
            }
        },
        Err(error) => error.to_string(),
    };
    tracing::warn!(tenant = tenant.as_str(), "changes can't be watched any more: {ended}");
}

async fn watches(
    ports: &Ports,
    tenant: &TenantId,
) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
    let services = Query::all(Scope::Collection(collection(tenant, "services")), SERVICES);
    let deployments = read::newest(tenant, "deployments", "created_at", NEWEST);
    let services = ports.store.watch(Watch::Query(services)).await?;
    let deployments = ports.store.watch(Watch::Query(deployments)).await?;
    Ok(stream::select(services, deployments).boxed())
}
