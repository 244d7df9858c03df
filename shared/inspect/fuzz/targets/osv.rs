//! Exports of OSV, as JSON lines or as an archive: any bytes end in an answer or a refusal.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use inspect::vulnerability::{Locked, find, lock};
use libfuzzer_sys::fuzz_target;

static LOCKED: LazyLock<Vec<Locked>> = LazyLock::new(|| {
    let lists = [
        ("requirements.txt", "a==1.2.3\n"),
        ("go.mod", "require b v1.0.0-rc.1\n"),
        ("gradle.lockfile", "c:c:1.0-M1=x\n"),
    ];
    lists.iter().filter_map(|(name, text)| lock::read_text(name, text)).flatten().collect()
});

static PLACE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("inspect-fuzz-osv-{}", std::process::id())));

fuzz_target!(|data: &[u8]| {
    let end = if data.starts_with(b"PK") { "zip" } else { "jsonl" };
    let export = PLACE.with_extension(end);
    if std::fs::write(&export, data).is_err() {
        return;
    }
    if let Ok((counts, findings)) = find(&LOCKED, &export) {
        assert!(counts.entries > 0);
        assert!(findings.iter().all(|finding| finding.summary.chars().count() <= 200));
    }
    let _ = std::fs::remove_file(export);
});
