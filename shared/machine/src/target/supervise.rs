//! Keeps one revision's process as it should be: starts it, notices that it listens and that it died, starts it
//! again with back-off, ends it gracefully.
//!
//! Invariant: one process group per revision at any time, also across our own death: the group is adopted by its
//! mark, or ended before another is started.

use super::{
    environment::{Alias, Inherited},
    files,
    process::{self, Identity},
    runtime_log::RuntimeLog,
    spec::{Instance, Places, RevisionSpec, instance_file},
};
use crate::ingress::backend::{Backend, Reach};
use model::port::{Clock, PortError, Redact};
use parking_lot::Mutex;
use rustix::process::Signal;
use std::{
    net::TcpListener,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    process::{Child, Command},
    sync::{mpsc, oneshot},
};

/// The variable that marks an instance; its value is known to the state file before the process exists.
const MARK: &str = "SEXTANT_INSTANCE";
/// How long a process may take to end when asked; the same on Cloud Run.
const GRACE: Duration = Duration::from_secs(10);
/// How long requests under way may take before the process is asked to end.
const DRAIN: Duration = Duration::from_secs(10);
/// A process that dies earlier than this died quickly.
const QUICK: Duration = Duration::from_secs(10);
/// So many quick deaths in a row are a crash loop.
const CRASH_LOOP: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(30);

/// What is known about the process of the revision in `folder`; one that was never started should be.
pub(crate) fn instance(folder: &Path) -> Instance {
    let read = files::read_json(&instance_file(folder)).unwrap_or_else(|error| {
        tracing::warn!(%error, "a revision's state could not be read; it is started anew");
        None
    });
    read.unwrap_or(Instance { wanted: true, ..Instance::default() })
}

/// What can be asked of a supervisor; it answers when it is done.
pub(crate) enum Ask {
    /// Run it.
    Start,
    /// End it gracefully and keep it ended; `remember` whether it should run after the next start of Sextant.
    Stop { wanted_later: bool, done: oneshot::Sender<()> },
    /// End it gracefully, answer, and start it again.
    Restart { done: oneshot::Sender<()> },
}

/// What every supervisor shares.
pub(crate) struct Environment {
    pub places: Places,
    pub alias: Alias,
    pub inherited: Inherited,
    pub clock: Arc<dyn Clock>,
    pub redact: Arc<dyn Redact>,
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
    port: u16,
    since: Instant,
}

enum Next {
    Died(Option<ExitStatus>),
    Stop { wanted_later: bool, done: oneshot::Sender<()> },
    Restart(oneshot::Sender<()>),
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
                    Some(Ask::Stop { done, .. } | Ask::Restart { done }) => drop(done.send(())),
                    Some(Ask::Start) => instance.wanted = true,
                }
                continue;
            }
            let died = match adopted.take().map_or_else(|| self.start(&mut instance), Ok) {
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
        self.shared.places.revision(&self.spec.service, &self.spec.revision)
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
        if let Some(identity) = leader.filter(|_| instance.wanted) {
            return Some(Running { identity, child: None, port: instance.port, since: Instant::now() });
        }
        for stray in marked {
            stray.signal(Signal::KILL);
            stray.gone().await;
        }
        None
    }

    fn start(&self, instance: &mut Instance) -> Result<Running, PortError> {
        *instance = Instance { wanted: true, mark: mark()?, process: None, port: free_port()? };
        files::replace_json(&instance_file(&self.folder()), instance)?;
        let child = self.spawn(instance)?;
        let identity = child.id().and_then(|id| Identity::of(id as i32)).unwrap_or(Identity {
            pid: child.id().map_or(0, |id| id as i32),
            start: 0, // gone already; its status comes from `wait`
        });
        instance.process = Some(identity);
        self.write(instance);
        self.backend.stats.started(self.shared.clock.real().0);
        Ok(Running { identity, child: Some(child), port: instance.port, since: Instant::now() })
    }

    fn spawn(&self, instance: &Instance) -> Result<Child, PortError> {
        let spec = &self.spec;
        let root = self.shared.places.artifacts.join(&spec.artifact);
        let command = spec.plan.start_command.clone().unwrap_or_default();
        let outside = self.shared.alias.link(&alias_name(spec), &root)?;
        let mut environment = self.shared.inherited.base(&outside, spec.plan.app_folder.as_deref());
        environment.extend(spec.environment());
        environment.extend([
            ("PORT".into(), instance.port.to_string()),
            ("K_SERVICE".into(), spec.service.service.to_string()),
            ("K_REVISION".into(), spec.revision.clone()),
            (MARK.into(), instance.mark.clone()),
        ]);
        let log = self.log().open()?;
        let errors = log.try_clone().map_err(|e| files::failed("open", &self.folder(), &e))?;
        Command::new("/bin/sh")
            .args(["-c", &exec(&command)])
            .current_dir(outside.join("app"))
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                PortError::Transient(format!(
                    "`{command}` could not be started in {}: {error}",
                    root.display()
                ))
            })
    }

    /// Stays with a process until it died (`Some`) or was ended on purpose.
    async fn follow(&mut self, mut running: Running, instance: &mut Instance) -> Option<Died> {
        self.set_running(Some(Sampled { identity: running.identity, adopted: running.child.is_none() }));
        self.backend.set_reach(Reach::Starting);
        match self.until_something(&mut running).await {
            Next::Died(status) => {
                // Its children may hold its port.
                process::kill_group(running.identity.pid).await;
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
                self.end(&mut running, instance, wanted_later).await;
                instance.wanted = false;
                done.send(()).ok();
                None
            }
            Next::Restart(done) => {
                // Requests that come meanwhile wait until it listens again.
                self.backend.set_reach(Reach::Starting);
                self.end(&mut running, instance, true).await;
                done.send(()).ok();
                None
            }
        }
    }

    async fn until_something(&mut self, running: &mut Running) -> Next {
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
                    Ask::Restart { done } => return Next::Restart(done),
                },
                () = &mut listen => {}
            }
        }
    }

    async fn end(&self, running: &mut Running, instance: &mut Instance, wanted: bool) {
        self.backend.drained(DRAIN).await;
        instance.wanted = wanted;
        self.write(instance);
        process::end_group(running.identity.pid, GRACE).await;
        wait(&mut running.child, running.identity).await;
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
            Ok(Ask::Restart { done }) => {
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
        let lines = self.log().read(3, self.shared.redact.as_ref(), &self.spec.secrets());
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

/// `exec` saves the shell's process, and signals reach the app directly; it can't stand before a list or an
/// assignment.
fn exec(command: &str) -> String {
    let first = command.split_whitespace().next().unwrap_or_default();
    let builtin = matches!(
        first,
        "cd" | "export"
            | "set"
            | "unset"
            | "."
            | "eval"
            | "exec"
            | "ulimit"
            | "umask"
            | "if"
            | "for"
            | "while"
    );
    let plain = !command.contains(['&', '|', ';', '<', '>', '(', ')', '{', '}', '`', '\n', '!']);
    if plain && !builtin && !first.contains('=') { format!("exec {command}") } else { command.to_owned() }
}

fn free_port() -> Result<u16, PortError> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| {
        PortError::Transient(format!(
            "no free port was found on 127.0.0.1: {error}; end some of what runs there"
        ))
    })
}

fn mark() -> Result<String, PortError> {
    let mut bits = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bits)
        .map_err(|_| PortError::Transient("the system's random generator failed".into()))?;
    Ok(files::hex(&bits))
}

/// The name under which an app sees its folder; revisions of two services may be called the same.
pub(crate) fn alias_name(spec: &RevisionSpec) -> String {
    format!("{}.{}.{}", spec.service.tenant, spec.service.service, spec.revision)
}

/// Ends whatever bears the mark of a revision that is being forgotten.
pub(crate) async fn sweep(folder: &Path) {
    let Ok(Some(instance)) = files::read_json::<Instance>(&instance_file(folder)) else { return };
    if instance.mark.is_empty() {
        return;
    }
    for stray in process::with_variable(MARK, &instance.mark) {
        stray.signal(Signal::KILL);
        stray.gone().await;
    }
}

#[cfg(test)]
mod tests {
    use super::exec;

    #[test]
    fn exec_stands_only_before_plain_commands() {
        assert_eq!(exec("node server.js"), "exec node server.js");
        for list in ["cd web && node s.js", "A=1 node s.js", "a | b", "exec x", "a\nb", "(a)", "cd x"] {
            assert_eq!(exec(list), list);
        }
    }
}
