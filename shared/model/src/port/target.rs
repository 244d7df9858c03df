//! Where apps run. Success is what the target reports as serving, not what was asked for.
//!
//! Whatever may take long is a pair, start and read: build, release, traffic. Every changing call carries a key derived
//! from (deployment, step, attempt) or a name derived from it: a repeat finds the first call's result, and a read finds
//! how it stands. Leases don't fence the outside; traffic tokens do.

use crate::{
    DeploymentId, Micros, ServiceName, TenantId, Timestamp,
    port::{PortError, source::Archived},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which service, at the target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// The service's name; environments other than production are part of it (`shop-staging`).
    pub service: ServiceName,
}

impl std::fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.service)
    }
}

/// How an app is built and started: what inspection found, after overrides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Plan {
    /// `node`, `python`, `rust`, `staticfile`, … as `inspect` names them.
    pub provider: String,
    /// `express`, `fastapi`, …
    pub framework: Option<String>,
    /// Runs first in the work folder, through `sh -c`.
    pub install_command: Option<String>,
    /// Runs after that.
    pub build_command: Option<String>,
    /// Starts the app, through `sh -c`, with `$PORT` set. `None` for static files.
    pub start_command: Option<String>,
    /// Folder that is served as it is, relative to the root.
    pub static_folder: Option<String>,
    /// Serve `index.html` for paths that name no file.
    pub single_page: bool,
    /// Path that answers below 400 when the app is well; `/` if nothing better is known.
    pub health_path: Option<String>,
    /// Whether its author, or whoever deploys, named that path; else the source only seems to serve it.
    #[serde(skip_serializing_if = "crate::document::is_default")]
    pub health_said: bool,
    /// Where the path was found: `app.py:12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_place: Option<String>,
    /// The port it listens on where `$PORT` is not set: what a container's port is declared as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The port that its source fixes. A target that can't map it is not given the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_port: Option<FixedPort>,
    /// Variables that its code seems to need; `None` in plans from before that was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<Need>>,
    /// The app's folder inside the tree, relative; `None` for the root.
    pub app_folder: Option<String>,
    /// Programs that it is built and run with, by name (`node`, `pnpm`, `uv`), and the versions that it asks for, as
    /// declared (`>=20`, `10.4.1`); empty for any. A target provides them or says why it can't.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
    /// What the tree's own configuration sets for its commands of installing and building; the service's variables
    /// come before it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub build_env: BTreeMap<String, String>,
    /// The same for the running app.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub run_env: BTreeMap<String, String>,
}

/// A variable that the code reads and has no other answer for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Need {
    /// Its name.
    pub name: String,
    /// The file that reads it, relative to the root.
    pub file: String,
    /// The line in that file, from 1.
    #[serde(default)]
    pub line: Option<usize>,
    /// Whether the app certainly ends without it.
    pub sure: bool,
}

impl Need {
    /// `DATABASE_URL (config.js:3)`.
    pub fn words(&self) -> String {
        format!("{} ({})", self.name, at_line(&self.file, self.line))
    }
}

/// `server.js:12`, or the file alone.
pub fn at_line(file: &str, line: Option<usize>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}

/// A port that the app listens on whatever `$PORT` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FixedPort {
    /// The port.
    pub port: u16,
    /// The file that says so, relative to the root.
    pub file: String,
    /// The line in that file, from 1.
    #[serde(default)]
    pub line: Option<usize>,
    /// Whether that is certain: a number in the call that listens, in the file that is started.
    pub sure: bool,
    /// What to write in its stead, in the language of the file; empty where that isn't known.
    #[serde(default)]
    pub instead: String,
}

impl FixedPort {
    /// `server.js:12`.
    pub fn place(&self) -> String {
        at_line(&self.file, self.line)
    }

    /// `server.js:12 listens on port 3000`.
    pub fn sentence(&self) -> String {
        format!("{} listens on port {}, whatever the variable PORT says", self.place(), self.port)
    }

    /// What mends it.
    pub fn mend(&self) -> String {
        match self.instead.as_str() {
            "" => "Listen on the port that the variable PORT names".to_owned(),
            instead => format!("Listen on $PORT: `{instead}`"),
        }
    }
}

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildOrder {
    /// `DEPLOYMENT-ATTEMPT`: the build's name and what a repeat finds it by.
    pub key: String,
    /// For whom; the end of the build is announced to it as a message.
    pub deployment: DeploymentId,
    /// The service, in its place: project and region.
    pub service: ServiceKey,
    /// The packed tree.
    pub archive: Archived,
    /// How it is built and started.
    pub plan: Plan,
    /// Variables the build may see. Secrets are not among them.
    pub variables: BTreeMap<String, String>,
    /// Literal values that must not appear in the log.
    pub redact: Vec<String>,
    /// Log segments are written as `PREFIX/000000`, … (see `document::log`).
    pub log_prefix: String,
    /// The number that its first segment has: those of earlier attempts come before it.
    pub log_from: u32,
    /// Killed after this long.
    pub timeout_ms: i64,
}

/// How a build stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum BuildState {
    /// Nobody knows a build of that key.
    Unknown,
    /// Known, and waiting for its turn: so many builds run at once.
    Queued {
        /// Builds that come before it.
        ahead: u32,
        /// Builds at once.
        slots: u32,
    },
    /// It is being built.
    Running,
    /// It is built and can be released.
    Succeeded {
        /// What a revision is made from: a digest or a folder's name.
        artifact: String,
        /// How long it took.
        duration_ms: i64,
    },
    /// It came to nothing, and the same build will not come to more.
    Failed {
        /// One sentence: what failed, with which exit code or after how long.
        reason: String,
        /// The last lines of the log, redacted.
        tail: Vec<String>,
        /// How long it took.
        duration_ms: i64,
    },
}

/// How an operation stands that was started at the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Operation<T> {
    /// Nobody knows one of that key: its start never arrived, or is forgotten.
    Unknown,
    /// It is under way, or waits for its turn.
    Pending {
        /// What it waits for, in words: "Cloud Run is starting the revision".
        why: String,
    },
    /// Done, with this result.
    Done(T),
    /// It came to nothing, and will not by itself.
    Failed {
        /// One sentence: what failed, and why.
        reason: String,
    },
}

/// The place of an app at the target; what is absent is the target's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The id of the project that it runs in.
    pub project: Option<String>,
    /// The Cloud Run region, such as `us-central1`; it decides the price tier.
    pub region: Option<String>,
}

/// What to release.
#[derive(Clone, Debug)]
pub struct RevisionOrder {
    /// The revision's name, derived from (deployment, attempt): a repeat finds it.
    pub revision: String,
    /// Which service; created with its first revision.
    pub service: ServiceKey,
    /// What the build made.
    pub artifact: String,
    /// How to start it.
    pub plan: Plan,
    /// The service's variables, secrets among them.
    pub variables: BTreeMap<String, secretless::Variable>,
    /// Address of exactly this revision: `TAG---SERVICE`.
    pub tag: String,
    /// vCPU in thousandths and memory, as decided.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Requests one instance takes at once.
    pub concurrency: u32,
    /// Where it is to run.
    pub placement: Placement,
    /// How many instances it may have.
    pub bounds: Bounds,
    /// Whether anybody may call it, or only who is let in.
    pub public: bool,
}

/// Variables whose values may be secret.
pub mod secretless {
    use std::fmt;

    /// A variable's value. Cannot be printed when it is secret.
    #[derive(Clone, PartialEq, Eq)]
    pub enum Variable {
        /// To be seen by whoever may see the revision.
        Plain(String),
        /// Never to be shown; for targets that keep it themselves, encrypted.
        Secret(String),
        /// The target's own name of a version of a secret: `projects/P/secrets/S/versions/3`. The value is read where
        /// the app starts, and is in no order.
        Reference(String),
    }

    impl fmt::Debug for Variable {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                Self::Plain(text) | Self::Reference(text) => text,
                Self::Secret(_) => "***",
            })
        }
    }
}

/// A revision that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The revision's name, as it was ordered.
    pub revision: String,
    /// Address of the service.
    pub url: String,
    /// Address of this revision alone.
    pub revision_url: String,
    /// Whether the target gave it all traffic at once, as some do with the first revision of a service. Then nobody
    /// is let in until [`Target::open`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// What a probe saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Answered below 500 on the health path.
    pub healthy: bool,
    /// The process is gone and will not come back by itself, or keeps dying: no use in probing on.
    pub dead: bool,
    /// What was seen, one sentence: "GET /healthz answered 200 in 3 ms", "exited with code 1: …".
    pub detail: String,
    /// The status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of an answer of 400 and above, as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl Probe {
    /// Whether an answer of this status is one of an app that is well, as far as a target can tell.
    pub fn is_well(status: u16) -> bool {
        status < 500
    }
}

/// Fences writes to a service's traffic: whoever holds an older one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrafficToken(pub String);

/// Where a reader of a runtime log is: behind the last line it has read. Opaque to all but the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogPosition(pub String);

/// Some lines of a runtime log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeLines {
    /// Oldest first, redacted; control characters are in them.
    pub lines: Vec<String>,
    /// From where to go on.
    pub next: LogPosition,
    /// Whether lines behind the position that was asked for are no longer kept.
    pub missed: bool,
}

/// Which revisions take which share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Changes with every change of traffic.
    pub token: TrafficToken,
    /// Revision and percent, those above 0 only; they sum to 100, or there are none.
    pub weights: BTreeMap<String, u32>,
    /// Whether nobody is let in, whatever the weights say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// When what happened in a window can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPolicy {
    /// How long after its end a window has settled, in milliseconds.
    pub lag_ms: i64,
    /// The shortest window, in milliseconds.
    pub shortest_ms: i64,
    /// Windows at each weight of a canary, where its policy doesn't say.
    pub bake_windows: u32,
    /// Windows at one weight after which there is no more to wait for, likewise.
    pub deadline_windows: u32,
}

impl WindowPolicy {
    /// A machine: nothing lags.
    pub const MACHINE: Self = Self { lag_ms: 0, shortest_ms: 1_000, bake_windows: 5, deadline_windows: 120 };
    /// Cloud Run: Cloud Monitoring has a point a minute, and has it within four.
    pub const CLOUD_RUN: Self =
        Self { lag_ms: 240_000, shortest_ms: 60_000, bake_windows: 15, deadline_windows: 45 };
}

/// A span of real time, `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First millisecond in it.
    pub from: Timestamp,
    /// First millisecond after it.
    pub to: Timestamp,
}

/// Where the buckets of a latency histogram end: bucket `b` holds latencies up to `first_micros` × `growth`^b. A target
/// has the buckets that its metrics have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buckets {
    /// The end of bucket 0, in microseconds.
    pub first_micros: u32,
    /// How much longer each bucket's end is than the one before, in millionths; above one million.
    pub growth_millionths: u32,
}

impl Default for Buckets {
    /// 0.1 ms × 1.05^b: quantiles within 5 %.
    fn default() -> Self {
        Self { first_micros: 100, growth_millionths: 1_050_000 }
    }
}

/// What one revision did in a window. Counts are whole; merge histograms, never quantiles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RevisionWindow {
    /// How many requests were answered in the window, whatever the answer was.
    pub requests: u64,
    /// Of them 4xx.
    pub client_errors: u64,
    /// Of them 5xx, and those cut off or never answered.
    pub server_errors: u64,
    /// Bytes of bodies sent.
    pub bytes_out: u64,
    /// Latency histogram: (bucket, count), in `buckets`.
    #[serde(with = "buckets")]
    pub latency: Vec<(u16, u32)>,
    /// Where its buckets end.
    #[serde(skip_serializing_if = "crate::document::is_default")]
    pub buckets: Buckets,
    /// CPU used, in milliseconds of one core.
    pub cpu_ms: u64,
    /// Largest memory seen, in MiB.
    pub memory_mib: u64,
    /// Time instances were up, in milliseconds.
    pub instance_ms: u64,
    /// Instances that were started in the window; cold starts don't count against latency.
    pub starts: u32,
    /// Times the process died by itself.
    pub crashes: u32,
}

/// Buckets as an object, bucket to count: a store takes no arrays in arrays.
mod buckets {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub fn serialize<S: Serializer>(pairs: &[(u16, u32)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.iter().copied())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u16, u32)>, D::Error> {
        Ok(BTreeMap::<u16, u32>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// What a service did in a window, by revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// By revision name.
    pub revisions: BTreeMap<String, RevisionWindow>,
}

/// What one revision answered on paths of one form ([`crate::template::path`]), by class of status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathCounts {
    /// How many requests were answered, whatever the answer was.
    pub requests: u64,
    /// Of them 3xx.
    pub redirects: u64,
    /// Of them 4xx.
    pub client_errors: u64,
    /// Of them 5xx, and those cut off or never answered.
    pub server_errors: u64,
}

/// Counts by the form of a path, of each revision by its name. Forms are bounded in number; what is beyond counts as
/// [`OTHER_PATHS`].
pub type Paths = BTreeMap<String, BTreeMap<String, PathCounts>>;

/// Stands for all paths that have no place of their own.
pub const OTHER_PATHS: &str = "(other paths)";

/// What a service cost in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What CPU, memory and requests cost together.
    pub total: Micros,
    /// Estimated from list prices rather than read from a bill.
    pub estimated: bool,
    /// cpu-seconds, GiB-seconds and requests it is made of.
    pub cpu_seconds: f64,
    /// GiB of memory for a second, summed over all instances.
    pub gib_seconds: f64,
    /// How many requests were answered.
    pub requests: u64,
}

/// What a target can do beyond what every target does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether the number of a service's instances can be bounded: [`Target::configure`].
    pub scale: bool,
    /// Whether it can be set how many requests an instance takes at once: [`Target::configure`].
    pub concurrency: bool,
    /// Whether an app may listen on a port of its own instead of `$PORT`, each revision apart from the others.
    pub own_port: bool,
}

/// Settings of a service; what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How many instances.
    pub bounds: Bounds,
    /// Requests one instance takes at once.
    pub concurrency: Option<u32>,
}

/// Bounds of the number of a service's instances; what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Instances that always run.
    pub min: Option<u32>,
    /// At most this many.
    pub max: Option<u32>,
}

/// What the target no longer has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", content = "name", rename_all = "lowercase")]
pub enum Gone {
    /// The whole service.
    Service,
    /// A revision of it.
    Revision(String),
    /// The key that a revision's secrets were sealed with: it can't be started any more.
    Key(String),
    /// What a build had made.
    Artifact(String),
}

/// Why the target didn't do it.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Somebody else changed traffic since it was read.
    #[error("traffic of `{service}` was changed by somebody else")]
    Stale {
        /// The service whose traffic it is.
        service: String,
    },
    /// What it is about is not there, or is there no longer.
    #[error("{text}")]
    Gone {
        /// What the target no longer has.
        what: Gone,
        /// In words, with what to do.
        text: String,
    },
    /// Anything else, by what can be done about it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A place where apps are built and run.
#[async_trait]
pub trait Target: Send + Sync {
    /// `machine` or `cloud-run`.
    fn name(&self) -> &'static str;

    /// When windows can be read.
    fn window_policy(&self) -> WindowPolicy;

    /// What it can do beyond the rest. Whoever takes a request for what it can't refuses it before anything is
    /// recorded.
    fn capabilities(&self) -> Capabilities;

    /// Starts a build that outlives this call, or finds the one of that key.
    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError>;

    /// How a build stands.
    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError>;

    /// Ends a build; a build that is over or unknown is fine.
    async fn cancel_build(&self, key: &str) -> Result<(), TargetError>;

    /// Starts to create a revision that takes no traffic, or finds the one of that name. Where the target gives the
    /// first revision of a service all traffic, nobody is let in before [`Target::open`].
    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError>;

    /// How the release of that revision stands.
    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError>;

    /// Starts a release and reads it once: for targets that do it at once. One that is still going is a transient
    /// error; the same order again finds it.
    async fn create_revision(&self, order: RevisionOrder) -> Result<Released, TargetError> {
        let (service, revision) = (order.service.clone(), order.revision.clone());
        self.start_release(order).await?;
        settled(self.read_release(&service, &revision).await?, "the release")
    }

    /// Lets people in to a first revision that the target gave all traffic while it was closed, if the token is still the
    /// current one: whoever comes late must not open what was closed again meanwhile. What isn't closed is fine, and a
    /// repeat with the same `key` finds the first. Answers what serves now.
    async fn open(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        let _ = (expected, key);
        self.traffic(service).await
    }

    /// Asks one revision, at its own address, for `path`; one try, at most 5 s.
    async fn probe(&self, service: &ServiceKey, revision: &str, path: &str) -> Result<Probe, TargetError>;

    /// What really serves now. A service without traffic has no weights; an unknown one is `NotFound`.
    async fn traffic(&self, service: &ServiceKey) -> Result<Traffic, TargetError>;

    /// Starts to set the weights if the token is still the current one; a repeat with the same `key` finds the first.
    /// The token changes even if the weights don't. No weights: nobody is served any more.
    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError>;

    /// How the change of traffic of that key stands: done once the target confirms that this is what serves. An old
    /// one answers as it ended, whatever has come since.
    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError>;

    /// Starts a change of traffic and reads it once: for targets that do it at once. One that is still going is a
    /// transient error; the same key again finds it.
    async fn set_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        self.start_traffic(service, expected, weights, key).await?;
        settled(self.read_traffic(service, key).await?, "the change of traffic")
    }

    /// Counts in a range of closed windows of `step_ms` each, oldest first, in one call; a last one that would be cut
    /// short is left out.
    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError>;

    /// Since when all that came is counted; none where nothing is missing. A target that was ended abruptly may have
    /// forgotten what came last before that.
    async fn counted_since(&self) -> Result<Option<Timestamp>, TargetError> {
        Ok(None)
    }

    /// Counts of one closed window.
    async fn observe(&self, service: &ServiceKey, window: Window) -> Result<Measured, TargetError> {
        let length = window.to.since(window.from).max(1);
        let mut seen = self.observe_range(service, window, length).await?;
        Ok(seen.pop().map(|(_, measured)| measured).unwrap_or_default())
    }

    /// What each revision answered by path, about in this range: a target may know it coarsely, and forget it sooner than
    /// the counts of windows. None: this target can't tell.
    async fn observe_paths(&self, service: &ServiceKey, range: Window) -> Result<Option<Paths>, TargetError> {
        let _ = (service, range);
        Ok(None)
    }

    /// Cost of a closed window.
    async fn cost(&self, service: &ServiceKey, window: Window) -> Result<Cost, TargetError>;

    /// Stops the service's revisions other than `keep`, gracefully, and forgets those not in `remember`: a
    /// remembered one can be started again by giving it traffic. One that takes traffic now is never stopped:
    /// a late repeat must not harm what has come since.
    async fn retire(
        &self,
        service: &ServiceKey,
        keep: &[String],
        remember: &[String],
    ) -> Result<(), TargetError>;

    /// Stops and forgets exactly this revision, unless it takes traffic; one that is unknown is fine, one whose release
    /// is still going is a transient error. For what a late effect left behind. A target where an idle revision costs
    /// nothing need not do anything.
    async fn discard(&self, service: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        let _ = (service, revision);
        Ok(())
    }

    /// Removes the service with all that it has there: nobody is served, nothing runs, and no revision, artifact or log
    /// of it is kept. One that is unknown is fine, and so is a repeat; a release of that name makes it anew.
    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError>;

    /// Stops exactly these revisions, gracefully, but for those that take traffic now; each is remembered and
    /// starts again when it is given traffic. While nothing takes traffic, whoever asks is told that the service is
    /// stopped. Unknown ones are fine. A target where an idle revision costs nothing
    /// need not do anything.
    async fn stop(&self, service: &ServiceKey, revisions: &[String]) -> Result<(), TargetError> {
        let _ = (service, revisions);
        Ok(())
    }

    /// Restarts a revision's instances, one after the other; a repeat with the same `key` restarts nothing.
    async fn restart(&self, service: &ServiceKey, revision: &str, key: &str) -> Result<(), TargetError>;

    /// Sets a service's settings; a repeat with the same `key` changes nothing. Refused for good by a target whose
    /// [`Target::capabilities`] say that it can't.
    async fn configure(
        &self,
        service: &ServiceKey,
        settings: Settings,
        key: &str,
    ) -> Result<(), TargetError> {
        let _ = (settings, key);
        Err(PortError::Permanent(format!(
            "instances and concurrency of `{service}` can't be set on the {} target",
            self.name()
        ))
        .into())
    }

    /// Lines of a revision's log, redacted, oldest first: without a position the newest `limit`, from one on the
    /// next `limit`. A log outlives its revision for some days, so that what failed or was taken back can be read.
    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        from: Option<&LogPosition>,
        limit: usize,
    ) -> Result<RuntimeLines, TargetError>;
}

/// What an operation came to, where it is known to be over at once.
fn settled<T>(operation: Operation<T>, what: &str) -> Result<T, TargetError> {
    match operation {
        Operation::Done(result) => Ok(result),
        Operation::Pending { why } => {
            Err(PortError::Transient(format!("{what} is still under way: {why}")).into())
        }
        Operation::Unknown => Err(PortError::Transient(format!("the target knows nothing of {what}")).into()),
        Operation::Failed { reason } => Err(PortError::Permanent(reason).into()),
    }
}

impl TargetError {
    /// The service isn't there.
    pub fn no_service(text: impl Into<String>) -> Self {
        Self::Gone { what: Gone::Service, text: text.into() }
    }

    /// A revision isn't there.
    pub fn no_revision(revision: &str, text: impl Into<String>) -> Self {
        Self::Gone { what: Gone::Revision(revision.to_owned()), text: text.into() }
    }
}
