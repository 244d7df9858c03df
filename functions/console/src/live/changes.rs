//! `GET /api/v1/events`: says that something of a tenant's changed, for pages that list and then look again.
//!
//! Invariant: however many pages of a tenant are open on this instance, its services and its newest deployments are
//! watched once. What changed isn't said: who may see it is for the page to decide, each time.

use super::{
    admit::Permit,
    frame::{encode, retry},
    hub::Hub,
};
use crate::read;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream, stream::BoxStream};
use host::{Context, Error, Response};
use model::{
    TenantId, Timestamp,
    document::collection,
    port::{
        Ports,
        store::{Changed, Query, Scope, StoreError, Watch},
    },
    time::SECOND_MS,
};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Deployments and services that are watched: as many as a page shows.
const NEWEST: usize = 20;
const SERVICES: usize = 100;
/// A change is told this long after it came, together with those that came meanwhile.
const FOLD: Duration = Duration::from_secs(1);
const BEAT_MS: i64 = 15 * SECOND_MS;
const RETRY_MS: u32 = 1_000;

/// The tenants whose changes somebody waits for on this instance.
#[derive(Default)]
pub struct Tenants {
    feeds: Mutex<HashMap<TenantId, Weak<Feed>>>,
}

/// One tenant being watched, for as long as somebody holds it.
struct Feed {
    changes: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

impl Tenants {
    fn join(&self, ports: &Arc<Ports>, tenant: &TenantId) -> Arc<Feed> {
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

/// One page that waits.
struct Reader {
    ports: Arc<Ports>,
    changes: watch::Receiver<u64>,
    _feed: Arc<Feed>,
    _permit: Permit,
    hub: Arc<Hub>,
    until: Timestamp,
    greeted: bool,
    over: bool,
}

/// Opens a stream.
pub fn open(hub: Arc<Hub>, ctx: &Context) -> Result<Response, Error> {
    let caller = ctx.caller()?;
    let most = ctx.config.settings.streams.get().unsigned_abs();
    let permit = hub.admission().admit(caller, most)?;
    let feed = hub.tenants().join(&ctx.ports, &caller.tenant);
    let reader = Reader {
        ports: Arc::clone(&ctx.ports),
        changes: feed.changes.clone(),
        _feed: feed,
        _permit: permit,
        hub,
        until: ctx.real().plus(super::STREAM_MS),
        greeted: false,
        over: false,
    };
    Ok(Response::stream("text/event-stream", stream::try_unfold(reader, Reader::next).boxed()))
}

impl Reader {
    /// The next bytes; `None` at the end.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.over {
            return Ok(None);
        }
        let bytes = self.bytes().await;
        self.hub.sent(bytes.len());
        Ok(Some((bytes, self)))
    }

    async fn bytes(&mut self) -> Bytes {
        // What came between the page and its stream is told at once.
        if !std::mem::replace(&mut self.greeted, true) {
            self.changes.mark_unchanged();
            return self.changed();
        }
        let left = self.until.since(self.ports.clock.real()).max(0);
        let pause = Duration::from_millis(left.min(BEAT_MS).unsigned_abs());
        tokio::select! {
            changed = self.changes.changed() => {
                if changed.is_err() {
                    return self.cut_short();
                }
                self.ports.clock.sleep(FOLD).await;
                self.changes.mark_unchanged();
                self.changed()
            }
            () = self.ports.clock.sleep(pause) => {
                if left <= BEAT_MS { self.cut_short() } else { Bytes::from_static(b":\n\n") }
            }
        }
    }

    fn changed(&self) -> Bytes {
        encode("changed", &json!({ "at": self.ports.clock.real().rfc3339() }))
    }

    /// It ends before its time; the page comes back.
    fn cut_short(&mut self) -> Bytes {
        let mut buffer = BytesMut::new();
        retry(&mut buffer, RETRY_MS);
        self.over = true;
        buffer.freeze()
    }
}
