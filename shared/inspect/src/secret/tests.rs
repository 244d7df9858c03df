//! What is found in text and in trees, what is allowed, and that nothing found survives redaction.

use super::*;

fn random(length: usize) -> String {
    (0..length).map(|i| char::from(b"a8Kq3ZxP0mW7vT2rYc5L"[(i * 7 + i / 20) % 20])).collect()
}

#[test]
fn findings_say_where_and_never_what() {
    let secret = random(32);
    let text = format!("a = 1\nvendorToken = \"{secret}\"\nx\ntoken:\n  {secret}\n");
    let findings = scan_text("conf.ini", text.as_bytes());
    let places: Vec<(usize, usize)> = findings.iter().map(|finding| (finding.line, finding.column)).collect();
    assert_eq!(places, [(2, 16), (5, 3)]);
    assert!(findings.iter().all(|finding| !finding.shown.contains(&secret[..6])));
}

#[test]
fn comments_and_a_baseline_allow() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("password = \"{}\"", random(20));
    std::fs::create_dir(folder.path().join("sub")).expect("made");
    std::fs::write(folder.path().join("sub/a.txt"), format!("{line}\n")).expect("written");
    std::fs::write(folder.path().join("b.txt"), format!("{line} # gitleaks:allow\n")).expect("written");
    let findings = scan_tree(folder.path(), &ScanOptions::default());
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].file, "sub/a.txt");
    let options =
        ScanOptions { baseline: Baseline::parse(&Baseline::text(&findings)), ..ScanOptions::default() };
    assert_eq!(scan_tree(folder.path(), &options), []);
}

#[test]
fn the_whole_text_and_each_line_agree() {
    let lines: Vec<String> = (0..60)
        .map(|i| match i % 6 {
            0 => format!("{} key {}", "word ".repeat(i), i),
            1 => format!("ghp_{}", random(36)),
            2 => format!("id {}", "0123456789abcdef".repeat(i % 4)),
            3 => format!("apiKey: '{}'", random(10 + i)),
            4 => "https://example.org/a?b=c".into(),
            _ => String::new(),
        })
        .collect();
    let text = lines.join("\n");
    let each: Vec<usize> =
        (0..lines.len()).filter(|at| !scan_text("x", lines[*at].as_bytes()).is_empty()).collect();
    let whole: Vec<usize> = scan_text("x", text.as_bytes()).iter().map(|finding| finding.line - 1).collect();
    assert_eq!(whole, each);
    assert!(whole.len() >= 18);
}

#[test]
fn rules_are_named_after_kinds() {
    assert_eq!(rule("a GitHub token"), "github-token");
    assert_eq!(rule("an AWS key id"), "aws-key-id");
    assert_eq!(rule("a signed token (JWT)"), "signed-token-jwt");
}
