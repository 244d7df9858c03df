//! Files that were damaged, cut or removed are refused with the way out, and never changed; interrupted writes are not
//! damage.

use machine::engine;
use machine::store::{Options, Store};
use model::port::Store as _;
use model::port::store::{Path, Precondition, StoreError, Write};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const FRAME: [u8; 4] = [0xf5, b'S', 0xff, b'X'];

fn write(n: usize) -> Vec<Write> {
    let document = json!({ "n": n, "text": "t".repeat(40) });
    vec![Write::put(Path::new(format!("a/d{n}")), Precondition::None, &document).unwrap()]
}

/// A folder with ten commits, one frame each; and the journal. It was closed properly, or died within a second.
async fn written(properly: bool) -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let first = fs::read(folder.path().join("checkpoint")).unwrap();
    for n in 0..10 {
        store.commit(write(n)).await.unwrap();
    }
    drop(store);
    if !properly {
        fs::write(folder.path().join("checkpoint"), first).unwrap();
    }
    let file = folder.path().join("journal-0000000001");
    let bytes = fs::read(&file).unwrap();
    (folder, file, bytes)
}

/// Where each frame begins.
fn frames(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 4).step_by(8).filter(|&at| bytes[at..].starts_with(&FRAME)).collect()
}

/// Where the last frame ends.
fn end(bytes: &[u8]) -> usize {
    let start = *frames(bytes).last().unwrap();
    let length = u32::from_le_bytes(bytes[start + 4..start + 8].try_into().unwrap());
    (start + 24 + length as usize).next_multiple_of(8)
}

fn open(folder: &TempDir) -> Result<Store, StoreError> {
    Store::open(folder.path(), Options::default())
}

/// Refused, with nothing changed.
fn refused(folder: &TempDir) -> String {
    let before = contents(folder);
    let text = match open(folder) {
        Err(StoreError::Corrupt(text)) => text,
        Err(e) => panic!("{e}"),
        Ok(store) => panic!("opened with {:?}", store.stats()),
    };
    for part in ["Nothing was changed", "sextant restore", "--fresh"] {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    let after = contents(folder);
    let changed = before
        .iter()
        .filter(|file| !after.contains(file))
        .chain(after.iter().filter(|file| !before.contains(file)));
    let changed: Vec<_> = changed.map(|(name, _)| name).collect();
    assert!(changed.is_empty(), "{changed:?} was changed though it said: {text}");
    text
}

/// Everything but the lock, and the lists of tables: of those the newest alone counts, and others are tidied away.
fn contents(folder: &TempDir) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = super::random::files(folder.path());
    let kept = |name: &str| name != "lock" && !name.starts_with('v');
    found.retain(|(name, _)| name.file_name().and_then(|name| name.to_str()).is_some_and(kept));
    found
}

#[tokio::test]
async fn damage_before_a_valid_frame_is_refused() {
    let (folder, file, good) = written(false).await;
    let frames = frames(&good);
    assert_eq!(frames.len(), 10);
    for (number, &start) in frames[..9].iter().enumerate() {
        for at in [start, start + 5, start + 9, start + 17, start + 30, frames[number + 1] - 9] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&file, &bad).unwrap();
            let text = refused(&folder);
            for part in [file.to_str().unwrap(), &format!("byte {start}")] {
                assert!(text.contains(part), "{text:?} lacks {part:?}");
            }
        }
        let mut bad = good.clone();
        bad[start..frames[number + 1]].fill(0);
        fs::write(&file, &bad).unwrap();
        assert!(refused(&folder).contains("missing"), "a frame that became zeros");
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(open(&folder).unwrap().stats().documents, 10);
}

#[tokio::test]
async fn a_wrong_header_is_refused() {
    let (folder, file, good) = written(true).await;
    let mut schema = good.clone();
    schema[16] = 2;
    let crc = crc32(&schema[..32]);
    schema[32..36].copy_from_slice(&crc.to_le_bytes());
    let mut magic = good.clone();
    magic[0] = b'S';
    let mut flipped = good.clone();
    flipped[17] ^= 1;
    let cases = [
        (schema, "schema 2"),
        (magic, "doesn't begin"),
        (flipped, "checksum"),
        (good[..20].to_vec(), "doesn't begin"),
        (vec![], "doesn't begin"),
    ];
    for (bad, why) in cases {
        fs::write(&file, &bad).unwrap();
        let text = refused(&folder);
        assert!(text.contains(why) && text.contains("byte 0"), "{text}");
    }
}

/// CRC-32 as in zip, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn an_interrupted_write_is_cut_off() {
    let (folder, file, good) = written(false).await;
    let checkpoint = fs::read(folder.path().join("checkpoint")).unwrap();
    let (last, end) = (frames(&good)[9], end(&good));
    for length in (last..end).step_by(3) {
        let mut torn = good[..length].to_vec();
        torn.resize(good.len(), 0);
        for bytes in [good[..length].to_vec(), torn] {
            fs::write(&file, bytes).unwrap();
            fs::write(folder.path().join("checkpoint"), &checkpoint).unwrap();
            let store = open(&folder).unwrap();
            // Only the padding may be missing: then the commit is whole.
            assert!(
                store.stats().documents == 9 || (length + 8 > end && store.stats().documents == 10),
                "cut at {length}"
            );
            store.commit(write(20)).await.unwrap();
            drop(store);
            let store = open(&folder).unwrap();
            let there: Value = store.get(&Path::new("a/d20")).await.unwrap().unwrap().body.parse().unwrap();
            assert_eq!(there["n"], 20);
        }
    }
}

/// After a proper end, or a second, nothing can be missing unnoticed, not even at the very end.
#[tokio::test]
async fn a_journal_shorter_than_it_was_is_refused() {
    let (folder, file, good) = written(true).await;
    let mut cuts = frames(&good);
    cuts.extend([end(&good) - 9, cuts[9] + 30]);
    for cut in cuts {
        fs::write(&file, &good[..cut]).unwrap();
        assert!(refused(&folder).contains("had come to change"), "cut at {cut}");
    }
    let mut bad = good.clone();
    bad[frames(&good)[9] + 40] ^= 1;
    fs::write(&file, &bad).unwrap();
    assert!(refused(&folder).contains("had come to change"), "the last frame is damaged");
    fs::remove_file(&file).unwrap();
    assert!(refused(&folder).contains("had come to change"), "the journal is gone");
    fs::write(&file, &good).unwrap();
    assert_eq!(open(&folder).unwrap().stats().documents, 10);
}

#[tokio::test]
async fn the_checkpoint_follows_within_about_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    let place = folder.path().join("checkpoint");
    let follows = |before: Vec<u8>| {
        let began = std::time::Instant::now();
        while fs::read(&place).unwrap() == before {
            assert!(began.elapsed().as_secs() < 20, "no checkpoint after {:?}", began.elapsed());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    // The very first at once, the others within a second.
    for n in 0..2 {
        let before = fs::read(&place).unwrap();
        store.commit(write(n)).await.unwrap();
        follows(before);
    }
    // What a kill -9 now would leave, cut behind the header.
    let killed = tempfile::tempdir().unwrap();
    super::random::copy(folder.path(), killed.path());
    let file = killed.path().join("journal-0000000001");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..40]).unwrap();
    assert!(refused(&killed).contains("had come to change"));
}

/// With tables on disk: a part that is gone, or was put back from an older copy.
#[tokio::test]
async fn a_part_that_is_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let small = engine::Options { table_bytes: 4_000, ..engine::Options::default() };
    let store = Store::open(folder.path(), Options { engine: small, ..Options::default() }).unwrap();
    let mut n = 0;
    while store.stats().flushes < 2 {
        store.commit(write(n)).await.unwrap();
        n += 1;
    }
    drop(store);
    // Opened once more: tables that were merged into others are tidied away.
    drop(open(&folder).unwrap());
    let good = super::random::files(folder.path());
    let tables = folder.path().join("tables");
    let restore = || {
        fs::remove_dir_all(&tables).ok();
        for (name, bytes) in &good {
            fs::create_dir_all(name.parent().unwrap()).unwrap();
            fs::write(name, bytes).unwrap();
        }
    };
    for (name, _) in good.iter().filter(|(name, _)| !name.ends_with("lock")) {
        let list =
            name.parent() == Some(&tables) && name.file_name().unwrap().to_str().unwrap().starts_with('v');
        fs::remove_file(name).unwrap();
        // Of the lists of tables the newest alone counts.
        if !list || open(&folder).is_err() {
            refused(&folder);
        }
        restore();
    }
    fs::remove_dir_all(&tables).unwrap();
    refused(&folder);
    restore();
    assert_eq!(open(&folder).unwrap().stats().documents, n as u64);
}

#[tokio::test]
async fn one_process_has_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    let Err(refused) = open(&folder) else { panic!("two stores on one folder") };
    let text = refused.to_string();
    for part in [folder.path().to_str().unwrap(), &format!("Process {}", std::process::id()), "--data"] {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    store.commit(write(1)).await.unwrap();
    drop(store);
    assert_eq!(open(&folder).unwrap().stats().documents, 1);
}

#[tokio::test]
async fn a_half_made_file_is_thrown_away() {
    let (folder, _, _) = written(true).await;
    let draft = folder.path().join("journal-0000000002.new");
    fs::write(&draft, b"sextant-jour").unwrap();
    assert_eq!(open(&folder).unwrap().stats().documents, 10);
    assert!(!draft.exists());
}
