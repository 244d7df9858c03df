//! `sextant down`: ends the server of a data folder, and its apps if they are to end too.

use super::{
    output::Output,
    server::{Address, running},
    up,
};
use crate::failure::{Ended, Stop};
use anyhow::{Result, bail};
use clap::Args;
use machine::target::{Live, live_in, stop_leftovers};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{path::Path, time::Duration};

/// How often it is looked whether the server has ended.
const LOOK: Duration = Duration::from_millis(50);
/// So many looks, a minute, are waited for.
const LOOKS: u32 = 1200;

/// What ends.
#[derive(Args)]
pub struct Down {
    /// Stop the apps too; by default they go on, and the next `sextant up` finds them.
    #[arg(long)]
    pub apps: bool,
}

impl Down {
    /// Asks the server to end and waits until it has, then stops the apps if asked to.
    pub async fn run(self, data: &Path, output: Output) -> Result<Ended> {
        let server = running(data).filter(|server| holds(data, server.pid));
        if let Some(server) = &server {
            end(server, data).await?;
        }
        let live = live_in(data);
        let runs = live.iter().any(|app| app.address.is_some());
        if server.is_none() && !(self.apps && runs) {
            let text = format!("Sextant isn't running on `{}`; nothing was done.", data.display());
            return Err(Stop::NoServer(text).into());
        }
        if self.apps {
            // Who holds the folder owns the apps.
            let _lock = up::own(data)?;
            stop_leftovers(data).await;
        }
        let told = json!({ "stopped": server.map(|server| server.pid), "apps_stopped": self.apps, "apps": names(&live) });
        output.data(&told, || if self.apps { stopped(&live) } else { up::farewell::text(&live, data) });
        Ok(Ended::Done)
    }
}

/// Whether that process has the folder: what a file says of a server that was killed may be another's number by now.
fn holds(data: &Path, pid: u32) -> bool {
    let taken = std::fs::read_to_string(data.join("store/lock")).unwrap_or_default();
    taken.trim() == pid.to_string() && up::own(data).is_err()
}

fn names(live: &[Live]) -> Vec<&str> {
    live.iter().filter(|app| app.address.is_some()).map(|app| app.service.as_str()).collect()
}

fn stopped(live: &[Live]) -> String {
    match names(live) {
        names if names.is_empty() => "Sextant has stopped; no app ran.".to_owned(),
        names => format!(
            "Sextant has stopped, and so have its apps: {}. The next `sextant up` starts them.",
            names.join(", ")
        ),
    }
}

async fn end(server: &Address, data: &Path) -> Result<()> {
    let Some(pid) = i32::try_from(server.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    kill_process(pid, Signal::TERM)?;
    for _ in 0..LOOKS {
        if up::own(data).is_ok() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!(
        "process {} was asked to end and hasn't in a minute; look at what it says, then `kill -9 {0}`",
        server.pid
    )
}
