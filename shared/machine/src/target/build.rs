//! Builds, as Sextant sees them: starts runners, takes over their logs, announces their ends.
//!
//! A build's folder is its only state, so a new Sextant carries on where the last one died. Invariant: an end is
//! announced after the last log segment is in the objects and its head says so, at least once.

use super::{
    bell::Bell,
    environment::Inherited,
    files,
    head::LogHead,
    launch::Helpers,
    log::Segment,
    process::Identity,
    runner::{CANCEL, ORDER, OUTCOME, Order, PRIVATE, Private, RUNNER, SEGMENT},
    seal,
};
use crate::{
    source,
    turns::{Slot, Turns},
};
use bytes::Bytes;
use model::{
    TenantId,
    document::log::{Line, Stream},
    message::{Message, kind},
    port::{
        Broker, Clock, KeyContext, Keys, Objects, PortError, Store,
        source::Archived,
        target::{BuildOrder, BuildState, TargetError},
    },
};
use parking_lot::Mutex;
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The archive of the source, until it is unpacked.
const SOURCE: &str = "source.tar.zst";
/// Written when the end was published.
const ANNOUNCED: &str = "announced";
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Everything builds need.
pub(crate) struct Builds {
    pub folder: PathBuf,
    pub artifacts: PathBuf,
    pub cache: PathBuf,
    pub helpers: Helpers,
    pub inherited: Inherited,
    pub keys: Arc<dyn Keys>,
    pub objects: Arc<dyn Objects>,
    pub store: Arc<dyn Store>,
    pub broker: Arc<dyn Broker>,
    pub clock: Arc<dyn Clock>,
    pub end: CancellationToken,
    pub tasks: TaskTracker,
    /// Keys that somebody watches.
    pub watched: Mutex<BTreeSet<String>>,
    /// One start at a time, so that a key is ordered once.
    pub starting: tokio::sync::Mutex<()>,
    /// So many run at once.
    pub turns: Turns,
    /// Those that wait for their turn: the place in the queue, and what ends the wait.
    pub queued: Mutex<BTreeMap<String, (u64, CancellationToken)>>,
}

impl Builds {
    /// Takes over what a predecessor left: runners that run, and those that ended without being announced.
    pub(crate) fn adopt(self: &Arc<Self>) {
        for (key, folder) in files::subfolders(&self.folder) {
            if !folder.join(ORDER).exists() {
                files::remove_folder(&folder).ok(); // it died before the order was complete; the repeat makes it anew
            } else if !folder.join(ANNOUNCED).exists() {
                let begun = folder.join(RUNNER).exists() || folder.join(OUTCOME).exists();
                if !self.watched.lock().insert(key.clone()) {
                    continue;
                }
                if begun {
                    // It runs, whether or not there is a slot for it.
                    self.follow(key, None, self.turns.at_once());
                } else {
                    self.wait_and_begin(key);
                }
            }
        }
    }

    /// Starts a build, or finds the one of that key.
    pub(crate) async fn start(self: &Arc<Self>, order: BuildOrder) -> Result<(), TargetError> {
        files::check_name("build", &order.key)?;
        let _one = self.starting.lock().await;
        let folder = self.folder.join(&order.key);
        if folder.join(ORDER).exists() {
            return Ok(());
        }
        // Watched from before it can be seen: an order that nobody watches reads as one whose process is gone.
        self.watched.lock().insert(order.key.clone());
        let begun = async {
            let private = self.write_order(&folder, &order).await?;
            let slot = self.turns.at_once();
            let child = if slot.is_some() { Some(self.spawn(&folder, private)?) } else { None };
            Ok::<_, PortError>(child.zip(slot))
        };
        match begun.await {
            Ok(Some((child, slot))) => self.follow(order.key, Some(child), Some(slot)),
            Ok(None) => self.wait_and_begin(order.key),
            Err(error) => {
                files::remove_folder(&folder).ok();
                self.watched.lock().remove(&order.key);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Begins an ordered build once a slot is free, unless it is cancelled before that.
    fn wait_and_begin(self: &Arc<Self>, key: String) {
        let builds = Arc::clone(self);
        let (ticket, cancelled) = (self.turns.ticket(), CancellationToken::new());
        self.queued.lock().insert(key.clone(), (ticket.number(), cancelled.clone()));
        // A predecessor may have taken the cancellation.
        if self.folder.join(&key).join(CANCEL).exists() {
            cancelled.cancel();
        }
        self.tasks.spawn(async move {
            let slot = tokio::select! {
                biased;
                () = builds.end.cancelled() => return,
                () = cancelled.cancelled() => None,
                slot = builds.turns.turn(ticket) => slot,
            };
            let begun = match &slot {
                Some(_) => builds.begin(&key).await,
                None => Err("the build was cancelled before it began".to_owned()),
            };
            // From here on it reads as running, or as over.
            builds.queued.lock().remove(&key);
            match begun {
                Ok(child) => builds.follow(key, child, slot),
                Err(reason) => {
                    let outcome = BuildState::Failed { reason, tail: vec![], duration_ms: 0 };
                    files::replace_json(&builds.folder.join(&key).join(OUTCOME), &outcome).unwrap_or_else(
                        |error| tracing::error!(build = key, %error, "the end of a build can't be written"),
                    );
                    builds.follow(key, None, None);
                }
            }
        });
    }

    /// How a build stands.
    pub(crate) fn read(&self, key: &str) -> Result<BuildState, TargetError> {
        files::check_name("build", key)?;
        let folder = self.folder.join(key);
        let watched = self.watched.lock().contains(key);
        if let Some(outcome) = files::read_json(&folder.join(OUTCOME))? {
            return Ok(outcome);
        }
        match files::read_json::<Order>(&folder.join(ORDER))? {
            None => Ok(BuildState::Unknown),
            Some(_) if let Some((ahead, slots)) = self.place(key) => Ok(BuildState::Queued { ahead, slots }),
            // Once the target ends nobody watches, and the build goes on.
            Some(_) if watched || self.end.is_cancelled() => Ok(BuildState::Running),
            Some(order) => Ok(self.disappeared(&order)),
        }
    }

    /// How many builds come before one that waits, and how many run at once.
    fn place(&self, key: &str) -> Option<(u32, u32)> {
        let ticket = self.queued.lock().get(key)?.0;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Some((number(self.turns.ahead(ticket)?), number(self.turns.size())))
    }

    /// Ends a build.
    pub(crate) fn cancel(&self, key: &str) -> Result<(), TargetError> {
        files::check_name("build", key)?;
        let folder = self.folder.join(key);
        if !folder.join(ORDER).exists() || folder.join(OUTCOME).exists() {
            return Ok(());
        }
        // The mark comes first: a runner that is only starting looks for it once it takes signals.
        files::replace(&folder.join(CANCEL), b"")?;
        if let Some((_, cancelled)) = self.queued.lock().get(key) {
            cancelled.cancel();
        }
        if let Some(runner) = files::read_json::<Option<Identity>>(&folder.join(RUNNER))?.flatten() {
            runner.signal(Signal::TERM);
        }
        Ok(())
    }

    /// Starts the runner of an order that waited on disk. `None` if there is nothing to start; an error ends the build.
    async fn begin(&self, key: &str) -> Result<Option<Child>, String> {
        let folder = self.folder.join(key);
        let begin = async {
            let order: Option<Order> = files::read_json(&folder.join(ORDER))?;
            let sealed = files::read_json(&folder.join(PRIVATE))?;
            let Some((order, sealed)) = order.zip(sealed) else { return Ok(None) };
            let private = seal::open(&*self.keys, &context(&order.tenant, key), &sealed).await?;
            self.spawn(&folder, private).map(Some)
        };
        let begun: Result<_, PortError> = begin.await;
        begun.map_err(|error| {
            tracing::error!(build = key, %error, "a build could not be started");
            error.to_string()
        })
    }

    /// Answers the private part, for the runner's standard input.
    async fn write_order(&self, folder: &Path, order: &BuildOrder) -> Result<String, PortError> {
        files::remove_folder(folder)?;
        files::folder(folder)?;
        files::folder(&self.cache)?;
        let root = self.artifacts.join(&order.key);
        let environment = self.inherited.build(&root, &self.cache, &order.plan, &order.variables);
        let private = Private { environment, redact: order.redact.clone() };
        let private = serde_json::to_string(&private).map_err(|e| PortError::Permanent(e.to_string()))?;
        let sealed = seal::seal(&*self.keys, &context(&order.service.tenant, &order.key), &private).await?;
        files::replace_json(&folder.join(PRIVATE), &sealed)?;
        let commands = [("install", &order.plan.install_command), ("build", &order.plan.build_command)];
        let commands =
            commands.into_iter().filter_map(|(purpose, text)| Some((purpose.to_owned(), text.clone()?)));
        let source = folder.join(SOURCE);
        self.copy_source(&order.archive, &source).await?;
        let order = Order {
            key: order.key.clone(),
            deployment: order.deployment.clone(),
            tenant: order.service.tenant.clone(),
            service: Some(order.service.service.clone()),
            log_prefix: order.log_prefix.clone(),
            log_from: order.log_from,
            source,
            digest: order.archive.manifest.digest.clone(),
            root,
            tools: order.plan.tools.clone(),
            cache: self.cache.clone(),
            commands: commands.collect(),
            ordered_ms: self.clock.real().0,
            timeout_ms: order.timeout_ms,
        };
        files::replace_json(&folder.join(ORDER), &order)?;
        Ok(private)
    }

    /// A copy of its own: whatever becomes of the archive, the build has its source.
    async fn copy_source(&self, archived: &Archived, to: &Path) -> Result<(), PortError> {
        let Some(data) = self.objects.read(&archived.key).await? else {
            let digest = &archived.manifest.digest;
            return Err(PortError::Transient(format!(
                "the source's archive {digest} is not there any more; it is fetched again"
            )));
        };
        source::write(to, data, archived.manifest.packed_bytes).await
    }

    fn spawn(&self, folder: &Path, private: String) -> Result<Child, PortError> {
        let Helpers { program, build: arguments, .. } = &self.helpers;
        let log =
            fs::File::create(folder.join("runner.log")).map_err(|e| files::failed("create", folder, &e))?;
        let errors = log.try_clone().map_err(|e| files::failed("create", folder, &e))?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(folder)
            .env_clear()
            .env("PATH", &self.inherited.path)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| {
                let program = program.display();
                PortError::Transient(format!(
                    "the build could not be started: {program}: {error}; check that this program exists"
                ))
            })?;
        // A runner that went away already is noticed by whoever follows it.
        if let Some(mut input) = child.stdin.take() {
            self.tasks.spawn(async move { input.write_all(private.as_bytes()).await });
        }
        Ok(child)
    }

    /// Follows a build to its end in a task of its own.
    fn follow(self: &Arc<Self>, key: String, child: Option<Child>, slot: Option<Slot>) {
        let builds = Arc::clone(self);
        self.tasks.spawn(async move {
            // Until its end is announced.
            let _slot = slot;
            let end = builds.end.clone();
            let follow = Follow { builds: Arc::clone(&builds), folder: builds.folder.join(&key), child };
            end.run_until_cancelled(follow.run()).await;
            builds.watched.lock().remove(&key);
        });
    }

    fn disappeared(&self, order: &Order) -> BuildState {
        BuildState::Failed {
            reason: "the build's process disappeared before it was done (was the machine restarted?); deploy again".into(),
            tail: Vec::new(),
            duration_ms: (self.clock.real().0 - order.ordered_ms).max(0),
        }
    }
}

fn context(tenant: &TenantId, key: &str) -> KeyContext {
    KeyContext { tenant: tenant.clone(), record: format!("machine/builds/{key}"), field: "private".into() }
}

/// One build being followed.
struct Follow {
    builds: Arc<Builds>,
    folder: PathBuf,
    child: Option<Child>,
}

impl Follow {
    async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        while let Err(error) = self.follow().await {
            tracing::warn!(folder = %self.folder.display(), %error, "following a build failed; trying again");
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }

    async fn follow(&mut self) -> Result<(), PortError> {
        let Some(order) = files::read_json::<Order>(&self.folder.join(ORDER))? else { return Ok(()) };
        let bell = Bell::open(&self.folder);
        let builds = Arc::clone(&self.builds);
        let prefix = order.log_prefix.trim_end_matches('/');
        let whose = (&order.tenant, &order.deployment);
        let mut head =
            LogHead::open(&*builds.store, &*builds.objects, whose, prefix, builds.clock.real()).await?;
        loop {
            // In this order: an outcome that exists came after the last segment; a runner that was gone before we
            // looked for its outcome won't write one any more.
            let gone = self.runner_gone();
            let ended = self.folder.join(OUTCOME).exists();
            self.import(&order, &mut head).await?;
            if !ended && gone {
                self.give_up(&order, &mut head).await?;
            }
            head.tell(builds.clock.real()).await?;
            if ended || gone {
                break;
            }
            let due = head.due_in(builds.clock.real());
            let runner = self.runner_end();
            tokio::select! {
                () = bell.rung() => {}
                () = runner => {}
                () = pause(due) => {}
            }
        }
        self.announce(&order).await
    }

    fn identity(&self) -> Option<Identity> {
        files::read_json::<Option<Identity>>(&self.folder.join(RUNNER)).ok().flatten().flatten()
    }

    fn runner_gone(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !self.identity().is_some_and(Identity::alive),
        }
    }

    fn runner_end(&mut self) -> impl Future<Output = ()> + Send {
        let identity = self.identity();
        let child = self.child.as_mut();
        async move {
            match (child, identity) {
                (Some(child), _) => drop(child.wait().await),
                (None, Some(identity)) => identity.gone().await,
                (None, None) => {}
            }
        }
    }

    /// Moves segments from the folder to the objects, in order.
    async fn import(&self, order: &Order, head: &mut LogHead<'_>) -> Result<(), PortError> {
        for (number, path) in self.segments() {
            let data = fs::read(&path).map_err(|e| files::failed("read", &path, &e))?;
            head.store(order.log_from + number, Bytes::from(data), self.builds.clock.real()).await?;
            fs::remove_file(&path).ok();
        }
        Ok(())
    }

    fn segments(&self) -> Vec<(u32, PathBuf)> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<_> = names
            .filter_map(|entry| {
                let name = entry.file_name();
                Some((name.to_str()?.strip_prefix(SEGMENT)?.parse().ok()?, entry.path()))
            })
            .collect();
        found.sort();
        found
    }

    /// Writes the outcome that the runner can't write any more, after the log's last line.
    async fn give_up(&self, order: &Order, head: &mut LogHead<'_>) -> Result<(), PortError> {
        let outcome = self.builds.disappeared(order);
        let reason =
            if let BuildState::Failed { reason, .. } = &outcome { reason.clone() } else { String::new() };
        let at = self.builds.clock.real();
        let mut segment = Segment::default();
        segment.push(&Line { at, stream: Stream::End, text: reason });
        head.store(head.next(order.log_from), Bytes::from(segment.take()), at).await?;
        files::replace_json(&self.folder.join(OUTCOME), &outcome)
    }

    async fn announce(&mut self, order: &Order) -> Result<(), PortError> {
        fs::remove_file(self.folder.join(PRIVATE)).ok();
        Bell::remove(&self.folder);
        if let Some(BuildState::Failed { .. }) = files::read_json(&self.folder.join(OUTCOME))? {
            let root = order.root.clone();
            files::blocking(move || files::remove_folder(&root)).await?;
        }
        let message = Message::about(kind::BUILD_ENDED, &order.tenant, &order.deployment);
        self.builds.broker.publish(vec![message]).await?;
        files::replace(&self.folder.join(ANNOUNCED), b"")?;
        // The runner has nothing left to do; taking its status leaves no zombie.
        if let Some(child) = &mut self.child {
            child.wait().await.ok();
        }
        Ok(())
    }
}

/// Waits so long; for ever where nothing is due.
async fn pause(due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due).await,
        None => std::future::pending().await,
    }
}
