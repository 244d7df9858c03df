//! All that belongs to an instance of an app: its group of processes, and whatever left that group for a session of
//! its own (a daemon that forked twice).
//!
//! They are known by a control group where there is one, and by the mark in their environment. Invariant: what is
//! ended bears this instance's mark or is in its groups, so that nothing of anybody else's is.

use super::{
    cgroup,
    process::{self, Identity},
    spec::Instance,
};
use rustix::process::Signal;
use std::time::Duration;

/// The variable that marks an instance; its value is known to the state file before the process exists.
pub(super) const MARK: &str = "SEXTANT_INSTANCE";

/// Those that are in no group of the leader's.
fn strays(instance: &Instance, group: i32) -> Vec<Identity> {
    if instance.mark.is_empty() {
        return vec![];
    }
    let mut all = process::with_variable(MARK, &instance.mark);
    all.extend(instance.cgroup.iter().flat_map(|folder| cgroup::members(folder)));
    all.sort_by_key(|one| one.pid);
    all.dedup();
    all.retain(|one| process::Stat::read(one.pid).is_some_and(|stat| stat.group != group));
    all
}

/// Asks all of it to end, waits up to `grace`, then kills what is left and waits for that.
pub(super) async fn end(instance: &Instance, group: i32, grace: Duration) {
    let strays = strays(instance, group);
    for stray in &strays {
        stray.signal(Signal::TERM);
        stray.signal(Signal::CONT);
    }
    let gone = futures::future::join_all(strays.iter().map(|stray| stray.gone()));
    let gone = tokio::time::timeout(grace, gone);
    tokio::join!(process::end_group(group, grace), async { gone.await.ok() });
    kill_strays(instance, group).await;
}

/// Kills all of it at once and waits until it is gone.
pub(super) async fn kill(instance: &Instance, group: i32) {
    process::kill_group(group).await;
    kill_strays(instance, group).await;
}

/// Kills what bears the mark, whatever group it is in.
pub(super) async fn kill_marked(instance: &Instance) {
    kill_strays(instance, 0).await;
}

async fn kill_strays(instance: &Instance, group: i32) {
    // The control group first: what is in it can't have children in between.
    if let Some(folder) = &instance.cgroup {
        cgroup::end(folder).await;
    }
    for stray in strays(instance, group) {
        stray.signal(Signal::KILL);
        stray.gone().await;
    }
}
