//! Files and folders that may not be read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::place::Place;

fn forbid(path: &std::path::Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
}

/// Whoever may do everything reads these, too: then the answer is the one of a tree that may be read.
fn may_do_everything(path: &std::path::Path) -> bool {
    fs::File::open(path).is_ok()
}

#[test]
fn a_file_that_may_not_be_read_is_there() {
    let place = Place::with(&[("package.json", r#"{"scripts":{"start":"x"}}"#)]);
    let file = place.tree().join("package.json");
    forbid(&file);
    let report = place.ask().report;
    assert_eq!(report.provider.map(inspect::Provider::name), Some("node"));
    assert_eq!(report.start_command.is_some(), may_do_everything(&file));
}

#[test]
fn a_folder_that_may_not_be_listed_is_said() {
    let place =
        Place::with(&[("go.mod", "module a\n"), ("closed/main.go", "package main\nfunc main() {}\n")]);
    let folder = place.tree().join("closed");
    forbid(&folder);
    let report = place.ask().report;
    let said = report.evidence.iter().any(|evidence| evidence.claim.contains("closed"));
    let open = may_do_everything(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(said, "{:?}", report.evidence);
    assert_eq!(report.start_command.is_some(), open);
}

#[test]
fn a_tree_that_may_not_be_listed_is_an_error_that_says_what_to_do() {
    let place = Place::new();
    forbid(&place.tree());
    let answer = inspect::read(&place.tree(), &inspect::Options::default());
    let open = may_do_everything(&place.tree());
    fs::set_permissions(place.tree(), fs::Permissions::from_mode(0o700)).unwrap();
    match answer {
        Ok(report) => assert!(open && report.provider.is_none()),
        Err(error) => assert!(!open && error.to_string().contains("permissions"), "{error}"),
    }
}
