//! From exec to the first 200, and memory at rest after it. Commands take turns, so that a machine that drifts
//! drifts for all of them.

use crate::{
    client::{Client, free_port},
    median, row,
};
use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// `NAME=COMMAND`, where `{port}` becomes a free port; it must answer `GET /healthz` (or anything) with 200.
pub fn run(runs: usize, commands: &[&str]) {
    let mut times = vec![vec![]; commands.len()];
    let mut memory = vec![vec![]; commands.len()];
    for round in 0..=runs {
        for (index, command) in commands.iter().enumerate() {
            let (ms, mib) = once(command.split_once('=').unwrap().1);
            // The first round only warms caches.
            if round > 0 {
                times[index].push(ms);
                memory[index].push(mib);
            }
        }
    }
    for (index, command) in commands.iter().enumerate() {
        let name = command.split_once('=').unwrap().0;
        row(&format!("cold {name}"), median(&mut times[index]), "ms", "exec to first 200, median");
        row(&format!("memory {name}"), median(&mut memory[index]), "MiB", "PSS after the first 200, median");
    }
}

fn once(command: &str) -> (f64, f64) {
    let port = free_port();
    let command = command.replace("{port}", &port.to_string());
    let mut words = command.split_whitespace();
    let began = Instant::now();
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
    loop {
        let answer = Client::connect(port).and_then(|mut client| client.send(request.as_bytes()));
        if answer.is_ok_and(|(status, _)| status == 200) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "`{command}` never answered 200");
        std::thread::sleep(Duration::from_micros(100));
    }
    let ms = began.elapsed().as_secs_f64() * 1e3;
    std::thread::sleep(Duration::from_millis(200));
    let mib = pss_mib(&child);
    for pid in tree(child.id()).into_iter().rev() {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    child.wait().unwrap();
    (ms, mib)
}

/// Of the process and everything it started: a framework may leave the work to a child.
fn pss_mib(child: &Child) -> f64 {
    tree(child.id()).into_iter().map(pss_of).sum()
}

fn tree(root: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{root}/task/{root}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|pid| pid.parse().ok()).flat_map(tree);
    std::iter::once(root).chain(below.collect::<Vec<_>>()).collect()
}

fn pss_of(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1024.0
}
