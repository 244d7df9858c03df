//! The build runner: a process of its own that builds one app and outlives Sextant.
//!
//! It reads its order from a folder, writes log segments and at last the outcome into that folder, each whole by
//! a rename; Sextant, this one or the next, picks them up from there. Invariant: an order has at most one runner
//! (it holds the folder's lock for life), an outcome is written once, and a runner without an outcome failed.

mod command;
mod output;
mod registry;
mod tools;
mod version;

use super::{files, process::Identity};
use crate::source;
use command::Ended;
use model::port::{PortError, Redact, source::Digest, target::BuildState};
use output::Output;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::signal::unix::{SignalKind, signal};
use tools::Bench;

pub(crate) const ORDER: &str = "order.json";
pub(crate) const PRIVATE: &str = "private.json";
pub(crate) const RUNNER: &str = "runner.json";
pub(crate) const OUTCOME: &str = "outcome.json";
pub(crate) const CANCEL: &str = "cancel";
const LOCK: &str = "lock";
/// Log segments are named with this before their number.
pub(crate) const SEGMENT: &str = "segment-";

/// What to build; kept as long as the build is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The build's key and its artifact's name.
    pub key: String,
    /// Whom to tell.
    pub deployment: model::DeploymentId,
    /// Whose it is.
    pub tenant: model::TenantId,
    /// Of which service; orders from before it was noted have none.
    #[serde(default)]
    pub service: Option<model::ServiceName>,
    /// Where Sextant puts the segments.
    pub log_prefix: String,
    /// The number that the first segment has there.
    #[serde(default)]
    pub log_from: u32,
    /// The archive of the source; it goes once it is unpacked.
    pub source: PathBuf,
    /// What the archive must hold.
    pub digest: Digest,
    /// The work folder: `app`, `home` and `tmp` are made in it.
    pub root: PathBuf,
    /// Programs that the app asks for, with the versions; see [`model::port::target::Plan::tools`].
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
    /// Where those are kept that had to be fetched.
    #[serde(default)]
    pub cache: PathBuf,
    /// Commands, in order, with what they are for.
    pub commands: Vec<(String, String)>,
    /// When it was ordered, real time.
    pub ordered_ms: i64,
    /// Killed after this long.
    pub timeout_ms: i64,
}

/// What only the runner may know: it comes through its standard input. On disk it is sealed, until the runner has
/// begun.
#[derive(Serialize, Deserialize)]
pub(crate) struct Private {
    /// The whole environment of the commands.
    pub environment: BTreeMap<String, String>,
    /// Values that must not appear in the log.
    pub redact: Vec<String>,
}

/// Runs the order in `folder` to its end: `sextant run-build FOLDER` is this and nothing else.
pub fn main(folder: &Path, redact: &dyn Redact) -> ExitCode {
    // A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
    rustix::process::setsid().ok();
    match run(folder, redact) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, folder = %folder.display(), "the build runner failed");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path, redact: &dyn Redact) -> Result<(), PortError> {
    let lock =
        File::create(folder.join(LOCK)).map_err(|e| files::failed("create", &folder.join(LOCK), &e))?;
    lock.lock().map_err(|e| files::failed("lock", &folder.join(LOCK), &e))?;
    let order: Order = files::read_json(&folder.join(ORDER))?.ok_or_else(|| {
        PortError::Permanent(format!("{} holds no order; nothing was built", folder.display()))
    })?;
    // A second runner of the same order, after the first one ended or died.
    if folder.join(OUTCOME).exists() || folder.join(RUNNER).exists() {
        return Ok(());
    }
    // Half of it: Sextant died while it sent this. The next one starts another runner.
    let private: Private = serde_json::from_reader(std::io::stdin().lock()).map_err(|error| {
        PortError::Transient(format!(
            "the order's private part did not come whole: {error}; nothing was built"
        ))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| PortError::Transient(format!("the build runner could not start: {error}")))?;
    let result = runtime.block_on(build(folder, &order, private, redact));
    // A copy that is still under way on another thread ends with the process.
    runtime.shutdown_background();
    drop(lock);
    result
}

async fn build(folder: &Path, order: &Order, private: Private, redact: &dyn Redact) -> Result<(), PortError> {
    let began = Instant::now();
    let mut cancel = signal(SignalKind::terminate())
        .map_err(|error| PortError::Transient(format!("the build runner could not start: {error}")))?;
    let me = Identity::of(std::process::id() as i32);
    files::replace_json(&folder.join(RUNNER), &me)?;
    fs::remove_file(folder.join(PRIVATE)).ok();
    let mut output = Output::new(folder, redact, &private.redact);
    let failure = {
        let work = steps(order, &private, &mut output, began);
        tokio::pin!(work);
        let cancelled = folder.join(CANCEL).exists();
        tokio::select! {
            biased;
            () = async {}, if cancelled => Some("the build was cancelled before it began".to_owned()),
            _ = cancel.recv() => Some("the build was cancelled".to_owned()),
            failure = &mut work => failure,
        }
    };
    let duration_ms = began.elapsed().as_millis() as i64;
    let seconds = duration_ms as f64 / 1000.0;
    let outcome = match failure {
        None => {
            output.end(&format!("built in {seconds:.1} s"));
            BuildState::Succeeded { artifact: order.key.clone(), duration_ms }
        }
        Some(reason) => {
            output.end(&format!("failed after {seconds:.1} s: {reason}"));
            BuildState::Failed { reason, tail: output.tail(), duration_ms }
        }
    };
    files::replace_json(&folder.join(OUTCOME), &outcome)
}

/// Unpacks the tree and runs the commands; answers why it failed, if it did.
async fn steps(order: &Order, private: &Private, output: &mut Output, began: Instant) -> Option<String> {
    let limit = Duration::from_millis(order.timeout_ms.max(1) as u64);
    let (source, root, digest) = (order.source.clone(), order.root.clone(), order.digest.clone());
    let unpacked = tokio::task::spawn_blocking(move || prepare(&source, &root, &digest));
    let unpacked = match tokio::time::timeout(limit, unpacked).await {
        Err(_) => return Some(format!("unpacking the source took longer than {} s", limit.as_secs_f64())),
        Ok(Err(_)) => return Some("unpacking the source was interrupted".to_owned()),
        Ok(Ok(Err(error))) => return Some(error.to_string()),
        Ok(Ok(Ok(unpacked))) => unpacked,
    };
    let mib = unpacked.bytes as f64 / 1_048_576.0;
    output.system(&format!("unpacked {} files, {mib:.1} MiB", unpacked.files));
    let bench =
        Bench { root: &order.root, cache: &order.cache, environment: &private.environment, limit, began };
    if let Some(reason) = tools::provide(&order.tools, &bench, output).await {
        return Some(reason);
    }
    for (purpose, text) in &order.commands {
        output.system(&format!("{purpose}: {text}"));
        let limits = bench.limits();
        let ended = command::run(text, &order.root.join("app"), &private.environment, limits, output).await;
        if let Some(reason) = explain(purpose, text, ended) {
            return Some(reason);
        }
    }
    None
}

fn prepare(source: &Path, root: &Path, digest: &Digest) -> Result<archive::Contents, PortError> {
    files::remove_folder(root)?;
    for folder in ["home", "tmp"] {
        files::folder(&root.join(folder))?;
    }
    let unpacked = source::unpack(source, &root.join("app"), archive::Limits::default(), digest)?;
    fs::remove_file(source).ok();
    Ok(unpacked)
}

fn explain(purpose: &str, text: &str, ended: Ended) -> Option<String> {
    let command: String = text.chars().take(120).collect();
    match ended {
        Ended::Exit(0) => None,
        Ended::Exit(code @ (126 | 127)) => Some(format!(
            "the {purpose} command `{command}` exited with code {code}: a program it needs is not installed on this machine, or can't be run"
        )),
        Ended::Exit(code) => Some(format!("the {purpose} command `{command}` exited with code {code}")),
        Ended::Signal(number) => {
            Some(format!("the {purpose} command `{command}` was ended by signal {number}"))
        }
        Ended::Timeout(whole) => Some(format!(
            "the {purpose} command `{command}` was killed: the build took longer than its {} s",
            whole.as_secs_f64()
        )),
        Ended::NotStarted(why) => {
            Some(format!("the {purpose} command `{command}` could not be started: {why}"))
        }
    }
}

/// Real time in milliseconds; the runner has no clock port, only the system's clock.
fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
