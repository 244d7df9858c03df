//! Bytes that are no UTF-8, marks before the text, other line ends, and NUL.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use crate::place::Place;

const PACKAGE: &str = "{\n  \"engines\": {\"node\": \"20\"},\n  \"scripts\": {\"start\": \"node a.js\"}\n}\n";

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn a_mark_before_the_text_and_other_line_ends_change_nothing() {
    for text in [
        PACKAGE.to_owned(),
        format!("\u{feff}{PACKAGE}"),
        PACKAGE.replace('\n', "\r\n"),
        format!("\u{feff}{}", PACKAGE.replace('\n', "\r\n")),
    ] {
        let place = Place::with(&[("package.json", &text)]);
        let report = place.ask().report;
        assert_eq!(report.start_command.as_deref(), Some("npm run start"), "{text:?}");
        assert_eq!(report.runtime_version.as_deref(), Some("20"));
        let line =
            report.evidence.iter().find(|evidence| evidence.claim.starts_with("start_command")).unwrap().line;
        assert_eq!(line, Some(3));
    }
}

#[test]
fn text_in_utf_16_is_read_by_its_mark() {
    for big in [false, true] {
        let place = Place::new();
        place.write("package.json", utf16(PACKAGE, big));
        assert_eq!(place.ask().report.start_command.as_deref(), Some("npm run start"));
        place.write("requirements.txt", utf16("flask==3.0.0\n", big));
        place.ask();
    }
}

#[test]
fn bytes_that_are_no_text_have_an_answer() {
    let noise: Vec<u8> = (0..=255_u8).cycle().take(4096).collect();
    for name in [
        "package.json",
        "Cargo.toml",
        "Dockerfile",
        "requirements.txt",
        "pom.xml",
        "app.yaml",
        "Procfile",
        "go.mod",
        ".nvmrc",
        "server.js",
        "sextant.toml",
    ] {
        for text in [
            noise.clone(),
            vec![0; 4096],
            b"\xff\xfe".to_vec(),
            b"\xff\xfe\x00".to_vec(),
            b"\xfe\xff\xd8".to_vec(),
            b"\xef\xbb\xbf".to_vec(),
        ] {
            let place = Place::new();
            place.write(name, text);
            place.ask();
        }
    }
}

#[test]
fn one_bad_byte_does_not_hide_the_rest() {
    let place = Place::new();
    place.write(
        "package.json",
        [PACKAGE.trim_end().trim_end_matches('}').as_bytes(), b", \"author\": \"J\xf6rg\"}"].concat(),
    );
    assert_eq!(place.ask().report.start_command.as_deref(), Some("npm run start"));
}

#[test]
fn a_name_that_is_no_utf_8_is_passed_over() {
    let place = Place::with(&[("package.json", PACKAGE)]);
    let name = OsStr::from_bytes(b"a\xff\xfe.js");
    fs::write(place.tree().join(name), "app.listen(1234)").unwrap();
    fs::create_dir(place.tree().join(OsStr::from_bytes(b"\xff"))).unwrap();
    fs::write(place.tree().join(OsStr::from_bytes(b"\xff")).join("package.json"), PACKAGE).unwrap();
    let answers = place.ask();
    assert_eq!(answers.report.port, None);
    assert!(answers.report.apps.is_empty());
}

#[test]
fn secrets_are_found_under_any_name() {
    let place = Place::new();
    fs::write(place.tree().join(OsStr::from_bytes(b"\xff.txt")), "password = \"a8Kq3ZxP0mW7vT2rYc5L\"\n")
        .unwrap();
    let found = place.ask().secrets;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].file, "\u{fffd}.txt");
}
