//! `sextant up --detach`: the same, in the background, with its output in a file.

use super::super::{
    output::Output,
    server::{Address, told},
};
use crate::{failure::Ended, place::machine::private_folder};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How often the new process is looked at until it is up; it has to open a store and listen.
const LOOK: Duration = Duration::from_millis(50);

/// Starts this command again without `--detach`, in a session of its own, and waits until it is up.
pub async fn run(data: &Path, output: Output) -> Result<Ended> {
    let data = private_folder(data)?;
    let log = data.join("up.log");
    let file = File::options().create(true).append(true).open(&log);
    let file = file.with_context(|| format!("`{}` can't be written", log.display()))?;
    let from = file.metadata()?.len();
    let mut child = spawn(file)?;
    let address = up(&mut child, &data, &log, from).await?;
    let Address { url, ingress_port, pid, .. } = &address;
    output.data(
        &json!({ "url": url, "ingress_port": ingress_port, "pid": pid, "data": data, "log": log }),
        || {
            let rest = since(&log, from);
            format!(
                "{}In the background as process {pid}; its log is `{}`. `sextant open` shows the console, `sextant \
                 down` stops it.",
                rest,
                log.display()
            )
        },
    );
    Ok(Ended::Done)
}

/// What was written to the log since it had so many bytes.
fn since(log: &Path, from: u64) -> String {
    let all = fs::read(log).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or_default();
    String::from_utf8_lossy(all.get(from..).unwrap_or_default()).into_owned()
}

fn spawn(log: File) -> Result<Child> {
    let program = std::env::current_exe()?;
    // The word can't be a value of another flag: it was taken for ours.
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments
        .filter(|one| one != "--fresh")
        .map(|one| if one == "--detach" { "--detached".into() } else { one });
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().context("the process could not be started")
}

/// Leaves the terminal that this was started from: what it sends when it closes is for its own session.
pub fn leave_terminal() {
    // Refused only to who leads a group already, and then there is no terminal's group to leave.
    rustix::process::setsid().ok();
}

/// Waits until it says where it is, or has ended.
async fn up(child: &mut Child, data: &Path, log: &Path, from: u64) -> Result<Address> {
    loop {
        if let Some(address) = told(data).filter(|address| address.pid == child.id()) {
            return Ok(address);
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended at once ({status}): {}", since(log, from).trim());
        }
        tokio::time::sleep(LOOK).await;
    }
}
