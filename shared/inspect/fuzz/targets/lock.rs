//! Lock files by their name in the first line; the versions that come out have one order.
#![no_main]

use inspect::vulnerability::{Ecosystem, compare, lock};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (name, text) = text.split_once('\n').unwrap_or(("", &text));
    let first = usize::from(*name.as_bytes().first().unwrap_or(&0));
    // Where it names nothing known, its first byte counts.
    let name = lock::NAMES.iter().find(|known| **known == name).unwrap_or(&lock::NAMES[first % lock::NAMES.len()]);
    let locked = lock::read_text(name, text).expect("a lock file's name");
    let lines = text.split('\n').count();
    for one in &locked {
        assert!((1..=lines).contains(&one.line), "a line that isn't there: {one:?}");
        assert!(!one.name.is_empty() && !one.version.is_empty());
    }
    // Any texts have one order, also those that are no versions.
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    for ecosystem in Ecosystem::ALL {
        let mut sorted = words.clone();
        sorted.sort_by(|a, b| compare(ecosystem, a, b));
        for (at, a) in sorted.iter().enumerate() {
            for b in &sorted[at..] {
                assert!(compare(ecosystem, a, b).is_le(), "{ecosystem:?}: {sorted:?}");
                assert_eq!(compare(ecosystem, a, b), compare(ecosystem, b, a).reverse(), "{a} and {b}");
            }
        }
    }
});
