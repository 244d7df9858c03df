//! Which embedded engine carries the store: each writes the same 1,000,000 documents with their index entries, in
//! commits of four documents from 64 writers whose groups share one sync, then reads them, then is opened again.
//!
//! `scripts/engines [COMMITS] [ENGINE…]`. Each engine runs in processes of its own, so that its memory is
//! its own. Where an engine has a journal, that is used; `lsm-tree` has none, so frames go into a file of ours.

mod engine;
mod load;

use engine::{Engine, NAMES, open};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WRITERS: u64 = 64;
const READS: u64 = 200_000;
const PAGES: u64 = 5_000;
/// An engine that isn't done by then is reported with what it has.
const PATIENCE: Duration = Duration::from_secs(200);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", engine, folder, commits] => write(engine, folder.as_ref(), commits.parse().unwrap()),
        ["read", engine, folder, commits] => read(engine, folder.as_ref(), commits.parse().unwrap()),
        [folder, rest @ ..] => all(folder, rest),
        [] => eprintln!("engines FOLDER [COMMITS] [ENGINE…]"),
    }
}

fn all(folder: &str, rest: &[&str]) {
    let commits = rest.first().copied().unwrap_or("250000");
    let names = if rest.len() > 1 { &rest[1..] } else { &NAMES[..] };
    println!("| engine | documents | commits/s | µs of CPU each | last tenth | reads/s | pages of 20/s | MB after writing | ready in | MB then | MB on disk |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for name in names {
        let place = format!("{folder}/engine-{name}");
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        let program = std::env::current_exe().unwrap();
        let run = |what: &str| {
            let done = Command::new(&program).args([what, name, &place, commits]).output().unwrap();
            assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8(done.stdout).unwrap().trim().to_owned()
        };
        println!("| {name} | {} | {} | {} |", run("write"), run("read"), disk(place.as_ref()) >> 20);
        std::fs::remove_dir_all(&place).unwrap();
    }
}

fn write(name: &str, folder: &Path, commits: u64) {
    let mut engine = open(name, folder);
    let (began, mut tenth) = (Instant::now(), (0, Instant::now()));
    let mut done = 0;
    while done < commits && began.elapsed() < PATIENCE {
        let group: Vec<_> = (done..done + WRITERS).flat_map(load::commit).collect();
        engine.group(&group);
        done += WRITERS;
        if done >= commits / 10 * 9 && tenth.0 == 0 {
            tenth = (done, Instant::now());
        }
    }
    let cpu = cpu_ms() * 1e3 / done as f64;
    let rate = done as f64 / began.elapsed().as_secs_f64();
    let last = (done - tenth.0) as f64 / tenth.1.elapsed().as_secs_f64();
    let (reads, pages) = (reads(&*engine, done), pages(&*engine));
    println!("{} | {rate:.0} | {cpu:.0} | {last:.0} | {reads:.0} | {pages:.0} | {}", done * 4, resident());
}

fn reads(engine: &dyn Engine, commits: u64) -> f64 {
    let began = Instant::now();
    for n in 0..READS {
        let commit = load::mix(n) % commits;
        let key = &load::commit(commit)[0].key;
        assert!(engine.get(key).is_some(), "commit {commit}");
    }
    READS as f64 / began.elapsed().as_secs_f64()
}

/// The newest 20 of a tenant, by an index and then by key.
fn pages(engine: &dyn Engine) -> f64 {
    let began = Instant::now();
    for n in 0..PAGES {
        let found = engine.page(&load::page(n), 20);
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|key| engine.get(key).is_some()));
    }
    PAGES as f64 / began.elapsed().as_secs_f64()
}

fn read(name: &str, folder: &Path, _commits: u64) {
    let began = Instant::now();
    let engine = open(name, folder);
    let ready = engine.get(&load::commit(1)[0].key).is_some();
    let ms = began.elapsed().as_secs_f64() * 1e3;
    assert!(ready);
    println!("{ms:.0} ms | {}", resident());
}

/// MB of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

fn disk(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            if entry.path().is_dir() { disk(&entry.path()) } else { entry.metadata().unwrap().blocks() * 512 }
        })
        .sum()
}

/// CPU time of this process so far, all threads.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}
