//! Nesting that would use up a stack, and references that would multiply.

use std::fmt::Write as _;
use std::fs;

use crate::place::Place;

const DEEP: usize = 100_000;

#[test]
fn deep_values_end_without_a_stack() {
    let steps: Vec<String> = (0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let cases: [(&str, String); 15] = [
        ("package.json", "[".repeat(DEEP)),
        ("package.json", format!("{{\"scripts\":{}", "{\"a\":".repeat(DEEP))),
        ("package.json5", "{a:".repeat(DEEP)),
        ("composer.json", format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP))),
        ("tsconfig.json", "{\"a\":[".repeat(DEEP)),
        ("Cargo.toml", format!("a = {}", "[".repeat(DEEP))),
        ("Cargo.toml", format!("a = {}", "{a=".repeat(DEEP))),
        ("pyproject.toml", format!("[{}a]", "a.".repeat(DEEP))),
        ("sextant.toml", format!("{}a = 1", "a.".repeat(DEEP))),
        ("compose.yaml", steps.join("")),
        ("app.yaml", format!("a: {}", "[".repeat(DEEP))),
        ("compose.yaml", "- ".repeat(DEEP)),
        ("pom.xml", "<a>".repeat(DEEP)),
        ("Dockerfile", format!("FROM a:1\nRUN {}", "$(".repeat(DEEP))),
        ("Dockerfile", format!("FROM a:1\nRUN {}", "{ (if ".repeat(DEEP))),
    ];
    for (name, text) in cases {
        let place = Place::with(&[(name, text.as_str())]);
        place.ask();
        let _ = inspect::docker::scan(&text, inspect::docker::Surroundings::default());
    }
}

#[test]
fn aliases_of_yaml_are_not_multiplied() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..40 {
        let above = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{above}]").unwrap();
    }
    text += "services:\n  web:\n    build: .\n    ports: [\"8123:8123\"]\n";
    let place =
        Place::with(&[("compose.yaml", text.as_str()), ("package.json", r#"{"scripts":{"start":"x"}}"#)]);
    assert_eq!(place.ask().report.port, Some(8123));
}

#[test]
fn values_of_dockerfiles_are_not_multiplied() {
    let mut text = "FROM a:1\nENV A0=0123456789\n".to_owned();
    for level in 1..60 {
        let above = format!("${{A{}}}", level - 1);
        writeln!(text, "ENV A{level}={}\nARG B{level}=$A{level}$A{level}", above.repeat(10)).unwrap();
    }
    text += "FROM $A59$B59\nUSER $A59\nWORKDIR $B59\n";
    let place = Place::with(&[("Dockerfile", text.as_str())]);
    let answers = place.ask();
    assert!(answers.text.len() < 1 << 20, "{} bytes", answers.text.len());
    let shown: usize = inspect::docker::scan(&text, inspect::docker::Surroundings::default())
        .iter()
        .map(|f| f.message.len())
        .sum();
    assert!(shown < 1 << 20, "{shown} bytes");
}

#[test]
fn folders_below_the_limit_are_not_entered_and_that_is_said() {
    let place = Place::with(&[("package.json", r#"{"scripts":{"start":"x"}}"#)]);
    let deep = "d/".repeat(1_500);
    fs::create_dir_all(place.tree().join(&deep)).unwrap();
    fs::write(place.tree().join(&deep).join("a.txt"), "password = \"a8Kq3ZxP0mW7vT2rYc5L\"\n").unwrap();
    let answers = place.ask();
    assert!(answers.report.evidence.iter().any(|evidence| evidence.claim.contains("below depth 12")));
    assert!(answers.secrets.is_empty());
}

#[test]
fn workspace_patterns_of_stars_end() {
    let stars = (0..2_000).map(|n| format!("\"{}{n}*\"", "**/*/".repeat(12))).collect::<Vec<_>>().join(",");
    let place = Place::with(&[
        ("package.json", &format!("{{\"workspaces\":[{stars}]}}")),
        ("a/b/c/d/package.json", "{}"),
    ]);
    for folder in 0..200 {
        place.write(&format!("a/b{folder}/c/x"), "");
    }
    assert!(place.ask().report.monorepo);
}
