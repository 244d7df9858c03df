//! Redaction: any cut into chunks gives the same, redacting twice changes nothing, nothing found is left.
#![no_main]

use inspect::redact::Redactor;
use libfuzzer_sys::fuzz_target;

fn redacted(secrets: &[String], text: &[u8], mut size: impl FnMut() -> usize) -> Vec<u8> {
    let mut redactor = Redactor::new(secrets);
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(size().clamp(1, rest.len()));
        out.extend(redactor.push(head));
        rest = tail;
    }
    out.extend(redactor.finish());
    out
}

fuzz_target!(|data: &[u8]| {
    // The first bytes say how the text is cut, and whether a value of its own is hidden and what repeats.
    let Some((cuts, text)) = data.split_at_checked(4) else { return };
    let secrets = if cuts[0] % 4 == 0 { vec!["only-me".to_owned()] } else { Vec::new() };
    let repeated;
    let text = if cuts[0] % 8 == 7 && text.len() < 1024 {
        // Lines that are longer than what is judged at once.
        repeated = text.repeat((80 << 10) / text.len().max(1));
        repeated.as_slice()
    } else {
        text
    };
    let whole = redacted(&secrets, text, || usize::MAX);
    let mut turn = 0;
    let cut = redacted(&secrets, text, || {
        turn += 1;
        usize::from(cuts[1 + turn % 3]).pow(1 + (turn % 2) as u32)
    });
    assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&cut), "chunks change the output");
    assert_eq!(whole, cut, "chunks change the output");
    let twice = redacted(&secrets, &whole, || usize::MAX);
    assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&whole), "redacting twice differs");
    let breaks = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(breaks(&whole), breaks(text), "a line came or went");
    let left = inspect::secret::scan_text("x", &whole);
    assert!(left.is_empty(), "{left:?} is left in {}", String::from_utf8_lossy(&whole));
});
