//! A whole tree with links: never a crash, never a file of outside, twice the same, a Dockerfile that parses.
#![no_main]

use std::sync::{LazyLock, Mutex};

use inspect_fuzz::{CANARY, Folder, inspect};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Mutex<Folder>> = LazyLock::new(|| Mutex::new(Folder::new()));

fuzz_target!(|data: &[u8]| {
    let Ok(folder) = FOLDER.lock() else { return };
    folder.fill(data);
    inspect(&folder.tree());
    let found = inspect::secret::scan_tree(&folder.tree(), &inspect::secret::ScanOptions::default());
    assert!(
        found.iter().all(|finding| !finding.shown.contains(CANARY)),
        "a file outside of the tree was read"
    );
});
