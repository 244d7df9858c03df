//! How the command line finds the running server: a 0600 file in the data folder.

use crate::failure::Stop;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// How to reach a running server.
#[derive(Clone, Serialize, Deserialize)]
pub struct Address {
    /// Console and API.
    pub url: String,
    /// A bearer token of the owner.
    pub token: String,
    /// The process's id, as it was when the server started.
    pub pid: u32,
    /// Where apps are.
    pub ingress_port: u16,
}

fn file(data: &Path) -> PathBuf {
    data.join("up.json")
}

/// Leaves word where the server is.
pub fn write_address(data: &Path, address: &Address) -> Result<()> {
    let path = file(data);
    let temporary = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    open.write_all(&serde_json::to_vec_pretty(address)?)?;
    fs::rename(&temporary, &path).with_context(|| format!("`{}` can't be written", path.display()))
}

/// The server is gone.
pub fn remove_address(data: &Path) {
    let _ = fs::remove_file(file(data));
}

/// The server of a data folder, if its process is alive.
pub fn running(data: &Path) -> Option<Address> {
    told(data).filter(|address| lives(address.pid))
}

/// Where the last server of a data folder said that it is; it may be gone.
pub fn told(data: &Path) -> Option<Address> {
    serde_json::from_slice(&fs::read(file(data)).ok()?).ok()
}

/// Whether a process is there and not a zombie that nobody has collected.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// The server that commands talk to.
pub fn find(data: &Path) -> Result<Address> {
    running(data).ok_or_else(|| {
        let text = format!(
            "Sextant is not running on `{}`. Start it with `sextant up`, or name its data folder with --data.",
            data.display()
        );
        Stop::NoServer(text).into()
    })
}
