//! A service while Sextant runs: its record, its revisions, its route.
//!
//! Invariant: changes to one service happen one after the other; what requests go by (the route's plan) follows
//! what is on disk, never the other way round.

use super::{
    counts,
    environment::Alias,
    files, kept_log,
    launch::{Environment, alias_name, instance, sweep},
    runtime_log::RuntimeLog,
    spec::{Places, RevisionSpec, ServiceRecord},
    supervise::{Ask, Sampled, Supervisor},
};
use crate::ingress::{
    Site,
    backend::{Backend, Reach},
    route::{Plan, Route},
};
use model::port::{
    PortError,
    target::{Gone, TargetError},
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A revision while Sextant runs.
#[derive(Clone)]
pub(crate) struct Revision {
    pub spec: Arc<RevisionSpec>,
    pub backend: Arc<Backend>,
    /// Its supervisor; a static site has none.
    asks: Option<mpsc::UnboundedSender<Ask>>,
    pub running: Arc<Mutex<Option<Sampled>>>,
}

/// A service while Sextant runs.
pub(crate) struct Service {
    pub route: Arc<Route>,
    /// Held while something about the service changes.
    pub changing: tokio::sync::Mutex<()>,
    pub record: Mutex<ServiceRecord>,
    pub revisions: Mutex<BTreeMap<String, Revision>>,
    /// Revisions that are kept and whose secrets can't be opened any more, and why.
    pub sealed: Mutex<BTreeMap<String, String>>,
    /// Revisions that were forgotten; what they did is still asked for.
    pub past: Mutex<Vec<Arc<Backend>>>,
}

impl Service {
    pub(crate) fn new(record: ServiceRecord, route: Arc<Route>) -> Arc<Self> {
        Arc::new(Self {
            route,
            changing: tokio::sync::Mutex::default(),
            record: Mutex::new(record),
            revisions: Mutex::default(),
            sealed: Mutex::default(),
            past: Mutex::default(),
        })
    }

    /// A revision by name.
    pub(crate) fn revision(&self, name: &str) -> Result<Revision, TargetError> {
        if let Some(found) = self.revisions.lock().get(name) {
            return Ok(found.clone());
        }
        let service = self.record.lock().key.clone();
        if let Some(why) = self.sealed.lock().get(name) {
            let text =
                format!("the secrets of revision `{name}` of `{service}` can't be opened any more: {why}");
            return Err(TargetError::Gone { what: Gone::Key(name.to_owned()), text });
        }
        let text = format!("service `{service}` has no revision `{name}` on this machine; deploy it again");
        Err(TargetError::no_revision(name, text))
    }

    /// All revisions, copied.
    pub(crate) fn all(&self) -> Vec<Revision> {
        self.revisions.lock().values().cloned().collect()
    }

    /// Every revision as the ingress sees it, those that are gone among them for as long as what they did is known.
    pub(crate) fn backends(&self) -> Vec<Arc<Backend>> {
        let mut backends: Vec<Arc<Backend>> =
            self.all().into_iter().map(|revision| revision.backend).collect();
        backends.extend(self.past.lock().iter().cloned());
        backends
    }

    /// Takes a new record: on disk first, then for requests.
    pub(crate) async fn commit(&self, places: &Places, record: ServiceRecord) -> Result<(), PortError> {
        let (places, copy) = (places.clone(), record.clone());
        files::blocking(move || places.write_service(&copy)).await?;
        *self.record.lock() = record;
        self.apply();
        Ok(())
    }

    /// Makes requests go by what is known now.
    pub(crate) fn apply(&self) {
        let (weights, stopped) = {
            let record = self.record.lock();
            (record.weights.clone(), record.stopped)
        };
        let revisions = self.revisions.lock();
        let serving = weights
            .iter()
            .filter_map(|(name, weight)| Some((Arc::clone(&revisions.get(name)?.backend), *weight)))
            .collect();
        let mut oldest_first: Vec<&Revision> = revisions.values().collect();
        oldest_first.sort_by_key(|revision| revision.spec.created_ms);
        // A tag that was used again leads to its newest revision.
        let tags = oldest_first.iter().map(|one| (one.spec.tag.clone(), Arc::clone(&one.backend))).collect();
        let mut plan = Plan::new(serving, tags);
        plan.stopped = stopped;
        self.route.set_plan(plan);
    }

    /// Forgets a revision: its process and its files. Its log stays for a while: it may have been taken back for what
    /// stands there; and so does its artifact, so that it can be tried again.
    pub(crate) async fn forget(&self, revision: &Revision, shared: &Environment) -> Result<(), PortError> {
        let spec = &revision.spec;
        self.revisions.lock().remove(&spec.revision);
        self.apply();
        self.past.lock().push(Arc::clone(&revision.backend));
        let folder = shared.places.revision(&spec.service, &spec.revision);
        sweep(&folder).await;
        forget_alias(&shared.alias, spec);
        let (kept, name) = (shared.places.kept_logs(&spec.service), spec.revision.clone());
        files::blocking(move || {
            kept_log::keep(&RuntimeLog::new(&folder), &kept, &name)?;
            files::remove_folder(&folder)
        })
        .await
    }
}

pub(super) fn forget_alias(alias: &Alias, spec: &RevisionSpec) {
    alias.unlink(&alias_name(spec));
}

impl Revision {
    /// Brings a revision up: a static site at once, a process by a supervisor of its own.
    pub(crate) fn open(
        spec: Arc<RevisionSpec>,
        shared: &Arc<Environment>,
        end: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, PortError> {
        let (running, folder) = (Arc::default(), shared.folder(&spec));
        let backend = |reach| {
            let backend = Backend::new(&spec.revision, reach);
            backend.stats.restore(counts::load(&folder), shared.clock.real().0);
            backend
        };
        if spec.plan.start_command.is_none() {
            let reach = Reach::Files(Arc::new(site(&spec, &shared.places)?));
            return Ok(Self { backend: backend(reach), spec, asks: None, running });
        }
        // From the start on, so that whoever wants a stopped one asks for it.
        let wanted = instance(&folder).wanted;
        let backend = backend(if wanted { Reach::Starting } else { Reach::Stopped });
        let (asks, receiver) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            spec: Arc::clone(&spec),
            backend: Arc::clone(&backend),
            shared: Arc::clone(shared),
            asks: receiver,
            running: Arc::clone(&running),
        };
        let end = end.clone();
        tasks.spawn(async move { end.run_until_cancelled(supervisor.run()).await });
        Ok(Self { spec, backend, asks: Some(asks), running })
    }

    /// Starts it if it was stopped, and waits until it can take requests.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<(), PortError> {
        if matches!(*self.backend.reach.borrow(), Reach::Stopped) {
            self.backend.set_reach(Reach::Starting);
            self.ask(Ask::Start);
        }
        let name = &self.spec.revision;
        match self.backend.settled(patience).await {
            Reach::Files(_) | Reach::Up(_) => Ok(()),
            Reach::Starting => Err(PortError::Transient(format!(
                "revision `{name}` was started and doesn't listen on $PORT after {} s; traffic was left as it was",
                patience.as_secs()
            ))),
            Reach::Down { detail, .. } => Err(PortError::Transient(format!(
                "revision `{name}` doesn't run: it {detail}; traffic was left as it was"
            ))),
            Reach::Stopped => {
                Err(PortError::Transient(format!("revision `{name}` was stopped meanwhile; try again")))
            }
        }
    }

    /// Ends it gracefully.
    pub(crate) async fn stop(&self, wanted_later: bool) {
        let (done, answer) = oneshot::channel();
        self.ask(Ask::Stop { wanted_later, done });
        answer.await.ok();
    }

    /// Ends it gracefully, once for a key; it is starting again when this returns.
    pub(crate) async fn restart(&self, key: &str) {
        let (done, answer) = oneshot::channel();
        self.ask(Ask::Restart { key: key.to_owned(), done });
        answer.await.ok();
    }

    fn ask(&self, ask: Ask) {
        // Without a supervisor there is nothing to do, and dropping the ask answers it.
        if let Some(asks) = &self.asks {
            asks.send(ask).ok();
        }
    }
}

fn site(spec: &RevisionSpec, places: &Places) -> Result<Site, PortError> {
    let app = places.artifacts.join(&spec.artifact).join("app");
    let folder = spec.plan.static_folder.clone().unwrap_or_else(|| ".".into());
    let missing = |why: &str| {
        PortError::Permanent(format!(
            "the static folder `{folder}` {why}; set the folder that the build writes its pages to, or a start command"
        ))
    };
    let inside = resolve(&app, &folder).ok_or_else(|| missing("is not in the built tree"))?;
    if !inside.is_dir() {
        return Err(missing("is not a folder"));
    }
    Site::open(&inside, spec.plan.single_page).map_err(|error| missing(&format!("can't be opened: {error}")))
}

fn resolve(app: &Path, folder: &str) -> Option<PathBuf> {
    let app = app.canonicalize().ok()?;
    app.join(folder).canonicalize().ok().filter(|found| found.starts_with(&app))
}
