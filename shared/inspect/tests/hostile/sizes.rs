//! Files and folders that are larger than anything that people write.

use std::fs;

use inspect::{Limits, Options};

use crate::place::Place;

/// A file of 1 GB that takes no room on the disk.
fn huge(place: &Place, name: &str) {
    let file = fs::File::create(place.tree().join(name)).unwrap();
    file.set_len(1 << 30).unwrap();
}

#[test]
fn a_file_of_a_gigabyte_is_there_and_not_read() {
    for (name, provider) in [
        ("package.json", "node"),
        ("Cargo.toml", "rust"),
        ("go.mod", "go"),
        ("pom.xml", "java"),
        ("requirements.txt", "python"),
        ("Dockerfile", "dockerfile"),
    ] {
        let place = Place::new();
        huge(&place, name);
        huge(&place, "Cargo.lock");
        huge(&place, "package-lock.json");
        huge(&place, ".env");
        let answers = place.ask();
        assert_eq!(answers.report.provider.map(inspect::Provider::name), Some(provider));
        assert!(answers.report.runtime_version.is_none() && answers.secrets.is_empty());
    }
}

#[test]
fn a_folder_of_100_000_entries_is_read_up_to_the_limit_and_that_is_said() {
    let place = Place::new();
    let many = place.tree().join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..100_000 {
        fs::File::create(many.join(format!("{number}.js"))).unwrap();
    }
    place.write("package.json", r#"{"scripts":{"start":"node a.js"}}"#);
    let read = |entries| {
        let limits = Limits { entries, ..Limits::default() };
        inspect::read(&place.tree(), &Options { limits, ..Options::default() }).unwrap()
    };
    assert!(read(200_000).evidence.iter().all(|evidence| !evidence.claim.contains("not complete")));
    let report = read(50_000);
    assert_eq!(
        report.start_command.as_deref(),
        Some("npm run start"),
        "what is near is read before what is deep"
    );
    let cut = report.evidence.iter().find(|evidence| evidence.claim.contains("not complete")).unwrap();
    assert!(cut.claim.contains("50000"), "{}", cut.claim);
}

#[test]
fn all_files_together_are_read_up_to_the_limit() {
    let files: Vec<_> =
        (0..40).map(|number| (format!("{number:02}.js"), "app.listen(4321)\n".to_owned())).collect();
    let place = Place::new();
    for (name, text) in &files {
        place.write(name, text);
    }
    place.write("package.json", "{}");
    let limits = Limits { total_bytes: 2, ..Limits::default() };
    let report = place.ask_within(limits).report;
    assert_eq!(report.port, None, "nothing but the manifest fits");
    assert_eq!(place.ask().report.port, Some(4321));
}

#[test]
fn lines_without_an_end() {
    let long = "x".repeat(100 << 10);
    for name in [
        "package.json",
        "requirements.txt",
        "Dockerfile",
        "Procfile",
        "go.mod",
        "Cargo.toml",
        "app.yaml",
        "server.js",
        ".nvmrc",
        "main.py",
        "compose.yaml",
        ".env.example",
        ".tool-versions",
    ] {
        for text in [
            long.clone(),
            format!("a: {long}"),
            format!("\"{long}"),
            format!("FROM {long}"),
            format!("web: {long}"),
        ] {
            let place = Place::new();
            place.write(name, text);
            place.ask();
        }
    }
}

#[test]
fn empty_files_are_files_with_nothing_in_them() {
    let place = Place::new();
    for name in [
        "package.json",
        "Dockerfile",
        "Cargo.toml",
        "go.mod",
        "requirements.txt",
        "Procfile",
        "compose.yaml",
        "app.yaml",
        "sextant.toml",
        ".nvmrc",
        "Gemfile",
    ] {
        place.write(name, "");
    }
    let report = place.ask().report;
    assert!(report.provider.is_some() && report.start_command.is_none(), "{:?}", report.start_command);
}
