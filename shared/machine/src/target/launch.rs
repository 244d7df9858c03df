//! Starts the two processes of an instance: the app, and the keeper of its log.
//!
//! Invariant: the keeper is there before the app can write; what the app writes goes to the keeper alone, so that
//! neither the app nor its output depends on Sextant being alive, and no secret it prints reaches the disk.

use super::{
    environment::{Alias, Inherited},
    files,
    members::{self, MARK},
    process::Identity,
    spec::{Instance, Places, RevisionSpec, instance_file},
};
use crate::{clock::OsRandom, ports};
use model::port::{Clock, Keys, PortError, Random, Redact};
use std::{
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};
use tokio::process::{Child, Command};

/// How this program is started as a helper that outlives it; the helper's folder follows the arguments.
#[derive(Clone, Debug)]
pub struct Helpers {
    /// The path of the program that is started.
    pub program: PathBuf,
    /// Arguments that make it run a build: [`super::runner::main`].
    pub build: Vec<String>,
    /// Arguments that make it keep an app's log: [`super::logger::main`].
    pub log: Vec<String>,
}

/// What every supervisor shares.
pub(crate) struct Environment {
    pub places: Places,
    pub alias: Alias,
    pub inherited: Inherited,
    pub helpers: Helpers,
    pub clock: Arc<dyn Clock>,
    pub redact: Arc<dyn Redact>,
    pub keys: Arc<dyn Keys>,
}

/// An instance that was started.
pub(super) struct Launched {
    pub app: Child,
    pub logger: Child,
}

impl Environment {
    /// The folder of a revision.
    pub(super) fn folder(&self, spec: &RevisionSpec) -> PathBuf {
        self.places.revision(&spec.service, &spec.revision)
    }

    /// Starts an instance.
    pub(super) async fn launch(
        &self,
        spec: &RevisionSpec,
        instance: &Instance,
    ) -> Result<Launched, PortError> {
        let (reader, mut writer) = std::io::pipe()
            .map_err(|error| PortError::Transient(format!("no pipe could be made for a log: {error}")))?;
        let logger = self.launch_logger(&self.folder(spec), reader.into())?;
        let mut secrets =
            serde_json::to_vec(&spec.secrets()).map_err(|e| PortError::Permanent(e.to_string()))?;
        secrets.push(b'\n');
        let writer = files::blocking(move || {
            let gone =
                |error| PortError::Transient(format!("the keeper of an app's log ended at once: {error}"));
            writer.write_all(&secrets).map_err(gone)?;
            Ok(writer)
        })
        .await?;
        let errors = writer
            .try_clone()
            .map_err(|error| PortError::Transient(format!("no descriptor was left for a log: {error}")))?;
        let app = self.launch_app(spec, instance, writer.into(), errors.into())?;
        Ok(Launched { app, logger })
    }

    /// It works in the folder instead of being told its path: other processes can read its arguments. It makes a
    /// session of its own, which the leader of a group can't.
    fn launch_logger(&self, folder: &Path, input: Stdio) -> Result<Child, PortError> {
        let Helpers { program, log, .. } = &self.helpers;
        Command::new(program)
            .args(log)
            .arg(".")
            .current_dir(folder)
            .env_clear()
            .env("PATH", &self.inherited.path)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                let program = program.display();
                PortError::Transient(format!(
                    "the keeper of an app's log could not be started: {program}: {error}; check that this program exists"
                ))
            })
    }

    fn launch_app(
        &self,
        spec: &RevisionSpec,
        instance: &Instance,
        output: Stdio,
        errors: Stdio,
    ) -> Result<Child, PortError> {
        let root = self.places.artifacts.join(&spec.artifact);
        let command = spec.plan.start_command.clone().unwrap_or_default();
        let outside = self.alias.link(&alias_name(spec), &root)?;
        let mut environment = self.inherited.base(&outside, spec.plan.app_folder.as_deref());
        environment.extend(spec.plan.run_env.clone());
        environment.extend(spec.environment());
        environment.extend([
            ("PORT".into(), instance.port.to_string()),
            ("K_SERVICE".into(), spec.service.service.to_string()),
            ("K_REVISION".into(), spec.revision.clone()),
            (MARK.into(), instance.mark.clone()),
        ]);
        Command::new("/bin/sh")
            .args(["-c", &exec(&command)])
            .current_dir(outside.join("app"))
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let root = root.display();
                PortError::Transient(format!("`{command}` could not be started in {root}: {error}"))
            })
    }
}

/// A new instance: its port and its mark, known before its process is.
pub(super) fn new_instance() -> Result<Instance, PortError> {
    Ok(Instance { wanted: true, mark: mark(), port: free_port()?, ..Instance::default() })
}

/// What is known about the process of the revision in `folder`; one that was never started should be.
pub(crate) fn instance(folder: &Path) -> Instance {
    let read = files::read_json(&instance_file(folder)).unwrap_or_else(|error| {
        tracing::warn!(%error, "a revision's state could not be read; it is started anew");
        None
    });
    read.unwrap_or(Instance { wanted: true, ..Instance::default() })
}

/// Who a child is; one that is gone already has no start time.
pub(super) fn identity(child: &Child) -> Identity {
    let pid = child.id().map_or(0, |id| id as i32);
    Identity::of(pid).unwrap_or(Identity { pid, start: 0 })
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

/// One that nobody listens on now.
fn free_port() -> Result<u16, PortError> {
    let mut free = ports::drawn().filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().map_or_else(any_port, Ok)
}

/// Whatever the kernel gives.
fn any_port() -> Result<u16, PortError> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| {
        PortError::Transient(format!(
            "no free port was found on 127.0.0.1: {error}; end some of what runs there"
        ))
    })
}

fn mark() -> String {
    format!("{:032x}", OsRandom.bits())
}

/// The name under which an app sees its folder; revisions of two services may be called the same.
pub(crate) fn alias_name(spec: &RevisionSpec) -> String {
    format!("{}.{}.{}", spec.service.tenant, spec.service.service, spec.revision)
}

/// Ends whatever bears the mark of a revision that is being forgotten.
pub(crate) async fn sweep(folder: &Path) {
    let Ok(Some(instance)) = files::read_json::<Instance>(&instance_file(folder)) else { return };
    members::kill_marked(&instance).await;
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
