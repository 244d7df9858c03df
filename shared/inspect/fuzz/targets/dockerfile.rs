//! Parser, scanner and corrections of Dockerfiles: total, lines that exist, corrections that only take findings away.
#![no_main]

use inspect::docker::{self, Surroundings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let around =
        Surroundings { dockerignore: Some(data.len() % 2 == 0), report_ignores: data.len() % 3 == 0 };
    let lines = text.split('\n').count();
    let parsed = docker::parse(&text);
    let mut last = 0;
    for instruction in &parsed.instructions {
        assert!(last < instruction.line && instruction.line <= instruction.end_line, "lines overlap");
        assert!(instruction.end_line <= lines, "a line behind the end");
        last = instruction.end_line;
    }
    let findings = docker::scan(&text, around);
    assert!(findings.iter().all(|finding| (1..=lines).contains(&finding.line)), "a line that isn't there");
    let (fixed, gone) = docker::fix(&text, around);
    assert_eq!(fixed == text, gone.is_empty(), "a correction without a change");
    if !gone.is_empty() {
        assert!(docker::parse(&fixed).problems.len() <= parsed.problems.len(), "a correction broke the file");
        // What is corrected at once is bounded.
        if gone.len() < 100 {
            let again = docker::fix(&fixed, around);
            assert!(again.1.is_empty() && again.0 == fixed, "a second correction changes more");
        }
        let left = docker::scan(&fixed, around);
        assert!(left.len() < findings.len(), "a correction added findings");
        assert!(!docker::diff("Dockerfile", &text, &fixed).is_empty() || text.lines().eq(fixed.lines()));
    }
});
