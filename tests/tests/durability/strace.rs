//! The kernel's own record: each acknowledged commit follows a completed fdatasync of what it wrote.

use std::process::Command;

/// What happened, in the order in which strace saw it.
#[derive(Debug, PartialEq)]
enum Seen {
    /// A write that holds these documents was completed.
    Wrote(Vec<String>),
    SyncBegan(u32),
    SyncDone(u32),
    Acknowledged(String),
}

fn documents(line: &str) -> Vec<String> {
    line.match_indices("doc-").filter_map(|(at, _)| line.get(at..at + 12)).map(str::to_owned).collect()
}

/// Reads `strace -f` lines, where a call may be cut in two by others.
fn read(trace: &str) -> Vec<Seen> {
    let mut seen = vec![];
    let mut unfinished: Vec<(u32, Vec<String>)> = vec![];
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let (Ok(thread), call) = (thread.parse::<u32>(), call.trim_start()) else { continue };
        let begins = call.ends_with("<unfinished ...>");
        if call.starts_with("write(1, \"ACK ") {
            seen.extend(documents(call).into_iter().map(Seen::Acknowledged));
        } else if call.starts_with("pwrite64(") && begins {
            unfinished.push((thread, documents(call)));
        } else if call.starts_with("pwrite64(") {
            seen.push(Seen::Wrote(documents(call)));
        } else if call.starts_with("<... pwrite64 resumed>") {
            let at = unfinished.iter().position(|(known, _)| *known == thread).unwrap();
            seen.push(Seen::Wrote(unfinished.swap_remove(at).1));
        } else if call.starts_with("fdatasync(") {
            seen.push(Seen::SyncBegan(thread));
            seen.extend((!begins && call.ends_with("= 0")).then_some(Seen::SyncDone(thread)));
        } else if call.starts_with("<... fdatasync resumed>") && call.ends_with("= 0") {
            seen.push(Seen::SyncDone(thread));
        }
    }
    seen
}

/// The first acknowledgement without a sync that began after its write and was done before it.
fn broken_promise(seen: &[Seen]) -> Option<&str> {
    seen.iter().enumerate().find_map(|(at, event)| {
        let Seen::Acknowledged(document) = event else { return None };
        let before = &seen[..at];
        let wrote =
            before.iter().position(|event| matches!(event, Seen::Wrote(held) if held.contains(document)));
        let kept = wrote.is_some_and(|wrote| {
            (wrote..at).any(|began| {
                let Seen::SyncBegan(thread) = &seen[began] else { return false };
                seen[began..at].contains(&Seen::SyncDone(*thread))
            })
        });
        (!kept).then_some(document.as_str())
    })
}

#[test]
fn each_acknowledgement_follows_a_sync() {
    if Command::new("strace").arg("-V").output().is_err() {
        let demanded = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!demanded, "strace is missing; install it, for example by `apt-get install strace`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let run = Command::new("strace")
        .args(["-f", "-s", "1000000", "-e", "trace=pwrite64,fdatasync,write", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_commit_and_tell"))
        .arg(folder.path().join("data"))
        .args(["8", "25"])
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let seen = read(&std::fs::read_to_string(&trace).unwrap());
    let acknowledged = seen.iter().filter(|event| matches!(event, Seen::Acknowledged(_))).count();
    assert_eq!(acknowledged, 200);
    assert_eq!(broken_promise(&seen), None);
}

/// The check can fail: the same record with one sync less, or one that came back too late, is refused.
#[test]
fn a_missing_sync_is_noticed() {
    let good = "7 pwrite64(5, \"doc-001-0001\", 12, 0) = 12\n7 fdatasync(5 <unfinished ...>\n8 write(2, \"\", 0) = 0\n\
                7 <... fdatasync resumed>) = 0\n9 write(1, \"ACK doc-001-0001\\n\", 17) = 17\n";
    assert_eq!(broken_promise(&read(good)), None);
    let lines: Vec<&str> = good.lines().collect();
    for order in [&[0, 1, 2, 4, 3][..], &[0, 4], &[1, 3, 0, 4], &[4, 0, 1, 3], &[1, 0, 3, 4]] {
        let bad: Vec<&str> = order.iter().map(|&line| lines[line]).collect();
        assert_eq!(broken_promise(&read(&bad.join("\n"))), Some("doc-001-0001"), "{bad:?}");
    }
}
