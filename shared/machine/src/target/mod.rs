//! Where apps run on one machine: really built, really started, behind the weighted ingress.
//!
//! | module | does |
//! |---|---|
//! | [`runner`] | builds one app, in a process that outlives Sextant |
//! | `build` | starts runners, takes over their logs, announces their ends |
//! | `bell`, `head` | how a runner says that its log has grown, and how Sextant passes that on |
//! | `supervise`, `launch` | keeps a revision's process group as it should be; adopts it after our death |
//! | [`logger`] | keeps what one instance of an app writes, redacted, in a process that outlives Sextant |
//! | `runtime_log`, `kept_log` | reads that from a position on, also some days after its revision is gone |
//! | `service`, `spec` | services and revisions, in memory and as files |
//! | `kept`, `seal` | secrets in those files |
//! | `artifacts`, `delete` | what is kept of what was built; a service with all it has is removed |
//! | `counts` | what revisions did, over restarts of Sextant |
//! | `sample`, `price` | CPU and memory of process trees; what that would cost |
//!
//! Apps run as the user who runs Sextant: this is a developer's tool, not a sandbox. They get a clean environment
//! and never the data folder's path. Invariant: the files say what should be, before it is; so whatever dies, the
//! next Sextant finds what runs, adopts it, and there are never two copies of a process.

mod artifacts;
mod bell;
mod build;
mod capture;
mod cgroup;
mod counts;
mod delete;
mod environment;
pub(crate) mod files;
mod head;
mod kept;
mod kept_log;
mod launch;
mod leftovers;
pub mod log;
pub mod logger;
mod members;
mod port;
pub mod price;
mod probe;
pub(crate) mod process;
pub mod runner;
mod runtime_log;
mod sample;
mod sampler;
mod seal;
mod service;
mod spec;
mod supervise;
mod tidy;

pub use environment::Inherited;
pub use head::LogHead;
pub use launch::Helpers;
pub use leftovers::{Live, live_in, stop_leftovers};

pub use crate::ingress::{Exposure, Limits};

use crate::ingress::Ingress;
use build::Builds;
use environment::Alias;
use launch::Environment;
use model::{
    Timestamp,
    port::{
        Broker, Clock, Keys, Objects, PortError, Redact, Store,
        target::{ServiceKey, TargetError},
    },
};
use parking_lot::Mutex;
use service::{Revision, Service};
use spec::{Places, ServiceRecord};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What the target is made of.
pub struct Options {
    /// The data folder; this uses `services`, `artifacts`, `builds` and `cache` in it.
    pub data: PathBuf,
    /// The ingress' port; 0 takes a free one.
    pub ingress_port: u16,
    /// Where the ingress listens, and by what it is reached.
    pub exposure: Exposure,
    /// Bounds of the ingress.
    pub limits: Limits,
    /// Where build logs go.
    pub objects: Arc<dyn Objects>,
    /// Where heads of build logs go.
    pub store: Arc<dyn Store>,
    /// Where ends of builds are announced.
    pub broker: Arc<dyn Broker>,
    /// Hides secrets in apps' logs.
    pub redact: Arc<dyn Redact>,
    /// Wraps the keys of secrets that are kept on disk.
    pub keys: Arc<dyn Keys>,
    /// Real time, for windows.
    pub clock: Arc<dyn Clock>,
    /// How this program is started to run a build and to keep an app's log.
    pub helpers: Helpers,
    /// What builds and apps take over from our environment.
    pub inherited: Inherited,
    /// Builds at once; the others wait for their turn.
    pub builds: usize,
}

/// Builds at once unless told otherwise: each may take all cores.
pub const BUILDS: usize = 2;

/// Where a service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// `http://SERVICE.localhost:PORT`, or what else leads here from where it is reached.
    pub url: String,
    /// `http://127.0.0.1:PORT`, the service's own port.
    pub own: String,
    /// Revisions and their own addresses, oldest first.
    pub revisions: Vec<(String, String)>,
}

/// The `machine` target. Dropping it, or our death, stops nothing: apps and builds go on and are adopted by the
/// next one on the same data folder.
pub struct MachineTarget {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Environment>,
    ingress: Ingress,
    builds: Arc<Builds>,
    services: Mutex<BTreeMap<ServiceKey, Arc<Service>>>,
    /// Held while a service is made.
    making: tokio::sync::Mutex<()>,
    sampler: sampler::Sampler,
    /// Since when all that comes is counted, if something before that may be missing.
    counted_since: Option<Timestamp>,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl MachineTarget {
    /// Opens the target on a data folder: adopts what runs, starts what should run, listens.
    pub async fn open(options: Options) -> Result<Self, PortError> {
        for folder in ["services", "artifacts", "builds", "cache"] {
            files::folder(&options.data.join(folder))?;
        }
        // Links and environments need a path that doesn't depend on where we were started.
        let data = options.data.canonicalize().map_err(|e| files::failed("look at", &options.data, &e))?;
        let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
        let places = Places { services: data.join("services"), artifacts: data.join("artifacts") };
        let shared = Arc::new(Environment {
            places,
            alias: Alias::open(&data)?,
            inherited: options.inherited.clone(),
            helpers: options.helpers.clone(),
            clock: Arc::clone(&options.clock),
            redact: options.redact,
            keys: Arc::clone(&options.keys),
        });
        let builds = Arc::new(Builds {
            folder: data.join("builds"),
            artifacts: data.join("artifacts"),
            cache: data.join("cache"),
            helpers: options.helpers,
            inherited: options.inherited,
            keys: options.keys,
            objects: options.objects,
            store: options.store,
            broker: options.broker,
            clock: Arc::clone(&options.clock),
            end: end.clone(),
            tasks: tasks.clone(),
            watched: Mutex::new(BTreeSet::new()),
            starting: tokio::sync::Mutex::default(),
            turns: crate::turns::Turns::new(options.builds),
            queued: Mutex::default(),
        });
        let (port, limits) = (options.ingress_port, options.limits);
        let clock = options.clock;
        let ingress =
            Ingress::open(port, options.exposure, limits, clock, end.clone(), tasks.clone()).await?;
        let counted_since = (!counts::complete(&shared.places.services)).then(|| shared.clock.real());
        let inner = Arc::new(Inner {
            counted_since,
            shared,
            ingress,
            builds,
            services: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            sampler: sampler::Sampler::default(),
            end,
            tasks,
        });
        let target = Self { inner };
        target.inner.load().await?;
        target.inner.builds.adopt();
        sampler::spawn(&target.inner);
        Ok(target)
    }

    /// The ingress' port.
    pub fn ingress_port(&self) -> u16 {
        self.inner.ingress.port()
    }

    /// The data folder.
    pub fn data(&self) -> &std::path::Path {
        self.inner.shared.places.services.parent().unwrap_or(std::path::Path::new("/"))
    }

    /// Where a service is reached; `None` if nothing of it was ever released here.
    pub fn addresses(&self, service: &ServiceKey) -> Option<Addresses> {
        let found = self.inner.services.lock().get(service).cloned()?;
        let mut revisions = found.all();
        revisions.sort_by_key(|revision| revision.spec.created_ms);
        let host = &found.route.host;
        Some(Addresses {
            url: self.inner.ingress.url(host, found.route.port),
            own: format!("http://127.0.0.1:{}", found.route.port),
            revisions: revisions
                .iter()
                .map(|one| (one.spec.revision.clone(), self.inner.ingress.tagged(&one.spec.tag, host)))
                .collect(),
        })
    }

    /// Stops listening and watching. Apps and builds go on.
    pub async fn shutdown(&self) {
        self.inner.end.cancel();
        self.inner.tasks.close();
        tokio::time::timeout(Duration::from_secs(5), self.inner.tasks.wait()).await.ok();
        self.inner.keep_last_counts().await;
    }

    /// Stops every app gracefully; those that should run are started by the next [`MachineTarget::open`].
    pub async fn stop_all(&self) {
        let services: Vec<_> = self.inner.services.lock().values().cloned().collect();
        let revisions: Vec<Revision> = services.iter().flat_map(|service| service.all()).collect();
        futures::future::join_all(revisions.iter().map(|revision| revision.stop(true))).await;
        self.inner.shared.alias.clear();
        self.inner.keep_counts().await;
    }
}

impl Drop for MachineTarget {
    fn drop(&mut self) {
        self.inner.end.cancel();
    }
}

impl Inner {
    async fn load(&self) -> Result<(), PortError> {
        for record in self.shared.places.services()? {
            let route = self.ingress.add(&record.host, Some(record.port)).await?;
            let key = record.key.clone();
            let service = Service::new(record, route);
            for kept in self.shared.places.revisions(&key)? {
                let name = kept.revision.clone();
                let opened = match kept::open(&kept, &*self.shared.keys).await {
                    Ok(spec) => Revision::open(Arc::new(spec), &self.shared, &self.end, &self.tasks),
                    Err(error) => {
                        service.sealed.lock().insert(name.clone(), error.to_string());
                        Err(error)
                    }
                };
                match opened {
                    Ok(revision) => drop(service.revisions.lock().insert(name, revision)),
                    // One broken revision must not keep the others from running.
                    Err(error) => {
                        tracing::error!(revision = name, service = %key, %error, "a revision could not be opened");
                    }
                }
            }
            service.apply();
            self.services.lock().insert(key, service);
        }
        Ok(())
    }

    fn service(&self, key: &ServiceKey) -> Result<Arc<Service>, TargetError> {
        self.services.lock().get(key).cloned().ok_or_else(|| {
            TargetError::no_service(format!(
                "nothing of service `{key}` was released on this machine; deploy it first"
            ))
        })
    }

    /// The service, made if this is its first revision.
    async fn service_or_new(&self, key: &ServiceKey) -> Result<Arc<Service>, PortError> {
        let _one = self.making.lock().await;
        if let Ok(found) = self.service(key) {
            return Ok(found);
        }
        let host = self.free_host(key);
        let route = self.ingress.add(&host, None).await?;
        let record = ServiceRecord {
            key: key.clone(),
            host,
            port: route.port,
            created_ms: self.shared.clock.real().0,
            serial: 0,
            weights: BTreeMap::new(),
            recent: VecDeque::new(),
            stopped: false,
        };
        let service = Service::new(record.clone(), route);
        service.commit(&self.shared.places, record).await?;
        self.services.lock().insert(key.clone(), Arc::clone(&service));
        Ok(service)
    }

    /// Tenants are not in host names; the second one to use a name gets its own added.
    fn free_host(&self, key: &ServiceKey) -> String {
        let plain = key.service.to_string();
        let with_tenant = format!("{}-{}", key.service, key.tenant);
        let numbered = (2..).map(|number| format!("{with_tenant}-{number}"));
        let mut names = [plain, with_tenant.clone()].into_iter().chain(numbered);
        names.find(|name| !self.ingress.knows(name)).unwrap_or(with_tenant)
    }
}
