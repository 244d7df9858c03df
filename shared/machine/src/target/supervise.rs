//! Keeps one revision's process as it should be: starts it, notices that it listens and that it died, starts it
//! again with back-off, ends it gracefully.
//!
//! Invariant: one process group per revision at any time, also across our own death: the group is adopted by its
//! mark, or ended before another is started.

use super::{
    cgroup, files,
    launch::{Environment, Launched, identity, instance, new_instance},
    members::{self, MARK},
    process::{self, Identity},
    runtime_log::RuntimeLog,
    spec::{Instance, RevisionSpec, instance_file},
};
use crate::ingress::backend::{Backend, Reach};
use model::port::PortError;
use parking_lot::Mutex;
use std::{
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    process::Child,
    sync::{mpsc, oneshot},
};

/// How long a process may take to end when asked; the same on Cloud Run.
const GRACE: Duration = Duration::from_secs(10);
/// How long requests under way may take before the process is asked to end.
const DRAIN: Duration = Duration::from_secs(10);
/// A process that dies earlier than this died quickly.
const QUICK: Duration = Duration::from_secs(10);
/// So many quick deaths in a row are a crash loop.
const CRASH_LOOP: u32 = 3;
/// How long what an app wrote at its end may take to be in its log.
const LAST_WORDS: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(30);

/// What can be asked of a supervisor; it answers when it is done.
pub(crate) enum Ask {
    /// Run it, unless it runs already.
    Start,
    /// End it gracefully and keep it ended; `remember` whether it should run after the next start of Sextant.
    Stop { wanted_later: bool, done: oneshot::Sender<()> },
    /// End it gracefully, answer, and start it again; nothing if that was done for this key.
    Restart { key: String, done: oneshot::Sender<()> },
}

/// A revision with a process.
pub(crate) struct Supervisor {
    pub spec: Arc<RevisionSpec>,
    pub backend: Arc<Backend>,
    pub shared: Arc<Environment>,
    pub asks: mpsc::UnboundedReceiver<Ask>,
    /// The process that runs now, for whoever samples it.
    pub running: Arc<Mutex<Option<Sampled>>>,
}

/// A running process, as the sampler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampled {
    pub identity: Identity,
    /// Started by a predecessor: what it used before is not ours to count.
    pub adopted: bool,
}

/// A running process: our child, or one that a predecessor started.
struct Running {
    identity: Identity,
    child: Option<Child>,
    logger: Logger,
    port: u16,
    since: Instant,
}

/// The keeper of its log.
struct Logger {
    identity: Option<Identity>,
    child: Option<Child>,
}

impl Logger {
    /// Waits until all that the app wrote is in its log. Whoever left the app's group may still hold the pipe.
    async fn done(&mut self) {
        let Some(identity) = self.identity else { return };
        tokio::time::timeout(LAST_WORDS, wait(&mut self.child, identity)).await.ok();
    }
}

enum Next {
    Died(Option<ExitStatus>),
    Stop { wanted_later: bool, done: oneshot::Sender<()> },
    Restart { key: String, done: oneshot::Sender<()> },
}

impl Supervisor {
    /// Supervises until the task is dropped; the process then goes on by itself.
    pub(crate) async fn run(mut self) {
        let mut instance = instance(&self.folder());
        let mut adopted = self.adopt(&instance).await;
        let mut quick = 0;
        loop {
            if !instance.wanted {
                // Whoever answered the ask that stopped it has said so; saying it again here would race with a start.
                match self.asks.recv().await {
                    None => return,
                    Some(Ask::Stop { done, .. } | Ask::Restart { done, .. }) => drop(done.send(())),
                    Some(Ask::Start) => instance.wanted = true,
                }
                continue;
            }
            let running = match adopted.take() {
                Some(running) => Ok(running),
                None => self.start(&mut instance).await,
            };
            let died = match running {
                Ok(running) => self.follow(running, &mut instance).await,
                Err(error) => Some(Died { detail: error.to_string(), quick: true, hopeless: false }),
            };
            match died {
                // It was asked to end: that says nothing about how it does.
                None => quick = 0,
                Some(died) => {
                    quick = if died.quick { quick + 1 } else { 0 };
                    self.back_off(died, quick, &mut instance).await;
                }
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.shared.folder(&self.spec)
    }

    fn log(&self) -> RuntimeLog {
        RuntimeLog::new(&self.folder())
    }

    fn write(&self, instance: &Instance) {
        if let Err(error) = files::replace_json(&instance_file(&self.folder()), instance) {
            tracing::error!(revision = self.spec.revision, %error, "a revision's state could not be written");
        }
    }

    fn set_running(&self, sampled: Option<Sampled>) {
        *self.running.lock() = sampled;
    }

    /// The process of a predecessor, if it runs and should; whatever else bears its mark is ended.
    async fn adopt(&self, instance: &Instance) -> Option<Running> {
        if instance.mark.is_empty() {
            return None;
        }
        let marked = process::with_variable(MARK, &instance.mark);
        let leader = match instance.process {
            Some(process) => Some(process).filter(|process| process.alive()),
            // We died between starting it and writing that down: the group's leader is the one.
            None => marked
                .iter()
                .copied()
                .find(|one| process::Stat::read(one.pid).is_some_and(|s| s.group == s.pid)),
        };
        if let Some(half) = leader.filter(|_| instance.restarting.is_some()) {
            // We died within a restart: the rest of it is done now.
            members::end(instance, half.pid, GRACE).await;
        } else if let Some(identity) = leader.filter(|_| instance.wanted) {
            let logger = Logger { identity: instance.logger, child: None };
            return Some(Running {
                identity,
                child: None,
                logger,
                port: instance.port,
                since: Instant::now(),
            });
        }
        members::kill_marked(instance).await;
        None
    }

    async fn start(&self, instance: &mut Instance) -> Result<Running, PortError> {
        *instance = Instance { restarted: instance.restarts(), ..new_instance()? };
        files::replace_json(&instance_file(&self.folder()), instance)?;
        let Launched { app, logger } = self.shared.launch(&self.spec, instance).await?;
        let (identity, keeper) = (identity(&app), identity(&logger));
        instance.process = Some(identity);
        instance.cgroup = cgroup::enclose(identity, &instance.mark);
        instance.logger = Some(keeper);
        self.write(instance);
        self.backend.stats.started(self.shared.clock.real().0);
        let child = Some(app);
        let logger = Logger { identity: Some(keeper), child: Some(logger) };
        Ok(Running { identity, child, logger, port: instance.port, since: Instant::now() })
    }

    /// Stays with a process until it died (`Some`) or was ended on purpose.
    async fn follow(&mut self, mut running: Running, instance: &mut Instance) -> Option<Died> {
        self.set_running(Some(Sampled { identity: running.identity, adopted: running.child.is_none() }));
        self.backend.set_reach(Reach::Starting);
        match self.until_something(&mut running, instance).await {
            Next::Died(status) => {
                // Its children may hold its port.
                members::kill(instance, running.identity.pid).await;
                running.logger.done().await;
                self.set_running(None);
                self.backend.stats.crashed(self.shared.clock.real().0);
                let code = status.and_then(|status| status.code());
                Some(Died {
                    detail: self.explain(status),
                    quick: running.since.elapsed() < QUICK,
                    hopeless: matches!(code, Some(126 | 127)),
                })
            }
            Next::Stop { wanted_later, done } => {
                self.backend.set_reach(Reach::Stopped);
                instance.wanted = wanted_later;
                self.end(&mut running, instance).await;
                instance.wanted = false;
                done.send(()).ok();
                None
            }
            Next::Restart { key, done } => {
                // Requests that come meanwhile wait until it listens again.
                self.backend.set_reach(Reach::Starting);
                (instance.wanted, instance.restarting) = (true, Some(key));
                self.end(&mut running, instance).await;
                done.send(()).ok();
                None
            }
        }
    }

    async fn until_something(&mut self, running: &mut Running, instance: &Instance) -> Next {
        let (backend, port, identity) = (&self.backend, running.port, running.identity);
        let listen = async {
            backend.set_reach(Reach::Up(listening(port).await));
            std::future::pending::<()>().await;
        };
        tokio::pin!(listen);
        loop {
            tokio::select! {
                status = wait(&mut running.child, identity) => return Next::Died(status),
                ask = next_ask(&mut self.asks) => match ask {
                    Ask::Start => {} // it runs
                    Ask::Stop { wanted_later, done } => return Next::Stop { wanted_later, done },
                    Ask::Restart { key, done } if instance.repeats(&key) => drop(done.send(())),
                    Ask::Restart { key, done } => return Next::Restart { key, done },
                },
                () = &mut listen => {}
            }
        }
    }

    /// Ends the process; what should be after that is on disk before.
    async fn end(&self, running: &mut Running, instance: &Instance) {
        self.backend.drained(DRAIN).await;
        self.write(instance);
        members::end(instance, running.identity.pid, GRACE).await;
        wait(&mut running.child, running.identity).await;
        running.logger.done().await;
        self.set_running(None);
    }

    /// Waits before the next start. A crash loop goes on, slowly, in case its cause goes away.
    async fn back_off(&mut self, died: Died, quick: u32, instance: &mut Instance) {
        let dead = died.hopeless || quick >= CRASH_LOOP;
        tracing::warn!(
            revision = self.spec.revision,
            quick,
            "a revision's process ended by itself: {}",
            died.detail
        );
        self.backend.set_reach(Reach::Down { detail: died.detail, dead });
        let pause = FIRST_BACKOFF.saturating_mul(1 << quick.saturating_sub(1).min(5)).min(LAST_BACKOFF);
        let asked = tokio::time::timeout(pause, next_ask(&mut self.asks)).await;
        match asked {
            Ok(Ask::Stop { wanted_later, done }) => {
                instance.wanted = wanted_later;
                self.write(instance);
                instance.wanted = false;
                self.backend.set_reach(Reach::Stopped);
                done.send(()).ok();
            }
            Ok(Ask::Restart { key, done }) => {
                if !instance.repeats(&key) {
                    instance.restarting = Some(key);
                    self.write(instance);
                }
                self.backend.set_reach(Reach::Starting);
                done.send(()).ok();
            }
            Ok(Ask::Start) => self.backend.set_reach(Reach::Starting),
            Err(_) => {}
        }
    }

    /// "exited with code 1: last lines".
    fn explain(&self, status: Option<ExitStatus>) -> String {
        let how = match status {
            Some(status) => match (status.code(), status.signal()) {
                (Some(127), _) => "exited with code 127 (a program it needs is not installed)".to_owned(),
                (Some(code), _) => format!("exited with code {code}"),
                (None, signal) => format!("was ended by signal {}", signal.unwrap_or(0)),
            },
            // A predecessor's child: its status went elsewhere.
            None => "ended".to_owned(),
        };
        let lines = self.log().newest(3, self.shared.redact.as_ref(), &self.spec.secrets()).lines;
        let lines: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            format!("{how}; it wrote nothing")
        } else {
            format!("{how}: {}", lines.join(" | "))
        }
    }
}

struct Died {
    detail: String,
    quick: bool,
    /// The command can't be found or run: trying again changes nothing.
    hopeless: bool,
}

async fn wait(child: &mut Option<Child>, identity: Identity) -> Option<ExitStatus> {
    if let Some(child) = child {
        return child.wait().await.ok();
    }
    identity.gone().await;
    None
}

/// The next request; none ever comes once nobody can ask any more.
async fn next_ask(asks: &mut mpsc::UnboundedReceiver<Ask>) -> Ask {
    match asks.recv().await {
        Some(ask) => ask,
        None => std::future::pending().await,
    }
}

/// Waits until somebody listens on the port. The kernel has no event for that; its table is read instead of
/// connecting, so that the app sees no empty connections.
async fn listening(port: u16) -> std::net::SocketAddr {
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(address) = process::listener(port) {
            return address;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(100));
    }
}
