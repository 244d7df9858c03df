//! Processes of this machine: who they are, waiting for their end, ending them.
//!
//! Invariant: a process is known by its id AND its start time, so that a reused id is never taken for it.

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};
use std::{fs, time::Duration};
use tokio::io::{Interest, unix::AsyncFd};

/// One process, for as long as the machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Process id; also the id of its group, for those we start.
    pub pid: i32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start: u64,
}

impl Identity {
    /// The process that has this id now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Stat::read(pid).filter(|stat| stat.alive).map(|stat| Self { pid, start: stat.start })
    }

    /// Whether it still runs; a zombie doesn't.
    pub(crate) fn alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Waits until it is gone. The kernel tells; nothing is polled.
    pub(crate) async fn gone(self) {
        let Some(handle) = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok())
        else {
            return self.gone_without_handle().await;
        };
        if !self.alive() {
            return; // the handle may be that of a successor
        }
        #[expect(
            deprecated,
            reason = "an OwnedFd can't be closed while it is registered; the successor is unsafe to call"
        )]
        let handle = AsyncFd::with_interest(handle, Interest::READABLE);
        match handle {
            Ok(handle) => drop(handle.readable().await),
            Err(_) => self.gone_without_handle().await,
        }
    }

    /// Where the kernel has no pidfd (before Linux 5.3, some sandboxes) or no descriptors are left.
    async fn gone_without_handle(self) {
        while self.alive() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends a signal to the process alone, if it still is that process.
    pub(crate) fn signal(self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.alive()) {
            kill_process(pid, signal).ok();
        }
    }
}

/// What `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    /// Process id, as the kernel has it.
    pub pid: i32,
    /// Neither zombie nor dead.
    pub alive: bool,
    /// Id of the process that started it, or that it was left to.
    pub parent: i32,
    /// Id of its process group.
    pub group: i32,
    /// CPU of itself and of children it has waited for, in ticks.
    pub cpu_ticks: u64,
    /// Start time in ticks since boot.
    pub start: u64,
}

impl Stat {
    /// Reads one process; `None` if there is none.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in parentheses may hold anything, so fields are counted from the last parenthesis.
    fn parse(pid: i32, text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        Some(Self {
            pid,
            alive: !matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: number(4)? as i32,
            group: number(5)? as i32,
            cpu_ticks: (14..=17).map(|field| number(field).unwrap_or(0).max(0) as u64).sum(),
            start: number(22)? as u64,
        })
    }
}

/// Every process there is, ourselves and others.
pub(crate) fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(Stat::read).collect()
}

/// Processes of a group, those that run.
pub(crate) fn group_members(group: i32) -> Vec<Identity> {
    let running = all().into_iter().filter(|stat| stat.group == group && stat.alive);
    running.map(|stat| Identity { pid: stat.pid, start: stat.start }).collect()
}

/// Processes whose first environment holds `NAME=VALUE`: how we find again what we started.
pub(crate) fn with_variable(name: &str, value: &str) -> Vec<Identity> {
    let wanted = format!("{name}={value}");
    let holds = |pid: i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|b| *b == 0).any(|entry| entry == wanted.as_bytes()))
    };
    let running = all().into_iter().filter(|stat| stat.alive && holds(stat.pid));
    running.map(|stat| Identity { pid: stat.pid, start: stat.start }).collect()
}

/// Signals a whole group; no such group is fine.
pub(crate) fn signal_group(group: i32, signal: Signal) {
    // 0 would be our own group, 1 everybody's.
    if let Some(pid) = Pid::from_raw(group).filter(|_| group > 1) {
        kill_process_group(pid, signal).ok();
    }
}

/// Asks a group to end, waits for all of it up to `grace`, then kills what is left and waits for that.
pub(crate) async fn end_group(group: i32, grace: Duration) {
    signal_group(group, Signal::TERM);
    // A stopped process would not see the request.
    signal_group(group, Signal::CONT);
    let members = group_members(group);
    let ended = futures::future::join_all(members.iter().map(|member| member.gone()));
    if tokio::time::timeout(grace, ended).await.is_ok() && group_members(group).is_empty() {
        return;
    }
    kill_group(group).await;
}

/// Kills a group at once and waits until it is gone.
pub(crate) async fn kill_group(group: i32) {
    signal_group(group, Signal::KILL);
    let members = group_members(group);
    let ended = futures::future::join_all(members.iter().map(|member| member.gone()));
    tokio::time::timeout(Duration::from_secs(5), ended).await.ok();
}

/// Loopback addresses on which somebody listens at `port`, from the kernel's tables: no connection is made.
pub(crate) fn listener(port: u16) -> Option<std::net::SocketAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    if table_has("/proc/net/tcp", port, &["0100007F", "00000000"]) {
        return Some((Ipv4Addr::LOCALHOST, port).into());
    }
    // `::` takes IPv4 as well, unless the app asked it not to; then IPv6 works in any case.
    let wild = ["00000000000000000000000000000000", "00000000000000000000000001000000"];
    table_has("/proc/net/tcp6", port, &wild).then(|| (Ipv6Addr::LOCALHOST, port).into())
}

fn table_has(table: &str, port: u16, addresses: &[&str]) -> bool {
    const LISTEN: &str = "0A";
    let text = fs::read_to_string(table).unwrap_or_default();
    text.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|local| local.split_once(':'));
        let state = fields.nth(1);
        local.is_some_and(|(address, hex)| {
            addresses.contains(&address) && u16::from_str_radix(hex, 16) == Ok(port)
        }) && state == Some(LISTEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_are_read() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 0 0 0 10 5 3 2 20 0 1 0 4711 1 1";
        let stat = Stat::parse(7, text).unwrap();
        assert_eq!((stat.parent, stat.group, stat.cpu_ticks, stat.start), (1, 7, 20, 4711));
        assert!(!Stat::parse(7, &text.replace(" S ", " Z ")).unwrap().alive);
    }

    #[tokio::test]
    async fn a_listener_is_seen_without_connecting() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(super::listener(address.port()), Some(address));
        drop(listener);
        assert_eq!(super::listener(address.port()), None);
    }

    #[tokio::test]
    async fn the_end_of_a_stranger_is_noticed() {
        let mut child = tokio::process::Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let identity = Identity::of(child.id().unwrap() as i32).unwrap();
        assert!(identity.alive());
        end_group(identity.pid, Duration::from_secs(5)).await;
        assert!(!identity.alive());
        child.wait().await.unwrap();
    }
}
