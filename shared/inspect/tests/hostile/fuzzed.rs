//! What fuzzing found: each input as it was, shortened.

use crate::place::Place;
use inspect::docker::{generate, parse};
use inspect::redact::Redactor;
use inspect::secret::scan_text;

fn redacted(text: &[u8]) -> Vec<u8> {
    let mut redactor = Redactor::new(&[]);
    let mut out = redactor.push(text);
    out.extend(redactor.finish());
    out
}

/// The detector took a `\r` before the end of the text for a part of the line's end, redaction for text.
#[test]
fn a_stream_that_ends_between_return_and_line_feed() {
    let text = b"password>\nenyJhbGciOi-UzIN9e2yiJ.JYc\r";
    assert_eq!(scan_text("x", text).len(), 1);
    assert_eq!(redacted(text), b"password>\n***\r");
    assert_eq!(redacted(&redacted(text)), b"password>\n***\r");
}

/// The name of a variable went into the generated Dockerfile with the line's end in it.
#[test]
fn a_variable_whose_name_no_file_can_write() {
    let place = Place::new();
    place.write(
        "app.yaml",
        "runtime: python312\nentrypoint: gunicorn a:b\nenv_variables:\n  A\u{2}\rRUN x: \"b\"\n  GOOD: c\n",
    );
    let report = place.ask().report;
    assert_eq!(report.run_env.keys().collect::<Vec<_>>(), ["GOOD"]);
    let text = generate(&report).dockerfile;
    assert_eq!(parse(&text).problems, [], "{text}");
}

/// A value of several lines ends an ENV after its first.
#[test]
fn a_variable_of_several_lines() {
    let place = Place::new();
    place.write("main.py", "");
    place.write("sextant.toml", "[env]\nA = \"b\\nRUN evil\"\n");
    let generated = generate(&place.ask().report);
    assert!(!generated.dockerfile.contains("evil"), "{}", generated.dockerfile);
    assert!(
        generated.because.iter().any(|why| why.starts_with("A: of several lines")),
        "{:?}",
        generated.because
    );
}

/// A key behind a log's time begins in the line after its mark: the column was one behind that line's end.
#[test]
fn a_key_that_begins_in_the_next_line() {
    let text = b"12:00 -----BEGIN RSA PRIVATE KEY-----\n\nMIIEa8Kq3ZxP0mW7vT2rYc5L==\n-7vT2rYc5L==\n";
    let findings = scan_text("x", text);
    assert_eq!((findings.len(), findings[0].line, findings[0].column), (1, 1, 7));
}
