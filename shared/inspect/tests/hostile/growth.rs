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
fn archives_that_are_copied_and_unpacked_again_and_again() {
    let text = lines(30_000, |_| "COPY a.tgz /a\nRUN tar -xf /a/a.tgz\n".to_owned());
    let findings = scan(&format!("FROM a:1\n{text}"), Surroundings::default());
    let said = findings.iter().filter(|finding| finding.rule == "add-archive").count();
    assert_eq!(said, 30_000, "each is said once");
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

#[test]
fn manifests_of_as_many_names_as_fit() {
    let numbered = |count, line: &dyn Fn(usize) -> String| lines(count, line);
    let packages = numbered(40_000, &|n| format!("\"a{n}\":\"1\",\n"));
    let cases = [
        (
            "package.json",
            format!("{{\"scripts\":{{\"start\":\"x\"}},\"dependencies\":{{{packages}\"z\":\"1\"}}}}"),
        ),
        (
            "pyproject.toml",
            format!(
                "[project]\nname='a'\ndependencies=[\n{}]\n",
                numbered(60_000, &|n| format!("\"a{n}\",\n"))
            ),
        ),
        ("Pipfile", format!("[packages]\n{}", numbered(40_000, &|n| format!("a{n} = \"*\"\n")))),
        (".env.example", numbered(80_000, &|n| format!("A{n}=\n"))),
        (
            "Cargo.toml",
            format!("[package]\nname='a'\n{}", numbered(30_000, &|n| format!("[[bin]]\nname='a{n}'\n"))),
        ),
        ("sextant.toml", numbered(30_000, &|n| format!("[a{n}]\nb{n} = 1\n"))),
        (
            "compose.yaml",
            format!("{}:\n{}", "k".repeat(300 << 10), numbered(60_000, &|_| " a: b\n".to_owned())),
        ),
        (
            "compose.yaml",
            format!(
                "services:\n  w:\n    build: .\n    environment:\n{}",
                numbered(30_000, &|n| format!("      A{n}: ${{A{n}}}\n"))
            ),
        ),
    ];
    for (name, text) in cases {
        let place = Place::with(&[("main.py", "print()\n"), (name, text.as_str())]);
        let report = inspect::read(&place.tree(), &inspect::Options::default()).unwrap();
        assert!(report.alternatives.len() <= 1_000 && report.env_required.len() <= 1_000, "{name}");
    }
}
