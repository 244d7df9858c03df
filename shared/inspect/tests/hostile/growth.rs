//! Texts that once took time or memory by the square of their length: what is said of them is bounded, and a text
//! long enough that a square would be felt as a test that doesn't end.

use inspect::docker::{Surroundings, scan};
use inspect::secret::scan_text;

use crate::place::Place;

/// As many lines as a file of 1 MiB has.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn values_that_grow_with_each_line() {
    let text = lines(50_000, |_| "ENV A=$A$A$A\n".to_owned());
    let place = Place::new();
    place.write("Dockerfile", format!("FROM a:1\nENV A=0123456789\n{text}CMD a\n"));
    assert!(place.ask().text.len() < 64 << 10);
}

#[test]
fn stages_that_are_built_from_each_other_copy_a_bounded_amount() {
    let text = lines(30_000, |n| format!("FROM b AS b\nENV A{n}=1\n"));
    let findings = scan(&format!("FROM a:1 AS b\n{text}"), Surroundings::default());
    assert_eq!(findings.iter().filter(|finding| finding.rule == "duplicate-stage").count(), 30_000);
    let place = Place::new();
    place.write("Dockerfile", format!("FROM a:1 AS b\n{text}CMD a\n"));
    assert!(place.ask().report.run_env.contains_key("A29999"));
}

#[test]
fn names_of_secrets_without_a_space_between() {
    for unit in ["password=", "-----BEGIN PRIVATE KEY-----"] {
        let findings = scan_text("x", unit.repeat((1 << 20) / unit.len()).as_bytes());
        assert!(findings.len() <= 1, "one line");
    }
}
