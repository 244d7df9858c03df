//! Scans Dockerfiles in one process: `scan-dockerfiles FILE…` prints a line of JSON per file, `--time N` the
//! seconds that scanning all of them N times takes. `scripts/dockerfile-corpus` compares it with hadolint.

#![expect(clippy::print_stdout, reason = "a tool for measuring prints")]
#![expect(clippy::disallowed_methods, reason = "a tool for measuring reads the clock")]

use inspect::docker::{Surroundings, scan};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let times = if files.first().is_some_and(|first| first == "--time") {
        files.remove(0);
        files.remove(0).parse().unwrap_or(1)
    } else {
        0
    };
    if times > 0 {
        let started = Instant::now();
        let mut found = 0;
        for _ in 0..times {
            for file in &files {
                found += scan(&read(file)?, Surroundings::default()).len();
            }
        }
        println!("{} {found}", started.elapsed().as_secs_f64());
        return Ok(());
    }
    for file in &files {
        let findings = scan(&read(file)?, Surroundings::default());
        println!("{}", serde_json::json!({ "file": file, "findings": findings }));
    }
    Ok(())
}

fn read(file: &str) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())
}
