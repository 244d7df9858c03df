//! `sextant scan` on a tree with everything in it: what is found, accepted, shown, and how it ends.

use crate::program::{Ran, run};
use std::{fs, path::Path};
use tempfile::TempDir;

/// Put together here, so that no scanner takes this file for a leak.
fn github() -> String {
    format!("ghp_{}", "a8Kq3ZxP0mW7vT2rYc5LqK3aZ8xPm0W7Tv2r")
}

fn tree() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("Dockerfile", "FROM alpine:3.20\nADD x /y\nUSER 1000\nCMD [\"x\"]\n".into());
    write(
        "deploy/compose.yaml",
        "services:\n  db:\n    environment:\n      DB_PASSWORD: corr3ct-horse\n".into(),
    );
    write(".env", format!("LOG_LEVEL=info\nTOKEN={}\n", github()));
    write(
        "src/config.py",
        format!("API = \"{}\"  # gitleaks:allow\nOTHER = \"{0}\"  # sextant:allow\n", github()),
    );
    write("src/clean.py", "password = getpass.getpass()\ntoken = os.environ[\"TOKEN\"]\n".into());
    folder
}

fn scan(folder: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["scan", folder.to_str().unwrap()];
    arguments.extend(more);
    run(Path::new("/nonexistent/sextant"), &arguments)
}

#[test]
fn dockerfiles_and_secrets_are_found_together_and_no_secret_is_shown() {
    let folder = tree();
    let ran = scan(folder.path(), &["--format", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let json = ran.json();
    let files = json.as_array().unwrap();
    let found: Vec<(String, String, u64)> = files
        .iter()
        .flat_map(|file| file["findings"].as_array().unwrap())
        .filter(|finding| finding["severity"] != "info")
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap().to_owned();
            assert!(!text("fix").is_empty() && !text("why").is_empty() && !text("fingerprint").is_empty());
            (text("path"), text("rule"), finding["line"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        (".env", "github-token", 2),
        ("Dockerfile", "add-for-copy", 2),
        ("deploy/compose.yaml", "password", 4),
    ];
    let found: Vec<(&str, &str, u64)> =
        found.iter().map(|(path, rule, line)| (&**path, &**rule, *line)).collect();
    for one in expected {
        let same = |(path, _, line): &(&str, &str, u64)| *path == one.0 && *line == one.2;
        assert!(
            found.contains(&one) || (one.0 == "Dockerfile" && found.iter().any(same)),
            "{one:?} in {found:?}"
        );
    }
    assert!(found.iter().all(|(path, ..)| !path.starts_with("src/")), "{found:?}");
    for shown in [ran, scan(folder.path(), &[]), scan(folder.path(), &["--format", "sarif"])] {
        assert!(!shown.out.contains(&github()[4..12]) && !shown.out.contains("corr3ct"), "{}", shown.out);
        assert!(shown.out.contains("ghp_***"), "{}", shown.out);
    }
}

#[test]
fn one_scanner_alone_and_levels_of_failure() {
    let folder = tree();
    let rules = |more: &[&str]| {
        let json = scan(folder.path(), more).json();
        let run = json["runs"][0].clone();
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for result in run["results"].as_array().unwrap() {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
        }
        rules.iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rules(&["--format", "sarif", "--only", "secrets"]), ["github-token", "password"]);
    let dockerfile = rules(&["--format", "sarif", "--only", "dockerfile"]);
    assert!(!dockerfile.is_empty() && !dockerfile.contains(&"password".to_owned()), "{dockerfile:?}");
    assert_eq!(scan(folder.path(), &["--fail-on", "none"]).code, 0);
    fs::remove_file(folder.path().join(".env")).unwrap();
    assert_eq!(scan(folder.path(), &["--only", "secrets"]).code, 0, "a guess is a warning");
    assert_eq!(scan(folder.path(), &["--only", "secrets", "--fail-on", "warning"]).code, 1);
}

#[test]
fn a_baseline_accepts_what_is_there_and_nothing_new() {
    let folder = tree();
    let file =
        folder.path().join("../").join(format!("{}.txt", folder.path().file_name().unwrap().display()));
    let baseline = file.to_str().unwrap();
    assert_eq!(scan(folder.path(), &["--write-baseline", baseline]).code, 0);
    let written = fs::read_to_string(&file).unwrap();
    assert!(!written.contains(&github()[4..12]) && !written.contains("corr3ct"), "{written}");
    let again = scan(folder.path(), &["--baseline", baseline, "--fail-on", "info"]);
    assert_eq!(again.code, 0, "{}", again.out);
    // Moved lines stay known; a second one that reads alike is new.
    fs::write(folder.path().join(".env"), format!("\n\nTOKEN={0}\nTOKEN={0}\n", github())).unwrap();
    let more = scan(folder.path(), &["--baseline", baseline, "--format", "json"]);
    assert_eq!((more.code, more.out.matches("\"github-token\"").count()), (1, 1), "{}", more.out);
    fs::write(&file, "no baseline").unwrap();
    assert_eq!(scan(folder.path(), &["--baseline", baseline]).code, 2);
    fs::remove_file(&file).unwrap();
    let missing = scan(folder.path(), &["--baseline", baseline]);
    assert!(missing.code == 2 && missing.err.contains("--write-baseline"), "{}", missing.err);
}

#[test]
fn a_folder_without_a_dockerfile_and_single_files() {
    let folder = tempfile::tempdir().unwrap();
    let empty = scan(folder.path(), &[]);
    assert_eq!((empty.code, empty.out.trim()), (0, "0 files, 0 errors, 0 warnings, 0 notes"));
    let file = folder.path().join("settings.ini");
    fs::write(&file, format!("token = {}\n", github())).unwrap();
    let one = scan(&file, &[]);
    assert!(one.code == 1 && one.out.contains("settings.ini:1: error: "), "{}", one.out);
    let image = folder.path().join("image.txt");
    fs::write(&image, "# an image by its text\nARG V=1\nFROM alpine:$V\nADD x /y\n").unwrap();
    assert_eq!(scan(&image, &[]).code, 1);
    let none = scan(&folder.path().join("nothing"), &[]);
    assert!(none.code == 2 && none.err.contains("can't be read"), "{}", none.err);
}
