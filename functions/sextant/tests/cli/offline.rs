//! Commands that need no server.

use crate::program::{app, run};
use std::{fs, path::Path};

const NOWHERE: &str = "/nonexistent/sextant";

fn offline(arguments: &[&str]) -> crate::program::Ran {
    run(Path::new(NOWHERE), arguments)
}

#[test]
fn exit_codes_are_as_documented() {
    let none = offline(&["list"]);
    assert_eq!(none.code, 3, "{}", none.err);
    assert!(none.err.contains("sextant up") && none.out.is_empty(), "{}", none.err);
    assert_eq!(offline(&["list", "--no-such-flag"]).code, 2);
    assert_eq!(offline(&["tick", "--by", "soon"]).code, 2);
    assert_eq!(offline(&["inspect", NOWHERE]).code, 1);
    assert_eq!(offline(&["canary", NOWHERE]).code, 2);
    let help = offline(&["--help"]);
    assert!(help.code == 0 && help.out.contains("Exit codes: 0 done"), "{}", help.out);
    assert_eq!(offline(&["serve", "nothing"]).code, 2);
}

#[test]
fn errors_are_json_where_data_is() {
    let none = offline(&["list", "--json"]);
    let problem: serde_json::Value = serde_json::from_str(&none.err).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains(NOWHERE));
}

#[test]
fn estimates_are_the_price_list() {
    let bill = offline(&[
        "estimate",
        "--json",
        "--region",
        "us-central1",
        "--vcpu",
        "1",
        "--memory-gib",
        "0.5",
        "--requests",
        "3000000",
        "--duration-ms",
        "120",
        "--concurrency",
        "1",
        "--no-free-tier",
    ])
    .json();
    // 3 million requests of 200 billed ms each: 600,000 s × 24 + 300,000 GiB-s × 2.5 micro-dollars, and 0.40 a million.
    let expected = [
        ("vcpu_seconds", 600_000.0),
        ("gib_seconds", 300_000.0),
        ("cpu_usd", 14.4),
        ("memory_usd", 0.75),
        ("requests_usd", 1.2),
        ("total_usd", 16.35),
    ];
    for (name, value) in expected {
        assert!((bill[name].as_f64().unwrap() - value).abs() < 1e-9, "{name}: {bill}");
    }
    assert_eq!(offline(&["estimate", "--region", "mars-north1"]).code, 2);
}

#[test]
fn recorded_canaries_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary.csv");
    let head = "canary_requests,stable_requests,canary_bad,stable_bad\n";
    fs::write(&file, format!("{head}100,900,5,9\n")).unwrap();
    let path = file.to_str().unwrap();
    let report = offline(&["canary", path, "--json"]).json();
    assert!((report["e_value"].as_f64().unwrap() - 14.365_333_6).abs() < 1e-6, "{report}");
    assert_eq!(
        (&report["verdict"], report["per_minute"].as_array().unwrap().len()),
        (&"inconclusive".into(), 1)
    );
    fs::write(&file, format!("{head}{}", "100,900,1,9\n".repeat(10))).unwrap();
    let report = offline(&["canary", path, "--json"]).json();
    assert!((report["e_value"].as_f64().unwrap() - 0.102_706_7).abs() < 1e-6, "{report}");
    fs::write(&file, format!("{head}100,900,60,9\n")).unwrap();
    let failed = offline(&["canary", path, "--json"]);
    assert_eq!((failed.code, failed.json()["verdict"].as_str()), (0, Some("fail")));
    assert_eq!(offline(&["canary", path, "--gate"]).code, 1);
    fs::write(&file, format!("{head}100,900,five,9\n")).unwrap();
    let wrong = offline(&["canary", path]);
    assert!(wrong.code == 2 && wrong.err.contains("line 2"), "{}", wrong.err);
}

#[test]
fn a_recorded_canary_may_be_numbers_or_histograms() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary.csv");
    let path = file.to_str().unwrap();
    fs::write(&file, format!("canary,stable\n{}", "205.5,100\n198,101.25\n".repeat(5))).unwrap();
    let report = offline(&["canary", path, "--json"]).json();
    assert_eq!(report["verdict"], "fail", "{report}");
    assert_eq!(offline(&["canary", path, "--gate"]).code, 1);
    let better = offline(&["canary", path, "--json", "--worse", "lower"]).json();
    assert_eq!(better["verdict"], "pass", "{better}");
    let window = |n| format!("{n},stable,100,95\n{n},stable,inf,5\n{n},canary,100,5\n{n},canary,inf,5\n");
    let rows: String = (1..=5).map(window).collect();
    fs::write(&file, format!("window,side,upper,count\n{rows}")).unwrap();
    let report = offline(&["canary", path, "--json"]).json();
    assert_eq!(report["verdict"], "fail", "{report}");
    fs::write(&file, "canary,stable\n1,two\n").unwrap();
    let wrong = offline(&["canary", path]);
    assert!(wrong.code == 2 && wrong.err.contains("line 2, column `stable`"), "{}", wrong.err);
}

#[test]
fn four_bad_against_none_over_equal_windows_is_inconclusive() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary.csv");
    let rows = ["100,100,1,0\n".repeat(4), "100,100,0,0\n".repeat(2)].concat();
    fs::write(&file, rows).unwrap();
    let report = offline(&["canary", file.to_str().unwrap(), "--json"]).json();
    assert_eq!(report["verdict"], "inconclusive", "{report}");
    assert!(report["reason"].as_str().unwrap().starts_with("4 of 600 requests to it failed"), "{report}");
}

#[test]
fn a_tree_is_described_with_the_agreed_keys() {
    let folder = tempfile::tempdir().unwrap();
    let report = offline(&["inspect", app(folder.path()).to_str().unwrap(), "--json"]).json();
    let keys = [
        "provider",
        "framework",
        "package_manager",
        "runtime_version",
        "start_command",
        "port",
        "static_site",
        "monorepo",
        "env_required",
        "evidence",
        "alternatives",
    ];
    for key in keys {
        assert!(report.get(key).is_some(), "{key} is missing in {report}");
    }
    assert!(report["start_command"].as_str().unwrap().ends_with("demo-app"), "{report}");
}

#[test]
fn tokens_and_documents_need_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &["token", "--role", "viewer", "--user", "ann", "--json"]).json();
    assert_eq!((made["role"].as_str(), made["user"].as_str()), (Some("viewer"), Some("ann")));
    assert_eq!(made["token"].as_str().unwrap().split('.').count(), 3);
    let document = offline(&["openapi"]).json();
    assert!(document["paths"]["/api/v1/deployments/register"]["post"].is_object());
    let catalog = offline(&["catalog", "--json"]).json();
    assert!(catalog["functions"].as_array().unwrap().len() >= 10);
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = run(folder.path(), &["completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("redeploy") && !ran.out.contains("Keep this in"), "{shell}: {}", ran.out);
        assert!(ran.err.contains("Keep this in"), "{}", ran.err);
    }
    let page = run(folder.path(), &["man"]);
    assert!(page.out.contains(".TH sextant") && page.out.contains("redeploy"), "{}", page.out);
    let page = run(folder.path(), &["man", "env", "import"]);
    assert!(page.out.contains(".TH sextant-env-import") && page.out.contains("no\\-deploy"), "{}", page.out);
    let unknown = run(folder.path(), &["man", "nonsense"]);
    assert!(unknown.code == 2 && unknown.err.contains("no command `nonsense`"), "{}", unknown.err);
}
