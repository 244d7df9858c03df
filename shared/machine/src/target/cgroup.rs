//! A control group of an app's own, where the kernel has version 2 of them and we may make one: what is in it can't
//! leave it, whatever sessions and groups it makes.
//!
//! Invariant: only a group that we made is ever killed or removed; without one, nothing here does anything.

use super::process::Identity;
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a group's name begins with; an instance's mark follows.
const PREFIX: &str = "sextant-";
/// How long the kernel may take to end what it was told to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Puts a process into a group of its own, if that can be done; its children to come are in it as well.
pub(super) fn enclose(process: Identity, mark: &str) -> Option<PathBuf> {
    let folder = ours()?.join(format!("{PREFIX}{mark}"));
    fs::create_dir(&folder).ok()?;
    if fs::write(folder.join("cgroup.procs"), process.pid.to_string()).is_err() {
        fs::remove_dir(&folder).ok();
        return None;
    }
    Some(folder)
}

/// Those that run in a group.
pub(super) fn members(folder: &Path) -> Vec<Identity> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter_map(Identity::of).collect()
}

/// Kills what is in a group, and removes it.
pub(super) async fn end(folder: &Path) {
    let named = folder.file_name().and_then(|name| name.to_str());
    if !named.is_some_and(|name| name.starts_with(PREFIX)) {
        return;
    }
    fs::write(folder.join("cgroup.kill"), "1").ok();
    let emptied = async {
        // Before Linux 5.14 there is no `cgroup.kill`; and a group is busy until the last one has ended.
        while fs::remove_dir(folder).is_err_and(|error| error.kind() != ErrorKind::NotFound) {
            for one in members(folder) {
                one.signal(rustix::process::Signal::KILL);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied).await.ok();
}

/// The folder of the group that this process is in.
fn ours() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    folder_of(&mounts, &groups)
}

/// Field 5 of a line is where it is mounted, the first one behind ` - ` the type (proc(5)).
fn folder_of(mounts: &str, groups: &str) -> Option<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ');
        let (root, at) = (fields.nth(3)?, fields.next()?);
        (kind.starts_with("cgroup2 ") && root == "/").then(|| at.to_owned())
    })?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    (!own.contains("..")).then(|| Path::new(&mount).join(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_read_from_what_the_kernel_says() {
        let mounts = "30 29 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n\
                      31 29 0:27 / /proc rw - proc proc rw\n";
        let of = |groups| folder_of(mounts, groups);
        assert_eq!(of("0::/user.slice/a.scope\n"), Some("/sys/fs/cgroup/user.slice/a.scope".into()));
        assert_eq!(of("3:cpu:/x\n0::/\n"), Some("/sys/fs/cgroup/".into()));
        assert_eq!(of("3:cpu:/x\n"), None);
        assert_eq!(of("0::/../x\n"), None);
        assert_eq!(folder_of("31 29 0:27 / /proc rw - proc proc rw\n", "0::/\n"), None);
    }

    #[tokio::test]
    async fn only_our_own_groups_are_ended() {
        let folder = tempfile::tempdir().unwrap();
        end(folder.path()).await;
        assert!(folder.path().is_dir());
    }
}
