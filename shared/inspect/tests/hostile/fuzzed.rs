//! What fuzzing found: each input as it was, shortened.

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
