//! The whole system as its users have it: the real binary on a data folder of its own, spoken to over HTTP.
//!
//! ```ignore
//! let mut system = System::of(exe).hostile(7).crash_at("deploy-step.after-commit").start().await;
//! let id = system.deploy(&app.order("v1")).await?;
//! let deployment = system.rest(&id).await?;
//! ```
//!
//! Invariant: whatever a test starts ends with it, also when it fails; and what happened is read from whoever it
//! happened to (the app's own journal, the target's files, the mail server), never from Sextant's store alone.

pub mod app;
pub mod client;
pub mod events;
pub mod load;
pub mod outside;
pub mod process;
pub mod target;
pub mod tools;

use crate::smtp::{FakeSmtp, Received};
use process::{Address, Process};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Nothing takes this long; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Systems at once: each is a process with its apps and builds.
static ROOM: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(4)));

/// A system before it is started.
#[derive(Clone, Debug)]
pub struct Setup {
    exe: PathBuf,
    hostile: Option<u64>,
    crash_at: Option<&'static str>,
    flags: Vec<&'static str>,
}

/// A system: its folders, its mail server, and the process that runs now.
pub struct System {
    setup: Setup,
    work: tempfile::TempDir,
    /// Where its mails arrive.
    pub smtp: FakeSmtp,
    http: reqwest::Client,
    running: Option<Process>,
    /// How often it was killed.
    pub deaths: u32,
    /// Whether it dies at its crash point again and again, as long as the test asks for something; only for points
    /// that are behind a commit, since each life must get a step further than the one before.
    pub again: bool,
    _room: OwnedSemaphorePermit,
}

/// The process was ended by SIGKILL while something was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed;

impl System {
    /// Of this executable.
    pub fn of(exe: impl Into<PathBuf>) -> Setup {
        Setup { exe: exe.into(), hostile: None, crash_at: None, flags: vec![] }
    }

    /// The folder of everything that belongs to it.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.work().join("data")
    }

    /// What Sextant and its children wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.work().join("sextant.log")).unwrap_or_default()
    }

    /// How the running process is reached.
    pub fn address(&self) -> &Address {
        &self.process().address
    }

    /// The running process.
    pub fn process(&self) -> &Process {
        self.running.as_ref().expect("Sextant is not running")
    }

    /// Kills it, as a power cut would: nothing of ours runs any more, the apps go on.
    pub async fn kill(&mut self) {
        let process = self.running.take().expect("there is nothing to kill");
        process.kill().await;
        self.deaths += 1;
    }

    /// Asks it to stop, waits for its end, and answers how it ended.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        let process = self.running.take().expect("there is nothing to stop");
        process.stop().await
    }

    /// Starts it again on the same data, to die at `crash_at` if that is given.
    pub async fn restart(&mut self, crash_at: Option<&'static str>) {
        assert!(self.running.is_none(), "it still runs");
        self.setup.crash_at = crash_at;
        loop {
            match Process::start(&self.command()).await {
                Ok(process) => return self.running = Some(process),
                // What it found to do took it to the point at once.
                Err(Killed) => {
                    assert!(self.setup.crash_at.is_some(), "killed without a crash point");
                    self.setup.crash_at = self.setup.crash_at.filter(|_| self.again);
                    self.deaths += 1;
                    assert!(self.deaths < 500, "it dies again and again and gets nowhere");
                }
            }
        }
    }

    /// After a death: starts it again, without its crash point unless it is to die there again.
    pub async fn revive(&mut self, Killed: Killed) {
        self.running = None;
        self.deaths += 1;
        let point = self.setup.crash_at.filter(|_| self.again);
        self.restart(point).await;
    }

    /// Asks until it is answered, however often Sextant dies meanwhile.
    pub async fn surviving<T>(&mut self, mut ask: impl AsyncFnMut(&Self) -> Result<T, Killed>) -> T {
        loop {
            match ask(self).await {
                Ok(answer) => return answer,
                Err(killed) => self.revive(killed).await,
            }
        }
    }

    /// Waits until no message is on its way or waiting: then whatever was set off has happened.
    pub async fn quiet(&self) -> Result<(), Killed> {
        let settling = async {
            loop {
                let pending = self.get("/local/v1/messages?limit=1").await?.expect(200)["pending"].clone();
                if pending == 0 {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settling).await.expect("messages never end")
    }

    /// Waits for a mail.
    pub async fn mail(&self, wanted: impl Fn(&Received) -> bool) -> Result<Received, Killed> {
        let arriving = async {
            loop {
                let mails = self.smtp.mails();
                if let Some(mail) = mails.iter().find(|mail| wanted(mail)) {
                    return Ok(mail.clone());
                }
                tokio::select! {
                    () = self.smtp.wait_for(mails.len() + 1) => {}
                    killed = self.process().killed() => return Err(killed),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, arriving).await {
            Ok(mail) => mail,
            Err(_) => panic!("no such mail among {:#?}\n{}", self.smtp.mails(), self.story().await),
        }
    }

    /// The command line that starts it.
    fn command(&self) -> process::Command {
        let mut arguments: Vec<String> = ["--json", "--data"].map(str::to_owned).into();
        arguments.push(self.data().display().to_string());
        let up = ["up", "--port", "0", "--ingress-port", "0", "--mail-to", "owner@example.com", "--smtp"];
        arguments.extend(up.map(str::to_owned));
        arguments.push(self.smtp.url());
        if let Some(seed) = self.setup.hostile {
            arguments.extend(["--hostile".to_owned(), seed.to_string()]);
        }
        if let Some(point) = self.setup.crash_at {
            arguments.extend(["--crash-at".to_owned(), point.to_owned()]);
        }
        arguments.extend(self.setup.flags.iter().map(|flag| (*flag).to_owned()));
        process::Command { exe: self.setup.exe.clone(), arguments, work: self.work().to_owned() }
    }

    /// Runs another command of the executable on this data folder, to its end.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = self.command();
        command.arguments = vec!["--data".to_owned(), self.data().display().to_string()];
        command.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let mut command = command.tokio();
        let run = command.kill_on_drop(true).output();
        tokio::time::timeout(PATIENCE, run).await.expect("the command never ended").unwrap()
    }

    /// Everything that helps to find out why a test failed.
    pub async fn story(&self) -> String {
        let mut story = format!("--- log of Sextant\n{}", self.log());
        if self.running.is_none() {
            return story;
        }
        for path in ["/api/v1/deployments", "/api/v1/services", "/local/v1/messages?limit=30"] {
            let answer = tokio::time::timeout(Duration::from_secs(5), self.get(path)).await;
            let text = match answer {
                Ok(Ok(reply)) => reply.text,
                Ok(Err(Killed)) => "killed".to_owned(),
                Err(_) => "no answer".to_owned(),
            };
            story.extend(["\n--- ", path, "\n", &text]);
        }
        story
    }
}

impl Setup {
    /// Delivers badly, by this seed.
    #[must_use]
    pub fn hostile(mut self, seed: u64) -> Self {
        self.hostile = Some(seed);
        self
    }

    /// Dies at this point of the code.
    #[must_use]
    pub fn crash_at(mut self, point: &'static str) -> Self {
        self.crash_at = Some(point);
        self
    }

    /// With more flags of `up`.
    #[must_use]
    pub fn flags(mut self, flags: &[&'static str]) -> Self {
        self.flags = flags.to_vec();
        self
    }

    /// Starts it on an empty data folder.
    pub async fn start(self) -> System {
        let mut system = self.prepare().await;
        system.restart(system.setup.crash_at).await;
        system
    }

    /// Everything but the process.
    pub async fn prepare(self) -> System {
        let room = ROOM.clone().acquire_owned().await.unwrap();
        let work = tempfile::Builder::new().prefix("sextant-test-").tempdir().unwrap();
        for folder in ["home", "apps", "bin"] {
            std::fs::create_dir(work.path().join(folder)).unwrap();
        }
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let smtp = FakeSmtp::start().await;
        System { setup: self, work, smtp, http, running: None, deaths: 0, again: false, _room: room }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(process) = self.running.take() {
            process.kill_now();
        }
        let data = self.data();
        if !data.exists() {
            return;
        }
        // A runtime of its own: this one may be ending, and a panic must leave nothing behind either.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(machine::target::stop_leftovers(&data));
        });
        cleaning.join().ok();
    }
}
