//! Starts the binary, and speaks a little HTTP.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary, with nothing of our environment that would change what it does.
pub fn sextant(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    for name in ["SEXTANT_DATA", "SEXTANT_URL", "SEXTANT_TOKEN", "SEXTANT_LOG", "PORT"] {
        command.env_remove(name);
    }
    command.arg("--data").arg(data);
    command
}

/// What a command came to.
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it said beside it.
    pub err: String,
}

impl Ran {
    /// Its data.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }
}

/// Runs a command to its end.
pub fn run(data: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } =
        sextant(data).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// `sextant up` on a folder of its own, stopped at the end with its apps.
pub struct Server {
    /// Its data folder.
    pub data: PathBuf,
    /// What it said when it was up.
    pub told: Value,
    child: Child,
    folder: Option<TempDir>,
}

impl Server {
    /// On a fresh folder.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::on(&folder.path().join("data"), &["--stop-apps"]);
        server.folder = Some(folder);
        server
    }

    /// On this folder.
    pub fn on(data: &Path, more: &[&str]) -> Self {
        let up = ["--json", "up", "--port", "0", "--ingress-port", "0"];
        let mut command = sextant(data);
        command.args(up).args(more).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: `{line}`"));
        Self { data: data.to_owned(), told, child, folder: None }
    }

    /// On a file system of its own, of so many MiB, which only the server sees under this path; `None` where that isn't
    /// allowed. Everybody else finds the folder under the server's `/proc`.
    pub fn on_small_disk(data: &Path, mib: u32) -> Option<Self> {
        let mount = format!("mount -t tmpfs -o size={mib}m none \"$0\" && exec \"$@\"");
        let allowed = |command: &mut Command| command.status().is_ok_and(|status| status.success());
        fs::create_dir_all(data).unwrap();
        if !allowed(Command::new("unshare").args(["-rm", "sh", "-c", &mount]).arg(data).arg("true")) {
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &mount]).arg(data).arg(env!("CARGO_BIN_EXE_sextant"));
        command.arg("--data").arg(data).args(["--json", "up", "--port", "0", "--ingress-port", "0"]);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: `{line}`"));
        let seen = format!("/proc/{}/root{}", child.id(), data.display());
        Some(Self { data: seen.into(), told, child, folder: None })
    }

    /// Runs a command against it.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&self.data, arguments)
    }

    /// The ingress's port.
    pub fn ingress(&self) -> u16 {
        self.told["ingress_port"].as_u64().unwrap() as u16
    }

    /// Stops it as a service manager would, and waits for its end.
    pub fn stop(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.stop();
        }
    }
}

/// A folder with the app that the binary carries.
pub fn app(folder: &Path) -> PathBuf {
    let app = folder.join("app");
    fs::create_dir_all(&app).unwrap();
    let start = format!("web: '{}' demo-app\n", env!("CARGO_BIN_EXE_sextant"));
    fs::write(app.join("Procfile"), start).unwrap();
    app
}

/// `GET` without any library: status and body; `None` if nobody answers.
pub fn get(port: u16, host: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Looks again until something is there.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not come within {} s", PATIENCE.as_secs());
        std::thread::yield_now();
    }
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rust files below a folder, tests beside sources left out.
pub fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = vec![];
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("tests") {
            all.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&entry).unwrap();
            all.push((entry, text));
        }
    }
    all
}
