//! The detector: total, places that exist, nothing of a secret shown, what is found is what redaction hides.
#![no_main]

use inspect::redact::Redactor;
use inspect::secret::{Baseline, scan_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let findings = scan_text("file", text);
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let mut redactor = Redactor::new(&[]);
    let mut out = redactor.push(text);
    out.extend(redactor.finish());
    let hidden: Vec<&[u8]> = out.split(|byte| *byte == b'\n').collect();
    for finding in &findings {
        let line = lines.get(finding.line - 1).expect("a line that isn't there");
        assert!((1..=line.len()).contains(&finding.column), "a column that isn't there: {finding:?}");
        // Of a private key the first line stays readable, and those behind it go.
        let here = finding.line - 1..lines.len().min(finding.line + 8);
        assert_ne!(lines.get(here.clone()), hidden.get(here), "found, not hidden: {finding:?}");
        assert!(finding.shown.chars().count() <= 200);
    }
    let known = Baseline::text(&findings);
    assert!(findings.is_empty() == known.is_empty());
});
