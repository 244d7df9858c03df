//! Who reads which deployment on this instance, so that each is watched once.
//!
//! Invariant: a feed lives exactly as long as somebody holds it; the map only knows the way to it.

use super::{
    admit::Admission,
    feed::{self, Shared},
    tenants::Tenants,
};
use model::{
    document::{Deployment, deployment_path},
    port::{Ports, store::Path},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The feeds of this instance.
#[derive(Default)]
pub struct Hub {
    feeds: Mutex<HashMap<Path, Weak<Feed>>>,
    tenants: Tenants,
    admission: Arc<Admission>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    feeds: AtomicU64,
    bytes: AtomicU64,
}

/// One deployment being watched.
pub struct Feed {
    states: watch::Receiver<Shared>,
    hub: Arc<Hub>,
    path: Path,
    _task: AbortOnDropHandle<()>,
}

impl Feed {
    /// The states to come, and the newest one.
    pub fn states(&self) -> watch::Receiver<Shared> {
        self.states.clone()
    }

    fn is_over(&self) -> bool {
        self.states.borrow().as_ref().is_some_and(|state| state.end.is_some())
            || self.states.has_changed().is_err()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut feeds = self.hub.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        // Another one may have taken the place meanwhile.
        if feeds.get(&self.path).is_some_and(|feed| feed.strong_count() == 0) {
            feeds.remove(&self.path);
        }
        self.hub.counters.feeds.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// The feed of a deployment: the one there is, or a new one.
    pub fn join(self: &Arc<Self>, ports: &Arc<Ports>, deployment: &Deployment) -> Arc<Feed> {
        let path = deployment_path(&deployment.tenant, &deployment.id);
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let known = feeds.get(&path).and_then(Weak::upgrade);
        match known {
            Some(feed) if !feed.is_over() => feed,
            over => {
                let feed = self.start(ports, deployment, path.clone());
                feeds.insert(path, Arc::downgrade(&feed));
                // It may be the last one who holds it, and its end takes the same lock.
                drop(feeds);
                drop(over);
                feed
            }
        }
    }

    fn start(self: &Arc<Self>, ports: &Arc<Ports>, deployment: &Deployment, path: Path) -> Arc<Feed> {
        let (sender, states) = watch::channel(None);
        let run = feed::run(Arc::clone(ports), path.clone(), deployment.clone(), sender);
        self.counters.feeds.fetch_add(1, Ordering::Relaxed);
        let task = AbortOnDropHandle::new(tokio::spawn(run));
        Arc::new(Feed { states, hub: Arc::clone(self), path, _task: task })
    }

    /// Whose changes are waited for.
    pub fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// Who has how many streams open.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// So many bytes were sent.
    pub fn sent(&self, bytes: usize) {
        self.counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What this instance does, in Prometheus' text format.
    pub fn prometheus(&self) -> String {
        let gauge = |name: &str, help: &str, value: u64, kind: &str| {
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
        };
        let Counters { feeds, bytes } = &self.counters;
        let (feeds, bytes) = (feeds.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
        let streams = self.admission.open();
        [
            gauge("sextant_console_feeds", "Deployments being watched.", feeds, "gauge"),
            gauge("sextant_console_streams", "Event streams that are open.", streams, "gauge"),
            gauge("sextant_console_stream_bytes_total", "Bytes of events sent.", bytes, "counter"),
        ]
        .concat()
    }
}
