//! Google's own emulators of Firestore and Pub/Sub, started once for a test process on free ports.
//!
//! Each runs in its own process group under a small shell that reads from a pipe which this process holds open.
//! Invariant: when the test process ends, however it ends, the pipe closes and the whole group is killed.
//!
//! Emulators that already run (`scripts/emulators`) are used where `FIRESTORE_EMULATOR_HOST` and
//! `PUBSUB_EMULATOR_HOST` say so. Where none can be had, a test is skipped with the reason, and fails under `CI=true`.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// The longest an emulator may take until its port answers; a Java machine on a busy computer is slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs the emulator beside a `read` that ends when the test process does, then kills the group.
const SHELL: &str =
    r#"("$@"; echo "the emulator ended with status $?") </dev/null & read -r _; kill -KILL 0"#;

/// One kind of emulator.
struct Kind {
    name: &'static str,
    /// Below the root of the SDK.
    program: &'static str,
    arguments: &'static [&'static str],
    variable: &'static str,
    component: &'static str,
}

const FIRESTORE: Kind = Kind {
    name: "Firestore",
    program: "platform/cloud-firestore-emulator/cloud_firestore_emulator",
    arguments: &["start"],
    variable: "FIRESTORE_EMULATOR_HOST",
    component: "cloud-firestore-emulator",
};

const PUBSUB: Kind = Kind {
    name: "Pub/Sub",
    program: "platform/pubsub-emulator/bin/cloud-pubsub-emulator",
    arguments: &[],
    variable: "PUBSUB_EMULATOR_HOST",
    component: "pubsub-emulator",
};

/// An emulator that runs, or why there is none.
struct Running {
    address: Result<String, String>,
    /// Holds the pipe open; nothing else is asked of it.
    _shell: Option<Child>,
}

/// `host:port` of the Firestore emulator; `None` (with the reason printed) where there is none and that's allowed.
pub fn firestore() -> Option<String> {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    answer(RUNNING.get_or_init(|| start(&FIRESTORE)))
}

/// `host:port` of the Pub/Sub emulator; `None` (with the reason printed) where there is none and that's allowed.
pub fn pubsub() -> Option<String> {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    answer(RUNNING.get_or_init(|| start(&PUBSUB)))
}

/// `host:port` where nothing listens, for what happens when a service is out of reach.
pub fn nobody() -> String {
    free_address().unwrap().to_string()
}

fn answer(running: &Running) -> Option<String> {
    match &running.address {
        Ok(address) => Some(address.clone()),
        Err(reason) => {
            let optional = env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!optional, "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

fn start(kind: &Kind) -> Running {
    if let Ok(address) = env::var(kind.variable) {
        return Running { address: Ok(address), _shell: None };
    }
    match launch(kind) {
        Ok((address, shell)) => Running { address: Ok(address), _shell: Some(shell) },
        Err(reason) => Running { address: Err(reason), _shell: None },
    }
}

fn launch(kind: &Kind) -> Result<(String, Child), String> {
    let program = find(kind)?;
    let folder = tempfile::tempdir()
        .map_err(|e| format!("no temporary folder for the {} emulator: {e}", kind.name))?;
    // Kept for as long as the process: its log is what explains a failure, and the system clears it away.
    let folder = folder.keep();
    let log = folder.join("log");
    let address = free_address()?;
    let mut shell = spawn(kind, &program, &folder, &log, address)?;
    match wait_until_ready(kind, &log, address) {
        Ok(()) => Ok((address.to_string(), shell)),
        Err(reason) => {
            drop(shell.stdin.take());
            let _ = shell.wait();
            Err(reason)
        }
    }
}

fn spawn(
    kind: &Kind,
    program: &Path,
    folder: &Path,
    log: &Path,
    address: SocketAddr,
) -> Result<Child, String> {
    let failed = |e: std::io::Error| {
        format!("the {} emulator at `{}` doesn't start: {e}", kind.name, program.display())
    };
    let output = fs::File::create(log).map_err(failed)?;
    let mut command = Command::new("sh");
    command.args(["-c", SHELL, "sh"]).arg(program).args(kind.arguments);
    command.args([format!("--host={}", address.ip()), format!("--port={}", address.port())]);
    if kind.variable == PUBSUB.variable {
        command.arg(format!("--data-dir={}", folder.display()));
    }
    // Short-lived, on computers with few cores: the quick compiler and the small collector start sooner.
    command.env("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx768m");
    command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stderr(output.try_clone().map_err(failed)?)
        .stdout(output);
    command.process_group(0).spawn().map_err(failed)
}

fn wait_until_ready(kind: &Kind, log: &Path, address: SocketAddr) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        let said = fs::read_to_string(log).unwrap_or_default();
        let ended = said.contains("the emulator ended with status");
        if ended || Instant::now() > deadline {
            let why = if ended {
                "ended at once".to_owned()
            } else {
                format!("didn't answer within {} s", PATIENCE.as_secs())
            };
            let name = kind.name;
            return Err(format!("the {name} emulator {why}; it needs Java 11 or later, and said:\n{said}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map_err(|e| format!("no free port on 127.0.0.1: {e}"))
}

/// The emulator's program in the SDK that `gcloud` belongs to.
fn find(kind: &Kind) -> Result<PathBuf, String> {
    let missing = || {
        let (name, component) = (kind.name, kind.component);
        format!(
            "the {name} emulator isn't installed; install it with `gcloud components install {component} beta` or \
             `apt-get install google-cloud-cli-{}`, and Java 11 or later with it",
            component.trim_start_matches("cloud-")
        )
    };
    let beside = gcloud().and_then(|program| Some(program.parent()?.parent()?.to_owned()));
    let found = |root: PathBuf| Some(root.join(kind.program)).filter(|program| program.is_file());
    beside.and_then(found).or_else(|| found(asked()?)).ok_or_else(missing)
}

/// Where `gcloud` is, links followed.
fn gcloud() -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    let program =
        env::split_paths(&paths).map(|folder| folder.join("gcloud")).find(|program| program.is_file())?;
    program.canonicalize().ok()
}

/// The SDK's root as `gcloud` itself knows it; takes a second.
fn asked() -> Option<PathBuf> {
    let output =
        Command::new("gcloud").args(["info", "--format=value(installation.sdk_root)"]).output().ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(root.trim())).filter(|root| !root.as_os_str().is_empty())
}
