//! CPU and memory of running revisions, from their process trees, once a second by one task.
//!
//! Invariant: CPU is what the kernel counted for the tree since the last sample; what a child used before it
//! ended is in its parent's count.

use super::process::{self, Identity, Stat};
use std::{collections::BTreeMap, fs};

/// Ticks per second in `/proc`; fixed at 100 for user space on Linux.
const TICKS: u64 = 100;

/// What a tree has used so far and holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// CPU since its start, in milliseconds of one core.
    pub cpu_ms: u64,
    /// Memory in KiB, shared pages divided among those who share them.
    pub memory_kib: u64,
}

/// The usage of each tree, from one look at all processes.
pub(crate) fn usage(roots: &[Identity]) -> Vec<Usage> {
    if roots.is_empty() {
        return Vec::new();
    }
    let all: BTreeMap<i32, Stat> = process::all().into_iter().map(|stat| (stat.pid, stat)).collect();
    roots.iter().map(|root| tree(*root, &all)).collect()
}

fn tree(root: Identity, all: &BTreeMap<i32, Stat>) -> Usage {
    let belongs =
        |stat: &&Stat| stat.pid == root.pid || stat.group == root.pid || descends(stat, root.pid, all);
    let members = all.values().filter(|stat| stat.alive).filter(belongs);
    members.fold(Usage::default(), |sum, stat| Usage {
        cpu_ms: sum.cpu_ms + stat.cpu_ticks * 1000 / TICKS,
        memory_kib: sum.memory_kib + memory_kib(stat.pid),
    })
}

fn descends(stat: &Stat, ancestor: i32, all: &BTreeMap<i32, Stat>) -> bool {
    let mut parent = stat.parent;
    // A chain can't be longer than there are processes; the table may change under us.
    for _ in 0..all.len().min(64) {
        match all.get(&parent) {
            _ if parent == ancestor => return true,
            Some(next) => parent = next.parent,
            None => return false,
        }
    }
    false
}

fn memory_kib(pid: i32) -> u64 {
    let kib = |file: &str, field: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse::<u64>().ok())
    };
    kib("smaps_rollup", "Pss:").or_else(|| kib("status", "VmRSS:")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_count_for_their_parent() {
        // The shell waits for a child that burns CPU, then stays.
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo done; read x"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
        let used = usage(&[Identity::of(child.id() as i32).unwrap()]);
        assert!(used[0].cpu_ms >= 20, "{used:?}");
        assert!(used[0].memory_kib > 50, "{used:?}");
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
