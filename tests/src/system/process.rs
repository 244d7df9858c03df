//! The process of one Sextant: started, announced, killed.

use super::{Killed, PATIENCE};
use serde::Deserialize;
use std::{
    fs::OpenOptions,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::watch,
};

/// What is started.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program.
    pub exe: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Home, tools and log are in here.
    pub work: PathBuf,
}

impl Command {
    /// As a command with an environment of its own.
    pub fn tokio(&self) -> tokio::process::Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let tools = self.work.join("bin");
        let mut command = tokio::process::Command::new(&self.exe);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", format!("{}:{path}", tools.display()))
            .env("HOME", self.work.join("home"))
            .stdin(Stdio::null());
        command
    }
}

/// How a running Sextant is reached: `up.json` in its data folder.
#[derive(Clone, Debug, Deserialize)]
pub struct Address {
    /// Console and API.
    pub url: String,
    /// A token of the owner.
    pub token: String,
    /// Its process.
    pub pid: i32,
    /// Where apps are.
    pub ingress_port: u16,
}

/// A running Sextant.
pub struct Process {
    /// How it is reached.
    pub address: Address,
    /// The link that signs a browser in.
    pub sign_in: String,
    pid: rustix::process::Pid,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts one and waits until it says where it is, unless it is killed before that.
    pub async fn start(command: &Command) -> Result<Self, Killed> {
        let log = command.work.join("sextant.log");
        let errors = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child =
            command.tokio().stdout(Stdio::piped()).stderr(errors).kill_on_drop(true).spawn().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().unwrap() as i32).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it never came up").unwrap();
        let Some(first) = first else {
            let status = child.wait().await.unwrap();
            if status.signal() == Some(9) {
                return Err(Killed);
            }
            panic!("Sextant didn't come up ({status}): {}", std::fs::read_to_string(log).unwrap_or_default());
        };
        let announced: serde_json::Value = serde_json::from_str(&first).unwrap();
        let address = read_address(Path::new(announced["data"].as_str().unwrap()));
        let (sender, exit) = watch::channel(None);
        tokio::spawn(async move {
            // What else it prints must be read, or it would wait for a reader.
            let reading = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            let status = child.wait().await.unwrap();
            reading.abort();
            sender.send_replace(Some(status));
        });
        let sign_in = announced["sign_in"].as_str().unwrap_or_default().to_owned();
        Ok(Self { address, sign_in, pid, exit })
    }

    /// Waits for its end.
    pub async fn ended(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        let status = *exit.wait_for(Option::is_some).await.expect("its end was not watched");
        status.expect("an end has a status")
    }

    /// Waits until it is killed; any other end is a failure.
    pub async fn killed(&self) -> Killed {
        let status = self.ended().await;
        assert_eq!(status.signal(), Some(9), "Sextant ended by itself: {status}");
        Killed
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(self) {
        rustix::process::kill_process(self.pid, rustix::process::Signal::KILL).unwrap();
        self.killed().await;
    }

    /// Asks it to stop and waits until it is gone.
    pub async fn stop(self) -> ExitStatus {
        rustix::process::kill_process(self.pid, rustix::process::Signal::TERM).unwrap();
        tokio::time::timeout(PATIENCE, self.ended()).await.expect("it doesn't stop when it is asked to")
    }

    /// Kills it without waiting for a runtime: for the end of a test, however it ends.
    pub fn kill_now(self) {
        if self.exit.borrow().is_some() {
            return;
        }
        rustix::process::kill_process(self.pid, rustix::process::Signal::KILL).ok();
        // Nobody may start apps any more when the leftovers are looked for.
        while alive(self.pid.as_raw_nonzero().get()) {
            std::thread::yield_now();
        }
    }
}

fn read_address(data: &Path) -> Address {
    serde_json::from_slice(&std::fs::read(data.join("up.json")).unwrap()).unwrap()
}

/// Whether a process runs; one that only waits to be reaped doesn't.
pub fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}
